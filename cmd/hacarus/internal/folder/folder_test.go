package folder

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/durable"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	assert.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(raw)
}

// found returns what is finished some time after now.
func found(t *testing.T, f *Folder, now *time.Time, d time.Duration) []*Image {
	t.Helper()
	*now = now.Add(d)
	images, _, err := f.Finished(*now)
	require.NoError(t, err)
	return images
}

func imageAt(t *testing.T, path string) *Image {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return &Image{Path: path, Info: info}
}

// What a run that was killed had renamed gets its name back, or is removed if another
// image has the name by now. No other image is removed.
func TestTidy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	aside := func(name, sumOf, content string) {
		sum, err := durable.SumOf(strings.NewReader(sumOf))
		require.NoError(t, err)
		write(t, filepath.Join(dir, removingName(name, sum)), content)
	}
	aside("a-1.png", "a", "a")
	aside("b.png", "b", "b")
	write(t, filepath.Join(dir, "b.png"), "the next b")
	aside("c.png", "c", "another c")
	write(t, filepath.Join(dir, "c.png"), "the next c")
	require.NoError(t, Tidy(dir))
	require.Equal(t, "a", read(t, filepath.Join(dir, "a-1.png")))
	require.Equal(t, "the next b", read(t, filepath.Join(dir, "b.png")))
	require.Equal(t, "the next c", read(t, filepath.Join(dir, "c.png")))
	left := testkit.Names(t, dir)
	require.Len(t, left, 4)
	require.Regexp(t, `^c-\d{8}T`, left[2])
	require.Equal(t, "another c", read(t, filepath.Join(dir, left[2])))
}

// An image of the longest name that a disk takes is removed like others.
func TestRemove(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a.png", strings.Repeat("検", 83) + ".png"} {
		image := func() *Image { write(t, filepath.Join(dir, name), "x"); return imageAt(t, filepath.Join(dir, name)) }()
		sum, err := durable.Sum(image.Path)
		require.NoError(t, err)
		require.Equal(t, ".png", filepath.Ext(removingName(name, sum)))
		require.NoError(t, image.Remove(sum))
		require.Empty(t, testkit.Names(t, dir))
		require.NoError(t, image.Remove(sum), "somebody else did it")
		write(t, image.Path, "y")
		require.ErrorIs(t, image.Remove(sum), ErrReplaced)
		require.Equal(t, "y", read(t, image.Path))
		require.NoError(t, os.Remove(image.Path))
	}
}

// A name as long as a disk takes has its place, and room for an ending.
func TestPlace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), strings.Repeat("n", 249)+".png")
	write(t, path, "x")
	got := imageAt(t, path).Place(t.TempDir(), ".txt")
	require.Equal(t, ".png", filepath.Ext(got))
	require.LessOrEqual(t, len(filepath.Base(got)+".txt"), 255)
}

// A camera that always writes the same name fills the folder at the same speed.
func TestPlaceOfManyEqualNames(t *testing.T) {
	t.Parallel()
	dir, ng := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "latest.png")
	for i := range 300 {
		write(t, path, fmt.Sprint(i))
		at := time.Unix(1_700_000_000, int64(i)*1e6)
		require.NoError(t, os.Chtimes(path, at, at))
		target := imageAt(t, path).Place(ng)
		require.NoFileExists(t, target)
		require.Regexp(t, `^latest(-\d{8}T\d{6}\.\d{9})?\.png$`, filepath.Base(target), "found at once, and not by counting")
		require.NoError(t, os.Rename(path, target))
	}
	require.Len(t, testkit.Names(t, ng), 300)
}

// A share may go and come at any moment, also while its folder is looked at.
func TestFolderGoesWhileItIsLookedAt(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "in")
	require.NoError(t, os.Mkdir(dir, 0o700))
	for n := range 50 {
		write(t, filepath.Join(dir, fmt.Sprint(n, ".png")), fmt.Sprint(n))
	}
	now := time.Now()
	f := New(Options{Dir: dir}, nil)
	require.Len(t, found(t, f, &now, 0), 50)
	left := 0
	stop, moved := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(moved)
		for {
			select {
			case <-stop:
				return
			default:
				assert.NoError(t, os.Rename(dir, dir+"-away"))
				assert.NoError(t, os.Rename(dir+"-away", dir))
			}
		}
	}()
	for n := range 500 {
		found, _, _ := f.Finished(now.Add(time.Duration(n) * time.Hour))
		assert.Empty(t, found)
		if images, err := Images(dir); err == nil && len(images) != 50 {
			left++
		}
	}
	close(stop)
	<-moved
	require.Zero(t, left, "images that a restart would inspect again")
}

