package main

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html/template"
	"image"
	"image/jpeg"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
)

// save writes the pictures, the CSV file and the page into a folder.
func (r *report) save(folder string) error {
	for _, result := range r.Results {
		if err := result.savePicture(filepath.Join(folder, result.Picture)); err != nil {
			return err
		}
	}
	if err := writeFile(filepath.Join(folder, "results.csv"), r.writeCSV); err != nil {
		return err
	}
	return writeFile(filepath.Join(folder, "index.html"), r.writeHTML)
}

func (r *result) savePicture(path string) error {
	picture, err := decode(r.path)
	if err != nil {
		return err
	}
	defects := make([]image.Rectangle, len(r.Defects))
	for i, d := range r.Defects {
		defects[i] = d.rect()
	}
	var heat image.Image
	if r.heat != nil {
		if heat, _, err = image.Decode(bytes.NewReader(r.heat)); err != nil {
			return fmt.Errorf("heat map of %s: %w", r.File, err)
		}
	}
	marked, err := annotate(picture, heat, r.Verdict, defects)
	if err != nil {
		return err
	}
	return writeFile(path, func(w io.Writer) error {
		return jpeg.Encode(w, marked, &jpeg.Options{Quality: 95})
	})
}

func writeFile(path string, write func(io.Writer) error) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		// A full disk may show only here.
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
	}()
	return write(file)
}

// printTable prints one line per image, and further lines for further defects.
func (r *report) printTable(w io.Writer, folder string) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "FILE\tVERDICT\tSCORE\tDEFECTS")
	for _, result := range r.Results {
		first, rest := "-", []box(nil)
		if len(result.Defects) > 0 {
			first, rest = result.Defects[0].String(), result.Defects[1:]
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", result.File, result.Verdict, result.ScoreText(), first)
		for _, defect := range rest {
			fmt.Fprintf(table, "\t\t\t%s\n", defect)
		}
	}
	fmt.Fprintf(table, "\n%d images: %d OK, %d NG, %d without a verdict\n", r.Count.Images, r.Count.OK, r.Count.NG, r.Count.Unknown)
	fmt.Fprintf(table, "Pictures and table: %s\n", filepath.Join(folder, "index.html"))
	return table.Flush()
}

func (r *report) printJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// ScoreText is the anomaly score for people.
func (r *result) ScoreText() string {
	if r.Score == nil {
		return "-"
	}
	return strconv.FormatFloat(*r.Score, 'f', 3, 64)
}

// writeCSV writes one row per image; its boxes are one column, as text.
func (r *report) writeCSV(w io.Writer) error {
	rows := [][]string{{"file", "item_id", "verdict", "anomaly_score", "defects", "boxes"}}
	for _, result := range r.Results {
		score := ""
		if result.Score != nil {
			score = strconv.FormatFloat(*result.Score, 'g', -1, 64)
		}
		boxes := make([]string, len(result.Defects))
		for i, defect := range result.Defects {
			boxes[i] = defect.String()
		}
		rows = append(rows, []string{
			result.File, result.ItemID, string(result.Verdict), score, strconv.Itoa(len(boxes)), strings.Join(boxes, " "),
		})
	}
	return csv.NewWriter(w).WriteAll(rows)
}

//go:embed report.html
var page string

func (r *report) writeHTML(w io.Writer) error {
	tmpl, err := template.New("report").Parse(page)
	if err != nil {
		return err
	}
	return tmpl.Execute(w, r)
}

// PictureURL is the picture's address beside the page. The leading dot keeps a
// file name with a colon from being taken for a scheme.
func (r *result) PictureURL() string { return "./" + url.PathEscape(r.Picture) }

// Class is the verdict's class in the page's style sheet.
func (r *result) Class() string { return strings.ToLower(string(r.Verdict)) }
