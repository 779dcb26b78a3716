package images

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// tree makes files with some content.
func tree(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte("content of "+name), 0o600))
	}
}

func TestFind(t *testing.T) {
	t.Chdir(t.TempDir())
	tree(t, "a/1.png", "a/10.png", "a/2.PNG", "a/.hidden.png", "a/._1.png", "a/notes.txt",
		"lot [7]/x.jpg", "lot [7]/y.jpg", "lot 7/z.jpg", "empty/notes.txt", "star/b.png")
	if runtime.GOOS != "windows" {
		tree(t, "a*/odd?.png", `back\slash/q.png`)
	}
	for _, test := range []struct {
		args string // separated by |
		want string
	}{
		{"a", "a/1.png|a/2.PNG|a/10.png"},
		{"a/notes.txt", "a/notes.txt"},
		{"a|a/1.png|./a/2.PNG", "a/1.png|a/2.PNG|a/10.png"},
		{"a/*.png", "a/1.png|a/10.png"},
		{"a/?.*", "a/1.png|a/2.PNG"},
		{"lot [7]", "lot [7]/x.jpg|lot [7]/y.jpg"},
		{"lot [7]/*.jpg", "lot [7]/x.jpg|lot [7]/y.jpg"},
		{"lot*/x.*", "lot [7]/x.jpg"},
		{"lot*", "lot 7/z.jpg|lot [7]/x.jpg|lot [7]/y.jpg"},
		{"s?ar", "star/b.png"},
	} {
		got, err := Find(strings.Split(test.args, "|"))
		require.NoError(t, err, test.args)
		require.Equal(t, strings.Split(test.want, "|"), slashed(got), test.args)
	}
	for args, message := range map[string]string{
		"nowhere": "nowhere", "nowhere/*.png": "nowhere", "a/*.tif": "a/*.tif", "empty": "no image", "lot [8]": "lot [8]", "[": "[", "a/1.png/*": "a/1.png/*",
	} {
		_, err := Find(strings.Split(args, "|"))
		require.ErrorContains(t, err, message)
	}
	if runtime.GOOS != "windows" {
		// What is there under a name is meant by it, whatever characters are in it.
		for args, want := range map[string]string{"a*": "a*/odd?.png", "a*/odd?.png": "a*/odd?.png", `back\slash/*.png`: `back\slash/q.png`} {
			got, err := Find([]string{args})
			require.NoError(t, err, args)
			require.Equal(t, []string{want}, got, args)
		}
	}
}

func slashed(paths []string) []string {
	for i := range paths {
		paths[i] = filepath.ToSlash(paths[i])
	}
	return paths
}

func encoded(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	return b.Bytes()
}

func TestCheck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	gray, deep := encoded(t, image.NewGray(image.Rect(0, 0, 4, 3))), encoded(t, image.NewNRGBA64(image.Rect(0, 0, 2, 2)))
	var paths []string
	for i, content := range [][]byte{gray, deep, gray, gray[:len(gray)-20], []byte("text"), bomb(t)} {
		paths = append(paths, filepath.Join(dir, string(rune('a'+i))+".png"))
		require.NoError(t, os.WriteFile(paths[i], content, 0o600))
	}
	done := make(chan bool, 10)
	photos, err := Check(t.Context(), append(paths, dir), func() { done <- true })
	require.NoError(t, err)
	require.Len(t, done, 7)
	require.Equal(t, image.Pt(4, 3), photos[0].Size)
	require.Equal(t, [2]int{8, 1}, [2]int{photos[0].Depth, photos[0].Channels})
	require.Equal(t, [2]int{16, 4}, [2]int{photos[1].Depth, photos[1].Channels})
	require.Equal(t, paths[0], photos[2].Duplicate)
	require.True(t, photos[3].Damaged)
	require.ErrorContains(t, photos[3].Problem, "damaged")
	require.ErrorContains(t, photos[4].Problem, "not a PNG, JPEG or TIFF")
	require.NoError(t, photos[5].Problem, "too large to be decoded")
	require.Equal(t, image.Pt(16000, 16000), photos[5].Size)
	require.ErrorContains(t, photos[6].Problem, "not a regular file")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Check(ended, paths, func() {})
	require.ErrorIs(t, err, context.Canceled)
}

// bomb is a small file of an image that would take gigabytes.
func bomb(t *testing.T) []byte {
	t.Helper()
	content := encoded(t, image.NewPaletted(image.Rect(0, 0, 1, 1), color.Palette{color.White}))
	binary.BigEndian.PutUint32(content[16:], 16000)
	binary.BigEndian.PutUint32(content[20:], 16000)
	// The sum of the header, which begins behind the length of the chunk.
	binary.BigEndian.PutUint32(content[29:], crc(content[12:29]))
	return content
}

func crc(b []byte) uint32 {
	sum := ^uint32(0)
	for _, c := range b {
		sum ^= uint32(c)
		for range 8 {
			sum = sum>>1 ^ 0xedb88320&-(sum&1)
		}
	}
	return ^sum
}

func TestOrientation(t *testing.T) {
	t.Parallel()
	var plain bytes.Buffer
	require.NoError(t, jpeg.Encode(&plain, image.NewGray(image.Rect(0, 0, 8, 4)), nil))
	for orientation, content := range map[int][]byte{
		0: []byte("no image"),
		1: plain.Bytes(),
		6: testkit.OnItsSide(plain.Bytes()),
	} {
		path := filepath.Join(t.TempDir(), "a.jpg")
		require.NoError(t, os.WriteFile(path, content, 0o600))
		photos, err := Check(t.Context(), []string{path}, func() {})
		require.NoError(t, err)
		require.Equal(t, orientation, photos[0].Orientation)
	}
}
