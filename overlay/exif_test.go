package overlay_test

import (
	"bytes"
	"encoding/binary"
	"image"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/overlay"
)

// exif is metadata that notes an orientation, after another entry.
func exif(order binary.AppendByteOrder, orientation uint16) []byte {
	magic := []byte("II*\x00")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		magic = []byte("MM\x00*")
	}
	b := order.AppendUint32(magic, 8)
	b = order.AppendUint16(b, 2)
	b = append(order.AppendUint32(order.AppendUint16(order.AppendUint16(b, 0x0100), 4), 1), 0, 0, 0, 40)
	b = order.AppendUint32(order.AppendUint16(order.AppendUint16(b, 0x0112), 3), 1)
	b = append(order.AppendUint16(b, orientation), 0, 0)
	return order.AppendUint32(b, 0)
}

// uprights are what the corners look like to who minds the orientation: by the
// EXIF specification, which says where row 0 and column 0 are.
var uprights = map[int]struct {
	size image.Point
	seen string
}{
	1: {image.Pt(40, 20), "wldb"},
	2: {image.Pt(40, 20), "lwbd"}, // row 0 top, column 0 right
	3: {image.Pt(40, 20), "dbwl"}, // bottom, right
	4: {image.Pt(40, 20), "bdlw"}, // bottom, left
	5: {image.Pt(20, 40), "wbdl"}, // left, top
	6: {image.Pt(20, 40), "bwld"}, // right, top
	7: {image.Pt(20, 40), "dlwb"}, // right, bottom
	8: {image.Pt(20, 40), "ldbw"}, // left, bottom
}

func TestDecodeTurnsUpright(t *testing.T) {
	t.Parallel()
	for orientation, want := range uprights {
		for name, content := range map[string][]byte{
			"JPEG, little endian": asJPEG(t, corners(), exif(binary.LittleEndian, uint16(orientation))),
			"JPEG, big endian":    asJPEG(t, corners(), exif(binary.BigEndian, uint16(orientation))),
			"PNG":                 asPNG(t, corners(), exif(binary.BigEndian, uint16(orientation))),
			"TIFF":                asTIFF(t, corners(), uint16(orientation)),
		} {
			picture, err := overlay.Decode(bytes.NewReader(content))
			require.NoError(t, err, name)
			require.Equal(t, orientation, picture.Orientation, name)
			require.Equal(t, want.size, picture.Bounds().Size(), "%s, %d", name, orientation)
			require.Equal(t, want.seen, seen(picture), "%s, %d", name, orientation)
		}
	}
}

// Metadata that cannot be read is no metadata.
func TestDecodeWithBrokenMetadata(t *testing.T) {
	t.Parallel()
	good := exif(binary.LittleEndian, 6)
	far, many := bytes.Clone(good), bytes.Clone(good)
	binary.LittleEndian.PutUint32(far[4:], 0xfffffffe)
	binary.LittleEndian.PutUint16(many[8:], 0xffff)
	for name, metadata := range map[string][]byte{
		"none": {}, "short": good[:7], "cut off": good[:len(good)-20], "no directory": far,
		"9": exif(binary.LittleEndian, 9), "0": exif(binary.LittleEndian, 0), "noise": bytes.Repeat([]byte{0x5a}, 100),
	} {
		for _, content := range [][]byte{asJPEG(t, corners(), metadata), asPNG(t, corners(), metadata)} {
			picture, err := overlay.Decode(bytes.NewReader(content))
			require.NoError(t, err, name)
			require.Equal(t, 1, picture.Orientation, name)
			require.Equal(t, "wldb", seen(picture), name)
		}
	}
	picture, err := overlay.Decode(bytes.NewReader(asJPEG(t, corners(), many)))
	require.NoError(t, err)
	require.Equal(t, 6, picture.Orientation, "more entries announced than there are")
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"OK-01.jpg", "NG-01-scratch.jpg"} {
		content, err := os.ReadFile("../testdata/plates/inspect/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content[:600])
	}
	f.Add(append([]byte("\xff\xd8\xff\xe1\x00\x40Exif\x00\x00"), exif(binary.BigEndian, 6)...))
	f.Add(append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x20eXIf"), exif(binary.LittleEndian, 8)...))
	f.Add(exif(binary.LittleEndian, 3))
	f.Fuzz(func(t *testing.T, content []byte) {
		if config, _, err := image.DecodeConfig(bytes.NewReader(content)); err != nil || config.Width > 1000 || config.Height > 1000 {
			t.Skip("only what is noted in an image is new here, not its pixels")
		}
		picture, err := overlay.Decode(bytes.NewReader(content))
		if err == nil && (picture.Orientation < 1 || picture.Orientation > 8 || picture.Image == nil) {
			t.Errorf("orientation %d, image %v", picture.Orientation, picture.Image)
		}
	})
}
