package page

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/image/draw"

	"github.com/hacarus/hacarus-check-go/overlay"
)

// What pictures may take.
const (
	maxFile    = 64 << 20 // bytes
	maxPixels  = 48 << 20 // of one that is scaled
	keptBytes  = 32 << 20 // of scaled ones
	scaledOnce = 2        // at a time
)

// widths are those that pictures are scaled to: small in the history, middle on the
// wall, and large on a station's own page.
var widths = map[string]int{"160": 160, "640": 640, "1600": 1600, "": 0}

// picture is an image that browsers show.
type picture struct {
	kind    string // its media type
	size    image.Point
	content []byte
}

// pictures makes images small enough for the tablets of a line, and into what
// browsers show. The last ones are kept, for other browsers.
type pictures struct {
	feed  Feed
	slots chan struct{}

	mu    sync.Mutex
	bytes int
	order *list.List // of *kept, the last used in front
	byKey map[string]*list.Element
}

type kept struct {
	key string
	*picture
}

func newPictures(feed Feed) *pictures {
	return &pictures{feed: feed, slots: make(chan struct{}, scaledOnce), order: list.New(), byKey: map[string]*list.Element{}}
}

// image serves an image. Its own width and height, in whose pixels boxes are, stand
// in a header: it may be scaled.
func (page *Page) image(w http.ResponseWriter, r *http.Request) {
	width, ok := widths[r.URL.Query().Get("w")]
	if !ok {
		http.Error(w, "width", http.StatusBadRequest)
		return
	}
	id := r.PathValue("id")
	p, err := page.pictureOf(r.Context(), id, width)
	if err != nil {
		status := http.StatusServiceUnavailable
		switch {
		case errors.Is(err, fs.ErrNotExist):
			status = http.StatusNotFound
		case errors.Is(err, errNoPicture):
			status = http.StatusUnsupportedMediaType
		default:
			page.opts.Logger.Warn("an image cannot be shown", "image", id, "error", err)
		}
		http.Error(w, http.StatusText(status), status)
		return
	}
	h := w.Header()
	h.Set("Content-Type", p.kind)
	h.Set("X-Image-Size", fmt.Sprintf("%dx%d", p.size.X, p.size.Y))
	h.Set("Cache-Control", "private, max-age=604800, immutable") // an id is of one content
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.content))
}

// pictureOf returns an image that is on the page: nobody gets others from it.
func (page *Page) pictureOf(ctx context.Context, id string, width int) (*picture, error) {
	station, ok := page.line.stationOf(id)
	if !ok {
		return nil, fs.ErrNotExist
	}
	return page.pictures.open(ctx, station, id, width)
}

// errNoPicture is for what no browser shows.
var errNoPicture = errors.New("not a picture that can be shown")

// open returns an image that is at most so wide. A width of 0 is its own.
func (p *pictures) open(ctx context.Context, station, id string, width int) (*picture, error) {
	key := strconv.Itoa(width) + "/" + id
	if found := p.cached(key); found != nil {
		return found, nil
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	}
	if found := p.cached(key); found != nil { // made while this one waited
		return found, nil
	}
	content, err := p.read(ctx, station, id)
	if err != nil {
		return nil, err
	}
	made, err := displayable(content, width)
	if err != nil {
		return nil, err
	}
	p.keep(key, made)
	return made, nil
}

func (p *pictures) read(ctx context.Context, station, id string) ([]byte, error) {
	file, err := p.feed.Image(ctx, station, id)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = errNoPicture
	}
	return content, err
}

// displayable makes an image into one that browsers show: upright, as its boxes are.
func displayable(content []byte, width int) (*picture, error) {
	measured, err := overlay.Measure(content)
	if err != nil {
		return nil, errNoPicture
	}
	size, kind := measured.Bounds().Size(), http.DetectContentType(content)
	shown := measured.Orientation <= 1 && (kind == "image/png" || kind == "image/jpeg") // by any browser
	fits := width == 0 || size.X <= width
	large := size.X <= 0 || size.Y > maxPixels/size.X
	if shown && (fits || large) {
		return &picture{kind, size, content}, nil
	}
	if large {
		return nil, errNoPicture
	}
	whole, err := overlay.Decode(bytes.NewReader(content))
	if err != nil {
		return nil, errNoPicture
	}
	made := whole.Image
	if !fits {
		made = scaled(made, width)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, made, &jpeg.Options{Quality: 88}); err != nil {
		return nil, errNoPicture
	}
	return &picture{"image/jpeg", size, b.Bytes()}, nil
}

func scaled(whole image.Image, width int) image.Image {
	from := whole.Bounds()
	to := image.NewRGBA(image.Rect(0, 0, width, max(1, from.Dy()*width/from.Dx())))
	draw.ApproxBiLinear.Scale(to, to.Rect, whole, from, draw.Src, nil)
	return to
}

func (p *pictures) cached(key string) *picture {
	p.mu.Lock()
	defer p.mu.Unlock()
	element := p.byKey[key]
	if element == nil {
		return nil
	}
	p.order.MoveToFront(element)
	return element.Value.(*kept).picture
}

func (p *pictures) keep(key string, made *picture) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byKey[key] != nil {
		return // two browsers asked for it at once
	}
	p.byKey[key] = p.order.PushFront(&kept{key, made})
	p.bytes += len(made.content)
	for p.bytes > keptBytes && p.order.Len() > 1 {
		oldest := p.order.Remove(p.order.Back()).(*kept)
		delete(p.byKey, oldest.key)
		p.bytes -= len(oldest.content)
	}
}
