package inspect

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/outdir"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/report"
)

// Result is what came of an image, for programs.
type Result struct {
	File    string          `json:"file"`
	ItemID  string          `json:"item_id"`
	Verdict hacarus.Verdict `json:"verdict"`
	Score   *float64        `json:"score"`
	Boxes   [][4]int        `json:"boxes"` // left, top, right and bottom in pixels
	Error   *string         `json:"error"`

	unfinished bool // because something has ended the inspection

	index int           // of the file in the request
	item  *hacarus.Item // for its picture; nil where there is none
}

// ResultOf is the result of an inspection.
func ResultOf(i *hacarus.Inspection) Result {
	r := Result{File: output.JSONString(i.File), ItemID: i.ItemID, Verdict: i.Verdict, Boxes: [][4]int{}}
	if score, ok := i.Score(); ok {
		r.Score = &score
	}
	if i.Err != nil {
		r.Error = new(output.JSONString(i.Err.Error()))
		r.unfinished = errors.Is(i.Err, hacarus.ErrUnfinished)
	}
	for _, a := range annotationsOf(i) {
		if box, ok := a.Rect(); ok {
			r.Boxes = append(r.Boxes, [4]int{box.Min.X, box.Min.Y, box.Max.X, box.Max.Y})
		}
	}
	return r
}

// annotationsOf returns what the model has marked. The inspection's own item is
// asked for any assessment: it was fetched with those of its model only.
func annotationsOf(i *hacarus.Inspection) []hacarus.Annotation {
	if i.Item == nil {
		return nil
	}
	if a := i.Item.Assessment(hacarus.ActiveModel); a != nil {
		return a.Annotations
	}
	return nil
}

// Columns are those of a list of results.
func Columns(p *program.Program) []output.Column {
	return []output.Column{
		{Name: "file", Title: p.Text("File")}, {Name: "item_id", Title: p.Text("Item")}, {Name: "verdict", Title: p.Text("Verdict")},
		{Name: "score", Title: p.Text("Score"), Right: true}, {Name: "boxes", Title: p.Text("Defects")}, {Name: "error", Title: p.Text("Error")},
	}
}

// Cells are those of the result.
func (r Result) Cells() []output.Cell {
	score, text := "", ""
	if r.Score != nil {
		score = strconv.FormatFloat(*r.Score, 'g', -1, 64)
	}
	if r.Error != nil {
		text = *r.Error
	}
	return []output.Cell{
		output.Text(r.File), output.Text(r.ItemID), output.Verdict(r.Verdict), output.Number(score), output.Text(r.boxes()), output.Text(text),
	}
}

func (r Result) boxes() string {
	boxes := make([]string, len(r.Boxes))
	for i, b := range r.Boxes {
		boxes[i] = boxText(b)
	}
	return strings.Join(boxes, " ")
}

func boxText(b [4]int) string { return fmt.Sprintf("(%d,%d)-(%d,%d)", b[0], b[1], b[2], b[3]) }

// Results are those of an inspection.
type Results struct {
	// HeatMaps is the client that fetches heat maps for Save; nil is that none are
	// wanted.
	HeatMaps *hacarus.Client

	pictures        bool // are wanted
	all             []Result
	ok, ng, unknown int
}

func (r *Results) add(i *hacarus.Inspection, result Result) {
	if result.index = i.Index; r.pictures {
		result.item = i.Item
	}
	r.all = append(r.all, result)
	switch result.Verdict {
	case hacarus.VerdictOK:
		r.ok++
	case hacarus.VerdictNG:
		r.ng++
	default:
		r.unknown++
	}
}

// sort puts the results into the order of the files. They come as they are ready.
func (r *Results) sort() {
	slices.SortFunc(r.all, func(a, b Result) int { return a.index - b.index })
}

func (r *Results) count() int { return len(r.all) }

// Save writes the results into a folder: results.csv first, which is what they are,
// and then pictures and a page.
func (r *Results) Save(ctx context.Context, p *program.Program, folder *outdir.Folder, title string, files []string) error {
	if err := r.saveTable(folder); err != nil || !r.pictures {
		return err
	}
	images := make([]report.Image, len(r.all))
	for i, result := range r.all {
		images[i] = result.image(files[result.index])
	}
	if err := report.Draw(ctx, p, folder, r.HeatMaps, images); err != nil {
		return err
	}
	lines := []string{p.Text("Images: %d. OK: %d, NG: %d, without a verdict: %d.", r.count(), r.ok, r.ng, r.unknown)}
	return report.Page{Title: title, Lines: lines, Sections: []report.Section{{Filter: true, Images: images}}}.Save(p, folder)
}

func (r Result) image(file string) report.Image {
	cells := r.Cells()
	image := report.Image{File: file, Verdict: r.Verdict, Score: cells[3].Text, Error: cells[5].Text, Item: r.item}
	for _, box := range r.Boxes {
		image.Boxes = append(image.Boxes, boxText(box))
	}
	return image
}

func (r *Results) saveTable(folder *outdir.Folder) error {
	return folder.Write("results.csv", func(w io.Writer) error {
		if _, err := io.WriteString(w, output.ByteOrderMark); err != nil {
			return err
		}
		table := csv.NewWriter(w)
		table.UseCRLF = true
		_ = table.Write([]string{"file", "item_id", "verdict", "score", "boxes", "error"}) // Error tells
		for _, result := range r.all {
			_ = table.Write(output.Record(result.Cells()))
		}
		table.Flush()
		return table.Error()
	})
}
