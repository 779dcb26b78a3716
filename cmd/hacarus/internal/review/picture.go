package review

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"net/http"

	"golang.org/x/image/draw"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/judge"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/overlay"
)

// fromHeader tells where a picture comes from.
const fromHeader = "Hacarus-From"

// getPicture sends the picture of an image, upright.
func (s *server) getPicture(w http.ResponseWriter, r *http.Request) {
	e, ok := s.book.entry(r.URL.Query().Get("id"))
	if !ok {
		fail(w, r, http.StatusNotFound, language.Errorf("the record has no such image"))
		return
	}
	content, from, err := s.book.judge.Content(r.Context(), e)
	if err == nil {
		content, err = forBrowser(content)
	}
	if err != nil {
		fail(w, r, http.StatusNotFound, err)
		return
	}
	w.Header().Set("Cache-Control", "private, max-age=3600")
	w.Header().Set("Content-Type", http.DetectContentType(content))
	w.Header().Set(fromHeader, string(from))
	_, _ = w.Write(content) // whoever asked has gone
}

// forBrowser makes a file that browsers show, and turn upright, of one that they do
// not.
func forBrowser(content []byte) ([]byte, error) {
	switch http.DetectContentType(content) {
	case "image/png", "image/jpeg":
		return content, nil
	}
	picture, err := overlay.Decode(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = png.Encode(&b, picture.Image)
	return b.Bytes(), err
}

// thumbnailSize is the longer side, for screens of high density.
const thumbnailSize = 256

// getThumbnail sends a small picture of an image that is on the disk. Those of the
// service are fetched to be looked at only.
func (s *server) getThumbnail(w http.ResponseWriter, r *http.Request) {
	s.thumbs <- struct{}{}
	defer func() { <-s.thumbs }()
	e, ok := s.book.entry(r.URL.Query().Get("id"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	content, ok := judge.Local(e)
	if !ok {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	picture, err := overlay.Decode(bytes.NewReader(content))
	if err != nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Cache-Control", "private, max-age=3600")
	w.Header().Set("Content-Type", "image/jpeg")
	_ = jpeg.Encode(w, small(picture), &jpeg.Options{Quality: 80}) // whoever asked has gone
}

func small(picture image.Image) image.Image {
	size := picture.Bounds().Size()
	longer := max(size.X, size.Y)
	if longer <= thumbnailSize {
		return picture
	}
	scaled := image.NewRGBA(image.Rect(0, 0, max(1, size.X*thumbnailSize/longer), max(1, size.Y*thumbnailSize/longer)))
	draw.ApproxBiLinear.Scale(scaled, scaled.Bounds(), picture, picture.Bounds(), draw.Src, nil)
	return scaled
}
