package boards

import (
	"fmt"
	"image"
)

// Picture is a board with a file of its own below testdata/boards.
type Picture struct {
	File  string
	Board Board
}

// groups are the pictures of one kind.
var groups = []struct {
	files     string
	seed      uint64 // of the first
	scratches []int  // on each
}{
	{"train/T-%03d.jpg", 1, []int{0, 0, 0, 0}},
	{"inspect/OK-%02d.jpg", 101, []int{0, 0, 0, 0, 0}},
	{"inspect/NG-%02d.jpg", 201, []int{3, 1, 2, 3, 1}},
}

// sizes are those of pictures that do not have the usual one, since boards that
// are inspected come from more than one camera.
var sizes = map[string]image.Point{
	"train/T-003.jpg":   image.Pt(512, 400),
	"inspect/OK-02.jpg": image.Pt(448, 368),
	"inspect/OK-05.jpg": image.Pt(512, 384),
	"inspect/NG-03.jpg": image.Pt(448, 400),
}

// Pictures are those of testdata/boards.
func Pictures() []Picture {
	var all []Picture
	for _, group := range groups {
		for i, scratches := range group.scratches {
			file := fmt.Sprintf(group.files, i+1)
			all = append(all, Picture{file, Board{Seed: group.seed + uint64(i), Size: sizes[file], Scratches: scratches}})
		}
	}
	return all
}
