// Package truth tells what is wrong with the products of a folder of images: the
// file truth.json in it.
package truth

import (
	"encoding/json"
	"errors"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
)

const name = "truth.json"

// Image is what is known of an image.
type Image struct {
	File    string   `json:"file"`    // from the folder, with slashes
	Verdict string   `json:"verdict"` // OK or NG
	Defects []Defect `json:"defects"`
}

// Defect is a place where something is wrong, in pixels of the image.
type Defect struct {
	Kind string `json:"kind"`
	XMin int    `json:"x_min"`
	YMin int    `json:"y_min"`
	XMax int    `json:"x_max"`
	YMax int    `json:"y_max"`
}

// NewImage makes the truth of an image whose defects are all of one kind; without
// any, it is OK.
func NewImage(file, kind string, boxes []image.Rectangle) Image {
	t := Image{File: file, Verdict: "OK", Defects: []Defect{}}
	for _, box := range boxes {
		t.Verdict = "NG"
		t.Defects = append(t.Defects, NewDefect(kind, box))
	}
	return t
}

// NewDefect makes a defect of a box.
func NewDefect(kind string, box image.Rectangle) Defect {
	return Defect{Kind: kind, XMin: box.Min.X, YMin: box.Min.Y, XMax: box.Max.X, YMax: box.Max.Y}
}

// Box is the smallest rectangle around the defect.
func (d Defect) Box() image.Rectangle { return image.Rect(d.XMin, d.YMin, d.XMax, d.YMax) }

type file struct {
	Images []Image `json:"images"`
}

// Read returns what a folder's file tells.
func Read(folder string) ([]Image, error) {
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return nil, err
	}
	var f file
	err = json.Unmarshal(text, &f)
	return f.Images, err
}

// Write writes a folder's file.
func Write(folder string, images []Image) error {
	text, err := json.MarshalIndent(file{images}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, name), append(text, '\n'), 0o644) //nolint:gosec // it is for all to read
}

// SaveJPEG writes a picture, and makes its folder.
func SaveJPEG(path string, img image.Image, quality int) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(jpeg.Encode(f, img, &jpeg.Options{Quality: quality}), f.Close())
}

// Overlap is the intersection of two boxes over their union.
func Overlap(a, b image.Rectangle) float64 {
	area := func(r image.Rectangle) float64 { return float64(r.Dx() * r.Dy()) }
	both := area(a.Intersect(b))
	return both / (area(a) + area(b) - both)
}
