package main

import (
	"bytes"
	"fmt"
	"image"
	_ "image/jpeg" // the images of a folder are JPEG or PNG
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/image/draw"

	"github.com/hacarus/hacarus-check-go/internal/testkit/boards"
	"github.com/hacarus/hacarus-check-go/internal/testkit/truth"
)

// photo is an image and what is known of it.
type photo struct {
	name    string
	content []byte // of its file
	good    bool
	defects []image.Rectangle // none: nobody knows where they are
}

// set is what algorithms are judged by: images to learn from, and to inspect.
type set struct {
	name             string
	train, good, bad []photo
	trained          int // how many to learn from at a time
}

// load makes the set of a name; one of no photographs is empty.
func (o options) load(name string) (set, error) {
	s, err := o.named(name)
	if o.trained > 0 {
		s.trained = o.trained
	}
	s.trained = min(s.trained, len(s.train))
	return s, err
}

func (o options) named(name string) (set, error) {
	switch {
	case name == "plates", name == "boards":
		return readSet(name, filepath.Join(o.testdata, name))
	case name == "drawn":
		return drawnSet(o.seeds)
	case name == "photos" && o.photos != "":
		return readSet("photographs of "+filepath.Base(o.photos), o.photos)
	case name == "photos":
		return set{}, nil
	}
	return set{}, fmt.Errorf("no set is called %q", name)
}

// readSet reads the images in and below a folder.
func readSet(name, folder string) (set, error) {
	s := set{name: name}
	known, err := truth.Read(folder)
	if err != nil && !os.IsNotExist(err) {
		return s, err
	}
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return s.read(folder, path, known)
	})
	if err == nil && len(s.train) == 0 {
		err = fmt.Errorf("%s has no images whose names begin with T-", folder)
	}
	s.trained = 2 // the others are inspected
	if len(s.good) > 0 {
		s.trained = len(s.train)
	}
	return s, err
}

func (s *set) read(folder, path string, known []truth.Image) error {
	name := filepath.Base(path)
	group, _, _ := strings.Cut(name, "-")
	list, ok := map[string]*[]photo{"T": &s.train, "OK": &s.good, "NG": &s.bad}[group]
	if !ok {
		return nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	p := photo{name: name, content: content, good: group != "NG"}
	below, err := filepath.Rel(folder, path)
	if n := slices.IndexFunc(known, func(t truth.Image) bool { return t.File == filepath.ToSlash(below) }); n >= 0 {
		for _, d := range known[n].Defects {
			p.defects = append(p.defects, d.Box())
		}
	}
	*list = append(*list, p)
	return err
}

// drawnSet has boards that are in no folder: two to learn from, and n good and n
// scratched ones.
func drawnSet(n int) (set, error) {
	s := set{name: "drawn boards", trained: 2}
	for _, group := range []struct {
		list      *[]photo
		seed      uint64
		n         int
		scratches int
	}{{&s.train, 1000, 2, 0}, {&s.good, 2000, n, 0}, {&s.bad, 3000, n, 2}} {
		for i := range group.n {
			seed := group.seed + uint64(i)
			img, boxes := boards.Board{Seed: seed, Scratches: group.scratches}.Photograph()
			content, err := encoded(img)
			if err != nil {
				return s, err
			}
			*group.list = append(*group.list, photo{fmt.Sprintf("board-%d.png", seed), content, group.scratches == 0, boxes})
		}
	}
	return s, nil
}

// fold is a set as one model sees it.
type fold struct {
	train, inspect []photo
}

// folds are up to three choices of n images to learn from.
func (s set) folds(n int) []fold {
	count := 1
	if n < len(s.train) {
		count = min(3, len(s.train))
	}
	folds := make([]fold, count)
	for i := range folds {
		turned := slices.Concat(s.train[i:], s.train[:i])
		unseen := s.good
		if len(unseen) == 0 {
			unseen = turned[n:]
		}
		folds[i] = fold{turned[:n], slices.Concat(unseen, s.bad)}
	}
	return folds
}

func (p photo) decode() (*image.RGBA, error) {
	img, _, err := image.Decode(bytes.NewReader(p.content))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	canvas := image.NewRGBA(image.Rectangle{Max: img.Bounds().Size()})
	draw.Draw(canvas, canvas.Rect, img, img.Bounds().Min, draw.Src)
	return canvas, nil
}

func encoded(img image.Image) ([]byte, error) {
	var b bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	err := encoder.Encode(&b, img)
	return b.Bytes(), err
}
