// Package report writes what an inspection found for people: pictures with the
// defects marked, and a page of them.
package report

import (
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/outdir"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/parallel"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/overlay"
)

// Image is an image with what is known of it.
type Image struct {
	File    string // its path
	Verdict hacarus.Verdict
	Score   string   // "" for none
	Note    string   // for people; "" for none
	Boxes   []string // for people
	Error   string   // "" for none
	Item    *hacarus.Item

	Picture string // the marked picture's name in the folder, with slashes; "" for none
	HeatMap string // that of the same with the heat map on it; "" for none
}

// picturesFolder is where the pictures are, below the folder of the report.
const picturesFolder = "pictures"

// Draw draws the pictures of images into a folder, and notes their names. With a
// client it fetches their heat maps too, where the service has them, and draws a second
// picture with these. What cannot be drawn is told of, and does not hold up the rest.
func Draw(ctx context.Context, p *program.Program, folder *outdir.Folder, client *hacarus.Client, images []Image) error {
	if len(images) == 0 {
		return nil
	}
	if err := folder.Sub(picturesFolder); err != nil {
		return err
	}
	bar := p.Console.Bar(p.Text("Drawing"), int64(len(images)))
	defer bar.Close()
	d := &drawer{p: p, folder: folder, client: client}
	var done atomic.Int64
	return parallel.Each(ctx, len(images), func(i int) {
		d.draw(ctx, nameOf(i, images[i].File), &images[i])
		bar.Set(done.Add(1))
	})
}

// nameOf is a name that every disk and every web server takes, and that tells
// which image it is.
func nameOf(index int, file string) string {
	safe := hacarus.SafeName(filepath.Base(file))
	return path.Join(picturesFolder, fmt.Sprintf("%04d-%s", index+1, strings.TrimSuffix(safe, path.Ext(safe))))
}

// drawer draws pictures, several at a time.
type drawer struct {
	p      *program.Program
	folder *outdir.Folder
	client *hacarus.Client // nil for no heat maps
}

// draw draws the pictures of an image, whose names begin with one.
func (d *drawer) draw(ctx context.Context, name string, i *Image) {
	picture, err := overlay.Open(i.File)
	if err != nil {
		d.p.Warn("%s: there is no picture: %v", i.File, err)
		return
	}
	findings := overlay.FindingsOf(i.Item, hacarus.ActiveModel, picture)
	if err := d.write(name+".jpg", picture, findings); err != nil {
		d.p.Warn("%s: there is no picture: %v", i.File, err)
		return
	}
	i.Picture = name + ".jpg"
	heat, err := d.heatMap(ctx, i.Item)
	if err == nil && heat == nil {
		return
	}
	if err == nil {
		findings.Heat = picture.Upright(heat)
		err = d.write(name+"-heat.jpg", picture, findings)
	}
	if err != nil {
		d.p.Warn("%s: there is no heat map: %v", i.File, err)
		return
	}
	i.HeatMap = name + "-heat.jpg"
}

func (d *drawer) write(name string, picture *overlay.Picture, findings overlay.Findings) error {
	marked := overlay.Draw(picture, findings)
	return d.folder.Write(name, func(w io.Writer) error { return jpeg.Encode(w, marked, &jpeg.Options{Quality: 90}) })
}

// heatMap fetches what the model has made of an item; nil is that there is none.
// Of several assessments it is the one that the verdict is from, and of several
// images the first, since the item's first one is the picture.
func (d *drawer) heatMap(ctx context.Context, item *hacarus.Item) (image.Image, error) {
	if d.client == nil || item == nil {
		return nil, nil //nolint:nilnil // there is none
	}
	a := item.Assessment(hacarus.ActiveModel)
	if a == nil || len(a.Images) == 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	download, err := d.client.GetImage(ctx, a.Images[0])
	if err != nil {
		return nil, err
	}
	defer download.Close()
	heat, err := overlay.Decode(io.LimitReader(download, maxHeatMap))
	if err != nil {
		return nil, err
	}
	return heat.Image, nil
}

// maxHeatMap is more than any heat map takes, in bytes.
const maxHeatMap = 1 << 28
