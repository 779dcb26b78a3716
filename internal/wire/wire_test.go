package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestItemID(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"NewItem.JPG": "NewItem", "IMG-1006-OK-T.JPG": "IMG-1006-OK-T", "plain": "plain",
		"a.tar.gz": "a.tar", ".hidden": "", "dot.": "dot", "": "",
	} {
		require.Equal(t, want, ItemID(name), "%q", name)
	}
}

func TestContentType(t *testing.T) {
	t.Parallel()
	for head, want := range map[string]string{
		"II*\x00rest":                  "image/tiff",
		"MM\x00*rest":                  "image/tiff",
		"II*":                          "text/plain; charset=utf-8",
		"\x89PNG\x0D\x0A\x1A\x0A":      "image/png",
		"\xFF\xD8\xFF":                 "image/jpeg",
		"":                             "text/plain; charset=utf-8",
		"BM\x36\x00\x00\x00":           "image/bmp",
		"GIF89a":                       "image/gif",
		"RIFF\x24\x00\x00\x00WEBPVP8 ": "image/webp",
		"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic": "image/heic",
		"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic": "image/heic",
		"\x00\x00\x00\x14ftypmif1\x00\x00\x00\x00mif1":     "image/heif",
		"\x00\x00\x00\x14ftypavif\x00\x00\x00\x00avif":     "image/avif",
		"\x00\x00\x00\x14ftypmp42\x00\x00\x00\x00mp42":     "video/mp4",
		"\x00\x00\x00\x18ftyp":                             "application/octet-stream",
		"\xff\xff\xff\xffftypheic":                         "image/heic",
		"\x00\x00\x00\x0cjP  \r\n\x87\n":                   "image/jp2",
		"\x00\x00\x00\x0cJXL \r\n\x87\n":                   "image/jxl",
	} {
		require.Equal(t, want, ContentType([]byte(head)), "%q", head)
	}
}
