package review

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"image"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/durable"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/judge"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/outdir"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
	"github.com/hacarus/hacarus-check-go/overlay"
)

// writeCSV writes a table that spreadsheets open as it is.
func (e *exporter) writeCSV(_ context.Context, images []record.Entry) error {
	if _, err := os.Lstat(e.out); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(errors.New(e.p.Text("%s is there already, and is not overwritten", e.out)), err)
	}
	part, err := durable.Create(filepath.Dir(e.out), func(w io.Writer) error { return e.table(w, images) })
	if err != nil {
		return err
	}
	defer part.Discard()
	return part.Claim(e.out)
}

func (e *exporter) table(w io.Writer, images []record.Entry) error {
	if _, err := io.WriteString(w, output.ByteOrderMark); err != nil {
		return err
	}
	table := csv.NewWriter(w)
	table.UseCRLF = true
	_ = table.Write([]string{"file", "path", "verdict", "boxes", "by", "time", "note", "score", "station", "lot", "serial", "model", "item_id", "sha256"}) // Error tells
	for _, image := range images {
		e.count(image)
		_ = table.Write(output.Record(cells(image)))
	}
	table.Flush()
	return table.Error()
}

func cells(e record.Entry) []output.Cell {
	boxes := make([]string, len(e.Boxes))
	for n, b := range e.Boxes {
		boxes[n] = boxText(b)
	}
	score, path := "", ""
	if e.Score != nil {
		score = strconv.FormatFloat(*e.Score, 'g', -1, 64)
	}
	if paths := judge.Paths(e); len(paths) > 0 {
		path = paths[0]
	}
	return []output.Cell{
		output.Text(e.File), output.Text(path), output.Text(e.Verdict), output.Text(strings.Join(boxes, " ")), output.Text(e.By),
		output.Text(e.Time.UTC().Format(time.RFC3339)), output.Text(e.Note), output.Number(score),
		output.Text(e.Station), output.Text(e.Lot), output.Text(e.Serial), output.Text(e.Model), output.Text(e.ItemID), output.Text(e.SHA256),
	}
}

// open opens the folder of an export. One in which an image of the record lies is
// refused.
func (e *exporter) open(images []record.Entry) (*outdir.Folder, error) {
	var sources []string
	for _, image := range images {
		sources = append(sources, judge.Paths(image)...)
	}
	return outdir.Open(e.out, sources)
}

// writeFolders writes the images into good/ and bad/.
func (e *exporter) writeFolders(ctx context.Context, images []record.Entry) error {
	images = e.known(images)
	folder, err := e.open(images)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := errors.Join(folder.Sub("good"), folder.Sub("bad")); err != nil {
		return err
	}
	kept := map[string]bool{}
	for n, name := range names(images) {
		content, ok, err := e.content(ctx, images[n])
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		e.count(images[n])
		name = labelOf(images[n]) + "/" + name
		if err := folder.Write(name, copyOf(content)); err != nil {
			return err
		}
		kept[name] = true
	}
	return folder.Prune(kept, "good", "bad") // an image that is bad now is not good any more
}

func labelOf(e record.Entry) string {
	if hacarus.Verdict(e.Verdict) == hacarus.VerdictNG {
		return "bad"
	}
	return "good"
}

func copyOf(content []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	}
}

// coco is a file of the COCO format for detecting objects.
type coco struct {
	Info        cocoInfo         `json:"info"`
	Licenses    []struct{}       `json:"licenses"`
	Images      []cocoImage      `json:"images"`
	Annotations []cocoAnnotation `json:"annotations"`
	Categories  []cocoCategory   `json:"categories"`
}

type cocoInfo struct {
	Description string `json:"description"`
	Version     string `json:"version"`
}

type cocoImage struct {
	ID       int    `json:"id"`
	FileName string `json:"file_name"` // in images/
	Width    int    `json:"width"`
	Height   int    `json:"height"`
	Captured string `json:"date_captured"`
}

type cocoAnnotation struct {
	ID           int      `json:"id"`
	ImageID      int      `json:"image_id"`
	CategoryID   int      `json:"category_id"`
	Box          [4]int   `json:"bbox"` // left, top, width and height
	Area         int      `json:"area"`
	Segmentation [][8]int `json:"segmentation"` // the corners of the box
	IsCrowd      int      `json:"iscrowd"`
}

type cocoCategory struct {
	ID            int    `json:"id"`
	Name          string `json:"name"`
	Supercategory string `json:"supercategory"`
}

// cocoDefect is the one category: the record knows no kinds of defects.
const cocoDefect = 1

// writeCOCO writes images, and annotations.json with their boxes. An image without
// boxes has nothing to detect, so NG images without any are left out.
func (e *exporter) writeCOCO(ctx context.Context, images []record.Entry) error {
	images = e.known(images)
	folder, err := e.open(images)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Sub("images"); err != nil {
		return err
	}
	set := coco{
		Info:     cocoInfo{"HACARUS CHECK", e.p.Version},
		Licenses: []struct{}{}, Images: []cocoImage{}, Annotations: []cocoAnnotation{},
		Categories: []cocoCategory{{cocoDefect, "defect", "defect"}},
	}
	kept := map[string]bool{"annotations.json": true}
	for n, name := range names(images) {
		entry := images[n]
		content, ok, err := e.content(ctx, entry)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		picture, err := overlay.Decode(bytes.NewReader(content))
		if err != nil { // its size is not known then
			e.miss(entry, err)
			continue
		}
		size := picture.Bounds().Size()
		boxes := defects(entry, size)
		if labelOf(entry) == "bad" && len(boxes) == 0 {
			e.res.Boxless++
			continue
		}
		e.count(entry)
		set.add(name, size, entry.Written, boxes)
		if err := folder.Write("images/"+name, copyOf(content)); err != nil {
			return err
		}
		kept["images/"+name] = true
	}
	if err := folder.Write("annotations.json", set.write); err != nil {
		return err
	}
	return folder.Prune(kept, "images")
}

func (c *coco) write(w io.Writer) error {
	raw, err := output.Marshal(c)
	if err != nil {
		return err
	}
	_, err = w.Write(append(raw, '\n'))
	return err
}

// defects are the boxes of an NG image, as far as they lie within it.
func defects(e record.Entry, size image.Point) (boxes []image.Rectangle) {
	if labelOf(e) == "good" {
		return nil
	}
	for _, b := range e.Boxes {
		if box := image.Rect(b[0], b[1], b[2], b[3]).Intersect(image.Rectangle{Max: size}); !box.Empty() {
			boxes = append(boxes, box)
		}
	}
	return boxes
}

func (c *coco) add(name string, size image.Point, captured time.Time, boxes []image.Rectangle) {
	id := len(c.Images) + 1
	c.Images = append(c.Images, cocoImage{ID: id, FileName: name, Width: size.X, Height: size.Y, Captured: captured.UTC().Format(time.RFC3339)})
	for _, b := range boxes {
		x0, y0, x1, y1 := b.Min.X, b.Min.Y, b.Max.X, b.Max.Y
		c.Annotations = append(c.Annotations, cocoAnnotation{
			ID: len(c.Annotations) + 1, ImageID: id, CategoryID: cocoDefect,
			Box: [4]int{x0, y0, b.Dx(), b.Dy()}, Area: b.Dx() * b.Dy(),
			Segmentation: [][8]int{{x0, y0, x1, y0, x1, y1, x0, y1}},
		})
	}
}