// A folder of many images is looked into once for all that are new.
func TestManyImages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := New(Options{Dir: dir, Settle: time.Second}, nil)
	shoot := func(from, to int) {
		for n := from; n < to; n++ {
			write(t, filepath.Join(dir, fmt.Sprintf("%05d.png", n)), "x")
		}
	}
	now := time.Now()
	shoot(0, 2000)
	for _, want := range []int{0, 2000, 0} {
		require.Len(t, found(t, f, &now, time.Second), want)
	}
	shoot(2000, 3000)
	for n := range 2000 { // the camera's own program sorts them
		require.NoError(t, os.Rename(filepath.Join(dir, fmt.Sprintf("%05d.png", n)), filepath.Join(dir, fmt.Sprintf("sorted-%05d.png", n))))
	}
	for _, want := range []int{0, 1000} {
		require.Len(t, found(t, f, &now, time.Second), want, "those that were renamed are known")
	}
}

// An image that is given back is found at the next look, and one that is to settle
// again is not.
func TestGiveBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.png"), "x")
	f := New(Options{Dir: dir, Settle: time.Minute}, nil)
	now := time.Now()
	require.Empty(t, found(t, f, &now, 0))
	images := found(t, f, &now, time.Minute)
	require.Len(t, images, 1)
	require.Empty(t, found(t, f, &now, time.Hour))
	f.GiveBack(images[0])
	require.Len(t, found(t, f, &now, 0), 1)
	f.Resettle(images[0], now)
	require.Empty(t, found(t, f, &now, time.Second))
	require.Len(t, found(t, f, &now, time.Minute), 1)
}

// The sidecar of an image tells nothing of the next one that has its name, until it is
// written anew.
func TestSidecarOfAFormerImage(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{false, true} {
		dir := t.TempDir()
		path := filepath.Join(dir, "latest.png")
		opts := Options{Dir: dir, Settle: time.Second, SidecarWait: 10 * time.Second}
		f := New(opts, nil)
		now := time.Now()
		write(t, path, "one")
		write(t, filepath.Join(dir, "latest.json"), `{"lot": "L1", "serial": 1}`)
		require.Empty(t, found(t, f, &now, 0))
		first := found(t, f, &now, time.Second)
		require.Len(t, first, 1)
		require.Equal(t, "L1", first[0].Lot)
		f.GiveBack(first[0])
		require.Equal(t, "L1", found(t, f, &now, 0)[0].Lot, "it is the same image")
		if again { // another run, that knows of the first image
			f = New(opts, nil)
			earlier := imageAt(t, path)
			earlier.Recall("latest.json", first[0].Sidecar.Sum)
			f.Take(earlier)
		}

		write(t, path, "the next")
		require.Empty(t, found(t, f, &now, time.Second))
		require.Empty(t, found(t, f, &now, 9*time.Second), "it waits for its own")
		next := found(t, f, &now, 2*time.Second)
		require.Len(t, next, 1)
		require.Equal(t, []string{"", "", "no sidecar came within 10s"}, []string{next[0].Lot, next[0].Serial, next[0].Sidecar.Trouble})

		write(t, filepath.Join(dir, "latest.json"), `{"lot": "L2"}`)
		write(t, path, "the third")
		require.Empty(t, found(t, f, &now, time.Second))
		third := found(t, f, &now, time.Second)
		require.Len(t, third, 1)
		require.Equal(t, "L2", third[0].Lot)
	}
}

// Lot and serial number come from the name, and from the sidecar, which knows better.
func TestNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := New(Options{Dir: dir, SidecarWait: time.Second, Names: regexp.MustCompile(`(?P<lot>[A-Z]+)-(?P<serial>\d+)`)}, nil)
	write(t, filepath.Join(dir, "AB-12.png"), "x")
	write(t, filepath.Join(dir, "AB-13.png"), "x")
	write(t, filepath.Join(dir, "AB-13.png.json"), `{"Serial": 99}`)
	write(t, filepath.Join(dir, "other.png"), "x")
	now := time.Now()
	told := map[string][2]string{}
	for _, image := range append(found(t, f, &now, 0), found(t, f, &now, time.Second)...) {
		told[image.Name()] = [2]string{image.Lot, image.Serial}
	}
	require.Equal(t, map[string][2]string{"AB-12.png": {"AB", "12"}, "AB-13.png": {"AB", "99"}, "other.png": {}}, told)
}
