package page

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/image/tiff"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// pattern is an image in which no two places look the same.
func pattern(width, height int) image.Image {
	i := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			i.SetRGBA(x, y, color.RGBA{uint8(x), uint8(y), uint8(x * y), 255})
		}
	}
	return i
}

func encoded(t *testing.T, format string, i image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	switch format {
	case "png":
		require.NoError(t, png.Encode(&b, i))
	case "jpeg":
		require.NoError(t, jpeg.Encode(&b, i, nil))
	case "tiff":
		require.NoError(t, tiff.Encode(&b, i, nil))
	}
	return b.Bytes()
}

// withImage is a page that has an image.
func withImage(content []byte) (*Page, *fakeFeed) {
	feed := newFeed()
	feed.images["plate"] = content
	page := New(feed, Options{})
	page.line.take(Event{1, record.Entry{ID: "plate", Station: "A", Verdict: "OK", By: record.Model}})
	return page, feed
}

// Pictures are what browsers show and no larger than they need, and boxes still fit.
func TestPictures(t *testing.T) {
	t.Parallel()
	small, large := pattern(200, 100), pattern(1300, 650)
	lying := encoded(t, "jpeg", small)
	lying = testkit.OnItsSide(lying)
	for name, c := range map[string]struct {
		content []byte
		width   string
		kind    string
		size    string // in which boxes are
		shown   image.Point
		same    bool
	}{
		"a small one":            {encoded(t, "png", small), "640", "image/png", "200x100", image.Pt(200, 100), true},
		"a small photo":          {encoded(t, "jpeg", small), "640", "image/jpeg", "200x100", image.Pt(200, 100), true},
		"one on its side":        {lying, "640", "image/jpeg", "100x200", image.Pt(100, 200), false},
		"a large one":            {encoded(t, "png", large), "640", "image/jpeg", "1300x650", image.Pt(640, 320), false},
		"a large one, as it is":  {encoded(t, "jpeg", large), "", "image/jpeg", "1300x650", image.Pt(1300, 650), true},
		"a small TIFF":           {encoded(t, "tiff", small), "640", "image/jpeg", "200x100", image.Pt(200, 100), false},
		"a large TIFF":           {encoded(t, "tiff", large), "160", "image/jpeg", "1300x650", image.Pt(160, 80), false},
		"a large TIFF, as it is": {encoded(t, "tiff", large), "", "image/jpeg", "1300x650", image.Pt(1300, 650), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page, _ := withImage(c.content)
			w := get(t, page, "/images/plate?w="+c.width, nil)
			require.Equal(t, http.StatusOK, w.Code)
			require.Equal(t, c.kind, w.Header().Get("Content-Type"))
			require.Equal(t, c.size, w.Header().Get("X-Image-Size"))
			require.Contains(t, w.Header().Get("Cache-Control"), "private")
			require.Equal(t, c.same, bytes.Equal(c.content, w.Body.Bytes()))
			config, _, err := image.DecodeConfig(w.Body)
			require.NoError(t, err)
			require.Equal(t, c.shown, image.Pt(config.Width, config.Height))
		})
	}
}

func TestPicturesThatAreNotThere(t *testing.T) {
	t.Parallel()
	bomb := encoded(t, "tiff", pattern(8, 8))
	for name, c := range map[string]struct {
		content []byte
		path    string
		want    int
	}{
		"another width":   {encoded(t, "png", pattern(8, 8)), "/images/plate?w=641", http.StatusBadRequest},
		"another image":   {encoded(t, "png", pattern(8, 8)), "/images/none", http.StatusNotFound},
		"no image":        {[]byte("<script>"), "/images/plate", http.StatusUnsupportedMediaType},
		"nothing":         {nil, "/images/plate?w=640", http.StatusUnsupportedMediaType},
		"a torn TIFF":     {bomb[:len(bomb)/2], "/images/plate?w=640", http.StatusUnsupportedMediaType},
		"a torn large":    {encoded(t, "png", pattern(900, 900))[:3000], "/images/plate?w=640", http.StatusUnsupportedMediaType},
		"a path upwards":  {nil, "/images/..%2fplate", http.StatusNotFound},
		"no id of images": {nil, "/images/", http.StatusNotFound},
	} {
		page, _ := withImage(c.content)
		require.Equal(t, c.want, get(t, page, c.path, nil).Code, name)
	}
	page, feed := withImage(nil)
	delete(feed.images, "plate")
	require.Equal(t, http.StatusNotFound, get(t, page, "/images/plate", nil).Code, "it was deleted")
	feed.images["other"] = encoded(t, "png", pattern(8, 8))
	require.Equal(t, http.StatusNotFound, get(t, page, "/images/other", nil).Code, "the page does not show it")
}

// Many screens that want the same pictures cost little more than one.
func TestPicturesAreKept(t *testing.T) {
	t.Parallel()
	page, feed := withImage(encoded(t, "jpeg", pattern(1300, 650)))
	var screens sync.WaitGroup
	for range 20 {
		screens.Go(func() { assert.Equal(t, http.StatusOK, get(t, page, "/images/plate?w=640", nil).Code) })
	}
	screens.Wait()
	delete(feed.images, "plate")
	require.Equal(t, http.StatusOK, get(t, page, "/images/plate?w=640", nil).Code)
	for n := range 200 {
		page.pictures.keep(fmt.Sprint(n), &picture{content: make([]byte, 1<<20)})
	}
	require.LessOrEqual(t, page.pictures.bytes, keptBytes)
	require.Len(t, page.pictures.byKey, page.pictures.order.Len())
	require.Equal(t, http.StatusNotFound, get(t, page, "/images/plate?w=640", nil).Code, "the oldest makes room")
}

// A browser that goes while it waits for its turn takes nobody's.
func TestPicturesOfWhoLeft(t *testing.T) {
	t.Parallel()
	page, _ := withImage(encoded(t, "png", pattern(8, 8)))
	for range scaledOnce {
		page.pictures.slots <- struct{}{}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := page.pictures.open(ctx, "A", "plate", 640)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
