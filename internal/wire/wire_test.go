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
		"II*\x00rest":             "image/tiff",
		"MM\x00*rest":             "image/tiff",
		"II*":                     "text/plain; charset=utf-8",
		"\x89PNG\x0D\x0A\x1A\x0A": "image/png",
		"\xFF\xD8\xFF":            "image/jpeg",
		"":                        "text/plain; charset=utf-8",
	} {
		require.Equal(t, want, ContentType([]byte(head)), "%q", head)
	}
}
