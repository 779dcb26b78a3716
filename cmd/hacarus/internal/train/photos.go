package train

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/exit"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/images"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
)

// look looks at the images before any of them is sent.
func look(ctx context.Context, p *program.Program, paths []string) ([]images.Photo, error) {
	bar := p.Console.Bar(p.Text("Looking at the images"), int64(len(paths)))
	defer bar.Close()
	var done atomic.Int64
	return images.Check(ctx, paths, func() { bar.Set(done.Add(1)) })
}

// warn tells what is odd about the images.
func warn(p *program.Program, photos []images.Photo) {
	for _, photo := range photos {
		for _, note := range notes(p, photo) {
			p.Warn("%s: %s", photo.Path, note)
		}
	}
}

func notes(p *program.Program, photo images.Photo) (notes []string) {
	if photo.Problem != nil {
		notes = append(notes, p.Explain(photo.Problem))
	}
	if photo.Duplicate != "" {
		notes = append(notes, p.Text("the same image as %s", photo.Duplicate))
	}
	if photo.Orientation > 1 {
		notes = append(notes, p.Text("EXIF says that it is turned (%d); the service may not turn it", photo.Orientation))
	}
	return notes
}

// leaveOut leaves out the images that cannot be learned from: one of them would
// fail the training of all. What only this program cannot read, the service may.
func leaveOut(photos []images.Photo) (whole []images.Photo, left []failed) {
	for _, photo := range photos {
		if photo.Damaged {
			left = append(left, failed{output.JSONString(photo.Path), output.JSONString(photo.Problem.Error())})
			continue
		}
		whole = append(whole, photo)
	}
	return whole, left
}

func pathsOf(photos []images.Photo) []string {
	paths := make([]string, len(photos))
	for i, photo := range photos {
		paths[i] = photo.Path
	}
	return paths
}

// row is a photo for programs.
type row struct {
	File        string   `json:"file"`
	Format      string   `json:"format"`
	Width       int      `json:"width"`
	Height      int      `json:"height"`
	Depth       int      `json:"depth"`
	Channels    int      `json:"channels"`
	Orientation int      `json:"orientation"`
	Notes       []string `json:"notes"`
}

// showPhotos writes a table of the images. That some are damaged is what the exit code
// of a training would tell, too.
func showPhotos(p *program.Program, photos []images.Photo) error {
	list := p.Out.List([]output.Column{
		{Name: "file", Title: p.Text("File")}, {Name: "format", Title: p.Text("Format")}, {Name: "size", Title: p.Text("Pixels"), Right: true},
		{Name: "depth", Title: p.Text("Bits"), Right: true}, {Name: "channels", Title: p.Text("Channels"), Right: true}, {Name: "notes", Title: p.Text("Notes")},
	})
	sizes := map[string]int{}
	for _, photo := range photos {
		value, cells := rowOf(p, photo)
		if err := list.Add(value, cells...); err != nil {
			return err
		}
		if photo.Format != "" {
			sizes[photo.Size.String()]++
		}
	}
	if len(sizes) > 1 {
		p.Warn("The images have %d sizes. %s and %s need one size; other algorithms take any.",
			len(sizes), hacarus.AlgorithmPatternMatching, hacarus.AlgorithmLocalPattern)
	}
	if err := list.Close(); err != nil {
		return err
	}
	if _, left := leaveOut(photos); len(left) > 0 {
		return exit.With(exit.Incomplete, errors.New(p.Text("images that a model would be trained without: %d", len(left))))
	}
	return nil
}

func rowOf(p *program.Program, photo images.Photo) (row, []output.Cell) {
	value := row{
		File: output.JSONString(photo.Path), Format: photo.Format, Width: photo.Size.X, Height: photo.Size.Y,
		Depth: photo.Depth, Channels: photo.Channels, Orientation: photo.Orientation, Notes: []string{},
	}
	all, size := "", ""
	for _, note := range notes(p, photo) {
		value.Notes = append(value.Notes, output.JSONString(note))
		if all != "" {
			all += "; "
		}
		all += note
	}
	if photo.Format != "" {
		size = fmt.Sprintf("%d×%d", photo.Size.X, photo.Size.Y)
	}
	return value, []output.Cell{
		output.Text(photo.Path), output.Text(photo.Format), output.Text(size),
		output.Number(known(photo.Depth)), output.Number(known(photo.Channels)), {Text: all, Style: output.Amber},
	}
}

func count(n int) string { return strconv.Itoa(n) }

// known is a number that is not 0: of what is no image, there are none.
func known(n int) string {
	if n == 0 {
		return ""
	}
	return count(n)
}
