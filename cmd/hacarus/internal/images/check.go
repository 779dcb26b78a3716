package images

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"image"
	"image/color"
	_ "image/jpeg" // the service takes JPEG,
	_ "image/png"  // PNG
	"io"
	"os"

	_ "golang.org/x/image/tiff" // and TIFF

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/parallel"
	"github.com/hacarus/hacarus-check-go/overlay"
)

// Photo is what is known of an image before it is sent.
type Photo struct {
	Path        string
	Format      string // "" where it is not known
	Size        image.Point
	Depth       int // bits of a channel
	Channels    int
	Orientation int    // of EXIF: 1 is upright, and 0 where the image cannot be read
	Duplicate   string // the first image of the same content; "" for none
	Problem     error  // why it cannot be read here; the service may still take it
	Damaged     bool   // it is a PNG or JPEG image that is not whole

	sum [sha256.Size]byte
}

// maxPixels bounds what is decoded to see whether an image is whole: an image of
// some kilobytes may claim gigabytes.
const maxPixels = 64 << 20

// Check looks at images. It is done early with the context's error.
func Check(ctx context.Context, paths []string, done func()) ([]Photo, error) {
	photos := make([]Photo, len(paths))
	err := parallel.Each(ctx, len(paths), func(i int) {
		photos[i] = look(ctx, paths[i])
		done()
	})
	if err != nil {
		return nil, err
	}
	markDuplicates(photos)
	return photos, nil
}

func markDuplicates(photos []Photo) {
	first := map[[sha256.Size]byte]string{}
	for i := range photos {
		p := &photos[i]
		if p.sum == ([sha256.Size]byte{}) {
			continue // it could not be read
		}
		if original, ok := first[p.sum]; ok {
			p.Duplicate = original
		} else {
			first[p.sum] = p.Path
		}
	}
}

func look(ctx context.Context, path string) Photo {
	p := Photo{Path: path}
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = language.Errorf("not a regular file")
	}
	if err == nil {
		err = p.read(ctx)
	}
	p.Problem = err
	return p
}

// read reads a file, and looks at what it shows.
func (p *Photo) read(ctx context.Context) error {
	file, err := os.Open(p.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	content, err := io.ReadAll(&reader{ctx, file})
	if err != nil {
		return err
	}
	p.sum = sha256.Sum256(content)
	if picture, err := overlay.Measure(content); err == nil {
		p.Orientation = picture.Orientation
	}
	return p.decode(ctx, content)
}

func (p *Photo) decode(ctx context.Context, content []byte) error {
	config, format, err := image.DecodeConfig(bytes.NewReader(content))
	if err != nil {
		return unreadable(err)
	}
	p.Format, p.Size = format, image.Pt(config.Width, config.Height)
	p.Depth, p.Channels = depthOf(config.ColorModel)
	if config.Width*config.Height > maxPixels {
		return nil
	}
	_, _, err = image.Decode(bufio.NewReader(&reader{ctx, bytes.NewReader(content)}))
	p.Damaged = err != nil && format != "tiff" // of which there are kinds that only others read
	return unreadable(err)
}

func unreadable(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, image.ErrFormat):
		return language.Errorf("not a PNG, JPEG or TIFF image")
	}
	return language.Errorf("damaged: %v", err)
}

func depthOf(m color.Model) (depth, channels int) {
	switch m {
	case color.GrayModel:
		return 8, 1
	case color.Gray16Model:
		return 16, 1
	case color.RGBA64Model:
		return 16, 3
	case color.NRGBA64Model:
		return 16, 4
	case color.NRGBAModel, color.CMYKModel:
		return 8, 4
	}
	return 8, 3
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(b []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, r.ctx.Err()
	}
	return r.r.Read(b)
}
