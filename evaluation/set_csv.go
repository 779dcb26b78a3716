package evaluation

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// ReadCSV reads a set from a table with one line for each image. The first line
// names the columns: "file", "label" and, where kinds of defect are told, "kind";
// others are ignored. A file is named by its path, from the folder of the table
// if it is not absolute. A label is good or OK, bad or NG, in any case of letters.
//
//	file,label,kind
//	plates/1.png,good,
//	plates/2.png,bad,scratch
//
// It is UTF-8, with or without a byte order mark, and separated by commas,
// semicolons or tabs. What cannot be read is an error that names the line.
func ReadCSV(path string) (Set, error) {
	table, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("evaluation: %w", err)
	}
	set, err := parseCSV(table)
	if err != nil {
		return nil, fmt.Errorf("evaluation: %s: %w", path, err)
	}
	for i, image := range set {
		file := filepath.FromSlash(image.File)
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(path), file)
		}
		set[i].File = file
	}
	return set.orNone(path)
}

// parseCSV reads a table, with the files' names as they stand there.
func parseCSV(table []byte) (Set, error) {
	if !utf8.Valid(table) {
		return nil, errors.New("this is not UTF-8: save the table as CSV UTF-8")
	}
	table = bytes.TrimPrefix(table, []byte("\ufeff"))
	reader := csv.NewReader(bytes.NewReader(table))
	reader.Comma = separator(table)
	header, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty")
	}
	if err != nil {
		return nil, err
	}
	columns, err := columnsOf(header)
	if err != nil {
		return nil, err
	}
	return readRows(reader, columns)
}

// separator is what stands in the first line most often.
func separator(table []byte) rune {
	header, _, _ := bytes.Cut(table, []byte("\n"))
	return slices.MaxFunc([]rune{',', ';', '\t'}, func(a, b rune) int {
		return strings.Count(string(header), string(a)) - strings.Count(string(header), string(b))
	})
}

// columns are the places of the columns; that of kind is -1 if there is none.
type columns struct{ file, label, kind int }

func columnsOf(header []string) (columns, error) {
	place := func(name string) int {
		return slices.IndexFunc(header, func(cell string) bool { return strings.EqualFold(strings.TrimSpace(cell), name) })
	}
	c := columns{place("file"), place("label"), place("kind")}
	if c.file < 0 || c.label < 0 {
		return c, fmt.Errorf(`the first line names the columns %q, it needs "file" and "label"`, header)
	}
	return c, nil
}

func readRows(reader *csv.Reader, c columns) (Set, error) {
	var set Set
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return set, nil
		}
		if err != nil {
			return nil, err
		}
		image, err := c.image(row)
		if err != nil {
			line, _ := reader.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		set = append(set, image)
	}
}

func (c columns) image(row []string) (Image, error) {
	image := Image{File: strings.TrimSpace(row[c.file])}
	if c.kind >= 0 {
		image.Kind = strings.TrimSpace(row[c.kind])
	}
	switch name := strings.ToLower(strings.TrimSpace(row[c.label])); name {
	case "good", "ok":
	case "bad", "ng":
		image.Bad = true
	default:
		return image, fmt.Errorf("the label %q is none of good, OK, bad and NG", name)
	}
	return image, Set{image}.check()
}
