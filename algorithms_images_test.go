package hacarus_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/tiff"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// photo is an image file of a size, in the format of its name.
func photo(name string, width, height int) hacarus.File {
	var b bytes.Buffer
	img := image.NewGray(image.Rect(0, 0, width, height))
	var err error
	switch name[strings.LastIndexByte(name, '.'):] {
	case ".jpg":
		err = jpeg.Encode(&b, img, nil)
	case ".tif":
		err = tiff.Encode(&b, img, nil)
	default:
		err = png.Encode(&b, img)
	}
	if err != nil {
		panic(err)
	}
	return hacarus.FileFromBytes(name, b.Bytes())
}

// bigTIFF is a TIFF file in big-endian order, with numbers of 32 bits.
func bigTIFF(width, height uint32) hacarus.File {
	b := []byte("MM\x00*\x00\x00\x00\x0apx")
	b = append(b, 0, 3)
	for _, entry := range [][3]uint32{{254, 4, 0}, {256, 4, width}, {257, 4, height}} {
		b = binary.BigEndian.AppendUint16(b, uint16(entry[0]))
		b = binary.BigEndian.AppendUint16(b, uint16(entry[1]))
		b = binary.BigEndian.AppendUint32(b, 1)
		b = binary.BigEndian.AppendUint32(b, entry[2])
	}
	return hacarus.FileFromBytes("big.tif", b)
}

func TestCheckImages(t *testing.T) {
	t.Parallel()
	matching := &hacarus.Algorithm{Name: "pattern matching"}
	require.NoError(t, matching.CheckImages())
	require.NoError(t, matching.CheckImages(photo("a.png", 40, 30), photo("b.jpg", 40, 30), photo("c.tif", 40, 30), bigTIFF(40, 30)))

	files := []hacarus.File{
		photo("odd.jpg", 30, 40), photo("a.png", 40, 30), photo("b.jpg", 40, 30), bigTIFF(40, 31), photo("c.tif", 40, 29),
		hacarus.FileFromBytes("text.png", []byte("no image")),
		hacarus.FileFromBytes("cut.tif", []byte("II*\x00\x08\x00\x00\x00")),
		hacarus.FileFromReader("once.png", io.MultiReader(strings.NewReader("x")), 1),
	}
	err := matching.CheckImages(files...)
	require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
	var warning *hacarus.ImageSizesError
	require.ErrorAs(t, err, &warning)
	require.Equal(t, &hacarus.ImageSizesError{
		Algorithm: "pattern matching",
		Size:      image.Pt(40, 30),
		Odd:       []hacarus.ImageSize{{File: "odd.jpg", Size: image.Pt(30, 40)}, {File: "big.tif", Size: image.Pt(40, 31)}, {File: "c.tif", Size: image.Pt(40, 29)}},
		Unknown:   []string{"text.png", "cut.tif", "once.png"},
	}, warning)
	require.Error(t, (&hacarus.Algorithm{Name: hacarus.AlgorithmLocalPattern}).CheckImages(files...))
	require.NoError(t, (&hacarus.Algorithm{Name: hacarus.AlgorithmReconstructor}).CheckImages(files...), "it takes any size")

	gone := errors.New("gone")
	err = matching.CheckImages(photo("a.png", 1, 1), hacarus.File{Name: "b.png", Open: func() (io.ReadCloser, error) { return nil, gone }})
	require.ErrorIs(t, err, gone)
	require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
	require.ErrorIs(t, matching.CheckImages(hacarus.File{Name: "b.png"}), hacarus.ErrInvalidArgument)
}

func FuzzCheckImages(f *testing.F) {
	for _, name := range []string{"a.png", "a.jpg", "a.tif"} {
		content, err := photo(name, 3, 2).Open()
		require.NoError(f, err)
		raw, err := io.ReadAll(content)
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a := &hacarus.Algorithm{Name: hacarus.AlgorithmPatternMatching}
		err := a.CheckImages(photo("a.png", 3, 2), photo("b.png", 3, 2), hacarus.FileFromBytes("x", raw))
		var warning *hacarus.ImageSizesError
		if errors.As(err, &warning) {
			require.Len(t, warning.Odd, 1)
		} else {
			require.NoError(t, err)
		}
	})
}

// Photographs of different size are found before they are uploaded.
func ExampleAlgorithm_CheckImages() {
	algorithm := &hacarus.Algorithm{Name: hacarus.AlgorithmPatternMatching}
	err := algorithm.CheckImages(photo("plate-1.png", 256, 192), photo("plate-2.png", 256, 192), photo("plate-3.png", 250, 192))
	fmt.Println(err)
	// Output: hacarus: Pattern Matching needs images of one size: most have 256x192 pixels, plate-3.png has 250x192
}
