package main

import (
	"image"
	"math"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// report is what a job found. Its JSON form is the output of -json.
type report struct {
	Service   string    `json:"service"`
	Algorithm string    `json:"algorithm"`
	ModelID   string    `json:"model_id"`
	Trained   int       `json:"training_images"`
	Created   time.Time `json:"created_at"`
	Count     count     `json:"count"`
	Results   []result  `json:"results"`
}

// count sums the verdicts up.
type count struct {
	Images  int `json:"images"`
	OK      int `json:"ok"`
	NG      int `json:"ng"`
	Unknown int `json:"unknown"`
}

// result is what was found on one image.
type result struct {
	File    string          `json:"file"`
	ItemID  string          `json:"item_id"`
	Verdict hacarus.Verdict `json:"verdict"`
	Score   *float64        `json:"anomaly_score"` // nil for none
	Defects []box           `json:"defects"`
	Picture string          `json:"picture"` // a file in the report's folder

	path string // of the image
	heat []byte // a picture of how odd each place is; nil for none
}

// box is a defect's place, in pixels of the file.
type box struct {
	XMin int `json:"x_min"`
	YMin int `json:"y_min"`
	XMax int `json:"x_max"`
	YMax int `json:"y_max"`
}

func (b box) rect() image.Rectangle { return image.Rect(b.XMin, b.YMin, b.XMax, b.YMax) }
func (b box) String() string        { return b.rect().String() }

func newReport(algorithm *hacarus.Algorithm, model *hacarus.Model, train, subjects []photo, items []*hacarus.Item) *report {
	rep := &report{
		Algorithm: algorithm.Name,
		ModelID:   model.ModelID,
		Trained:   len(train),
		Created:   time.Now().Truncate(time.Second),
		Results:   make([]result, len(subjects)),
	}
	for i, p := range subjects {
		rep.Results[i] = newResult(p, items[i], model.ModelID)
		rep.Count.add(rep.Results[i].Verdict)
	}
	return rep
}

func (c *count) add(v hacarus.Verdict) {
	c.Images++
	switch v {
	case hacarus.VerdictOK:
		c.OK++
	case hacarus.VerdictNG:
		c.NG++
	default:
		c.Unknown++
	}
}

func (r *report) exitCode(failOnNG bool) int {
	switch {
	case r.Count.Unknown > 0:
		return exitError
	case failOnNG && r.Count.NG > 0:
		return exitNG
	}
	return exitOK
}

// newResult takes what the model says of a photo; item is nil where it has not
// assessed it.
func newResult(p photo, item *hacarus.Item, modelID string) result {
	r := result{
		File:    p.name(),
		ItemID:  p.itemID,
		Verdict: hacarus.VerdictUnknown,
		Defects: []box{},
		Picture: p.picture(),
		path:    p.path,
	}
	if item == nil {
		return r
	}
	assessment := item.Assessment(modelID)
	r.Verdict = item.Verdict(modelID)
	if score, ok := assessment.Score(); ok {
		r.Score = &score
	}
	for _, a := range assessment.Annotations {
		if rect, ok := a.Rect(); ok {
			r.Defects = append(r.Defects, onFile(rect, item, p))
		}
	}
	return r
}

// onFile moves a box from the service's image to the file, since the service
// may have scaled what it was given.
func onFile(rect image.Rectangle, item *hacarus.Item, p photo) box {
	scaleX, scaleY := 1.0, 1.0
	if len(item.Images) > 0 && item.Images[0].Width > 0 && item.Images[0].Height > 0 {
		scaleX = float64(p.size.X) / float64(item.Images[0].Width)
		scaleY = float64(p.size.Y) / float64(item.Images[0].Height)
	}
	scale := func(v int, by float64) int { return int(math.Round(float64(v) * by)) }
	return box{scale(rect.Min.X, scaleX), scale(rect.Min.Y, scaleY), scale(rect.Max.X, scaleX), scale(rect.Max.Y, scaleY)}
}
