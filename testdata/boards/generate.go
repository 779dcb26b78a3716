// Command boards draws the pictures next to it: wooden boards, good ones for
// training, and good and scratched ones for inspection. Each has a grain and knots
// of its own, and not all pictures have one size. truth.json says where which of
// them is scratched.
package main

import (
	"flag"
	"log"
	"path/filepath"

	"github.com/hacarus/hacarus-check-go/internal/testkit/boards"
	"github.com/hacarus/hacarus-check-go/internal/testkit/truth"
)

const quality = 80

func main() {
	out := flag.String("out", filepath.Join("testdata", "boards"), "folder to write to")
	flag.Parse()
	if err := run(*out); err != nil {
		log.Fatal(err)
	}
}

func run(out string) error {
	var known []truth.Image
	for _, p := range boards.Pictures() {
		img, scratches := p.Board.Photograph()
		if err := truth.SaveJPEG(filepath.Join(out, p.File), img, quality); err != nil {
			return err
		}
		known = append(known, truth.NewImage(p.File, "scratch", scratches))
	}
	return truth.Write(out, known)
}
