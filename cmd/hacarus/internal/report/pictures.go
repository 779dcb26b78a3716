// Package report writes what an inspection found for people: pictures with the
// defects marked, and a page of them.
package report

import (
	"context"
	"fmt"
	"image/jpeg"
	"io"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/outdir"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/overlay"
)

// Image is an image with what is known of it.
type Image struct {
	File    string // its path
	Verdict hacarus.Verdict
	Score   string   // "" for none
	Boxes   []string // for people
	Error   string   // "" for none
	Item    *hacarus.Item

	Picture string // the marked picture's name in the folder, with slashes; "" for none
}

// picturesFolder is where the pictures are, below the folder of the report.
const picturesFolder = "pictures"

// Draw draws the pictures of images into a folder, and notes their names. One that
// cannot be drawn is told of, and does not hold up the others.
func Draw(ctx context.Context, p *program.Program, folder *outdir.Folder, images []Image) error {
	if len(images) == 0 {
		return nil
	}
	if err := folder.Sub(picturesFolder); err != nil {
		return err
	}
	bar := p.Console.Bar(p.Text("Drawing"), int64(len(images)))
	defer bar.Close()
	var (
		mu      sync.Mutex
		done    int64
		workers sync.WaitGroup
	)
	indices := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range indices {
				name := nameOf(i, images[i].File)
				err := draw(folder, name, images[i])
				mu.Lock()
				if done++; err == nil {
					images[i].Picture = name
				} else {
					p.Warn("%s: there is no picture: %v", images[i].File, err)
				}
				bar.Set(done)
				mu.Unlock()
			}
		})
	}
	for i := range images {
		if ctx.Err() != nil {
			break
		}
		indices <- i
	}
	close(indices)
	workers.Wait()
	return context.Cause(ctx)
}

// nameOf is a name that every disk and every web server takes, and that tells
// which image it is.
func nameOf(index int, file string) string {
	safe := hacarus.SafeName(filepath.Base(file))
	return path.Join(picturesFolder, fmt.Sprintf("%04d-%s.jpg", index+1, strings.TrimSuffix(safe, path.Ext(safe))))
}

func draw(folder *outdir.Folder, name string, i Image) error {
	picture, err := overlay.Open(i.File)
	if err != nil {
		return err
	}
	marked := overlay.Draw(picture, overlay.FindingsOf(i.Item, hacarus.ActiveModel, picture))
	return folder.Write(name, func(w io.Writer) error { return jpeg.Encode(w, marked, &jpeg.Options{Quality: 90}) })
}
