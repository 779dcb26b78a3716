// Package output writes the program's results: as a table for people, and as
// JSON, JSON lines or CSV for programs.
package output

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Format is how results are written.
type Format string

// The formats, as the flag names them.
const (
	Table Format = "table"
	JSON  Format = "json"
	JSONL Format = "jsonl"
	CSV   Format = "csv"
)

// Parse reads a format's name. It is false for what is none.
func Parse(name string) (Format, bool) {
	switch f := Format(name); f {
	case Table, JSON, JSONL, CSV:
		return f, true
	}
	return Table, false
}

// Column is one of a table's.
type Column struct {
	Name  string // for programs
	Title string // for people
	Right bool   // numbers
}

// Cell is one of a row's.
type Cell struct {
	Text   string
	Number bool // never taken for a formula
	Word   bool // one of the service's, which tables show in the user's language
	Style  Style
}

// Text makes a cell.
func Text(text string) Cell { return Cell{Text: text} }

// Word makes a cell of a word of the service's, such as a status.
func Word(word string) Cell { return Cell{Text: word, Word: true} }

// Number makes a cell of a number's text.
func Number(text string) Cell { return Cell{Text: text, Number: true} }

// Writer writes results. Make one with [New].
type Writer struct {
	w      io.Writer
	format Format
	colors bool
	words  map[string]string // of the service, in the user's language
	wrote  bool
}

// New returns a writer of results in a format, with colors in tables or without.
func New(w io.Writer, format Format, colors bool) *Writer {
	return &Writer{w: w, format: format, colors: colors}
}

// Translate sets how tables show words of the service. All other forms have them as
// they are.
func (o *Writer) Translate(words map[string]string) { o.words = words }

// Shown returns a cell as tables show it.
func (o *Writer) Shown(cell Cell) Cell {
	if shown, known := o.words[cell.Text]; cell.Word && known {
		cell.Text = shown
	}
	return cell
}

// Format is the writer's.
func (o *Writer) Format() Format { return o.format }

// Wrote says whether something was written.
func (o *Writer) Wrote() bool { return o.wrote }

// Value writes one result: an object of JSON, or a table of its parts.
func (o *Writer) Value(value any, columns []Column, row ...Cell) error {
	switch o.format {
	case JSON:
		return o.indented(value)
	case JSONL:
		return o.line(value)
	case CSV:
		return o.csv(columns, [][]Cell{row})
	}
	rows := make([][]Cell, len(row))
	for i, cell := range row {
		rows[i] = []Cell{Text(columns[i].Title), cell}
	}
	return o.table(nil, rows)
}

// List begins a list of results, which are written as they come where the format
// allows it.
func (o *Writer) List(columns []Column) *List { return &List{o: o, columns: columns} }

// Text writes a line for people. It is nothing in the other formats.
func (o *Writer) Text(line string) error {
	if o.format != Table {
		return nil
	}
	_, err := fmt.Fprintln(o, line)
	return err
}

// Failure tells programs of an error in the place of a result that did not come.
// It is written as JSON only: in the other formats, nothing is what is right.
func (o *Writer) Failure(message string, code int) error {
	if o.format != JSON || o.wrote {
		return nil
	}
	return o.indented(map[string]any{"error": message, "exit_code": code})
}

// Write is for what a format does not concern, such as help.
func (o *Writer) Write(b []byte) (int, error) {
	o.wrote = true
	return o.w.Write(b)
}

func (o *Writer) indented(value any) error {
	raw, err := Marshal(value)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err = o.Write(b.Bytes())
	return err
}

func (o *Writer) line(value any) error {
	raw, err := Marshal(value)
	if err != nil {
		return err
	}
	_, err = o.Write(append(raw, '\n'))
	return err
}

func (o *Writer) csv(columns []Column, rows [][]Cell) error {
	w := csv.NewWriter(o)
	if columns != nil {
		names := make([]string, len(columns))
		for i, c := range columns {
			names[i] = c.Name
		}
		_ = w.Write(names) // Error tells
	}
	for _, row := range rows {
		_ = w.Write(Record(row))
	}
	w.Flush()
	return w.Error()
}

// ByteOrderMark tells spreadsheets that a CSV file is UTF-8.
const ByteOrderMark = "\ufeff"

// Record is a row of a CSV file. Texts that a spreadsheet would take for a
// formula are made texts, as spreadsheets do: by an apostrophe.
func Record(row []Cell) []string {
	record := make([]string, len(row))
	for i, cell := range row {
		record[i] = Escape(cell.Text)
		if !cell.Number && strings.IndexAny(record[i], "=+-@") == 0 {
			record[i] = "'" + record[i]
		}
	}
	return record
}

// Marshal is [json.Marshal] with markup as it is, and with characters that a
// terminal would act on escaped.
func Marshal(value any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	raw := markup(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
	if bytes.IndexFunc(raw, acted) < 0 {
		return raw, nil
	}
	var escaped []byte
	for len(raw) > 0 {
		r, size := utf8.DecodeRune(raw)
		if acted(r) { // such a rune is part of a string, and of one UTF-16 unit
			escaped = fmt.Appendf(escaped, `\u%04x`, r)
		} else {
			escaped = append(escaped, raw[:size]...)
		}
		raw = raw[size:]
	}
	return escaped, nil
}

// markup writes <, > and & in JSON as they are. Types that write themselves have
// escaped them, whatever the encoder was told: json.Marshal does, which they use.
func markup(raw []byte) []byte {
	plain := make([]byte, 0, len(raw))
	for len(raw) > 0 {
		character, size := raw[0], 1
		if character == '\\' {
			character, size = escapedMarkup(raw)
		}
		if size == 2 { // another escape: a backslash, and what it escapes
			plain = append(plain, raw[0])
		}
		plain = append(plain, character)
		raw = raw[size:]
	}
	return plain
}

// escapedMarkup is the character of an escape at the beginning of raw, and how
// long that is: six bytes for markup, and otherwise two.
func escapedMarkup(raw []byte) (character byte, size int) {
	if len(raw) >= 6 {
		switch strings.ToLower(string(raw[1:6])) {
		case "u003c":
			return '<', 6
		case "u003e":
			return '>', 6
		case "u0026":
			return '&', 6
		}
	}
	return raw[1], 2
}

// acted says whether a terminal may act on a rune: controls beyond ASCII, and
// those that turn the direction of writing.
func acted(r rune) bool {
	return r >= 0x7f && r <= 0xffff && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r))
}

// JSONString is a text that goes into JSON: bytes that are no UTF-8 stay distinct.
func JSONString(text string) string { return valid(text) }

// FromJSONString is the text of which JSONString has made another. It takes what looks
// like an escaped byte for one, so a name that has such letters itself is another.
func FromJSONString(text string) string { return escapedByte.ReplaceAllStringFunc(text, byteOf) }

// escapedByte is a byte that is no ASCII, which is what UTF-8 can be broken by.
var escapedByte = regexp.MustCompile(`\\x[89a-f][0-9a-f]`)

func byteOf(escaped string) string {
	b, _ := strconv.ParseUint(escaped[2:], 16, 8) // it is two digits
	return string([]byte{byte(b)})
}
