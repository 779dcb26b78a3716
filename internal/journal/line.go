package journal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// Step is how far a file has come. The steps that ask something of the service
// are noted before it is asked, and again when it has responded.
type Step uint8

// The steps, in their order.
const (
	New        Step = iota // nothing was sent, or the service refused it
	Uploading              // the item may be there
	Uploaded               // the item is there
	Predicting             // its prediction was asked for, or is about to be
	Done                   // it has a verdict; for an upload without a prediction, it is there
)

var stepNames = [...]string{New: "", Uploading: "uploading", Uploaded: "uploaded", Predicting: "predicting", Done: "done"}

func (s Step) String() string { return stepNames[s] }

func stepNamed(name string) (Step, bool) {
	for s, known := range stepNames {
		if known == name {
			return Step(s), true
		}
	}
	return New, false
}

// Key is what a file is known by from one run to the next.
type Key struct {
	Name string   // as the user gave it, whatever its bytes
	Sum  [32]byte // SHA-256 of its content
	Nth  int      // of the files of that name and content, from 0
}

// Line is what a line of a journal says of a file.
type Line struct {
	Time time.Time
	Step Step
	// Item is the id that follows from the name under which the file is
	// uploaded. It is what the file's later lines name it by.
	Item string
	// ItemID is the id that the service gave the item, if that is another one.
	ItemID string
	// Strange says that the service was seen to choose ids that do not follow
	// from names, so that an item that is not found proves nothing.
	Strange bool
	// Key and Upload, the name under which the file is uploaded, stand in the
	// file's first line only. Others have an empty Upload.
	Key     Key
	Upload  string
	Verdict string
}

// wireLine is a line as it is written. A name that is not valid UTF-8 would not
// survive JSON, so it is written in hexadecimal.
type wireLine struct {
	Time    time.Time `json:"time"`
	Step    string    `json:"step"`
	Item    string    `json:"item"`
	ItemID  string    `json:"item_id,omitempty"`
	Strange bool      `json:"strange,omitempty"`
	Name    string    `json:"file,omitempty"`
	NameHex string    `json:"file_hex,omitempty"`
	Sum     string    `json:"sha256,omitempty"`
	Nth     int       `json:"copy,omitempty"`
	Upload  string    `json:"upload,omitempty"`
	Verdict string    `json:"verdict,omitempty"`
}

// appendLine appends a line without its newline.
func appendLine(b []byte, l Line) ([]byte, error) {
	w := wireLine{
		Time: l.Time.UTC(), Step: l.Step.String(), Item: l.Item, ItemID: l.ItemID,
		Strange: l.Strange, Upload: l.Upload, Verdict: l.Verdict,
	}
	if l.Upload != "" {
		w.Sum, w.Nth = hex.EncodeToString(l.Key.Sum[:]), l.Key.Nth
		if utf8.ValidString(l.Key.Name) {
			w.Name = l.Key.Name
		} else {
			w.NameHex = hex.EncodeToString([]byte(l.Key.Name))
		}
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text) // ends the value with a newline
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(w); err != nil {
		return b, err
	}
	return append(b, bytes.TrimSuffix(text.Bytes(), []byte("\n"))...), nil
}

// parseLine reads a line.
func parseLine(text []byte) (Line, error) {
	var w wireLine
	if !scanLine(text, &w) {
		w = wireLine{}
		if err := json.Unmarshal(text, &w); err != nil {
			return Line{}, fmt.Errorf("%w: it is damaged, and what follows it cannot be relied on: %w", ErrInvalid, err)
		}
	}
	step, known := stepNamed(w.Step)
	if !known {
		return Line{}, fmt.Errorf("%w: step %q is not known to this version", ErrInvalid, w.Step)
	}
	l := Line{Time: w.Time, Step: step, Item: w.Item, ItemID: w.ItemID, Strange: w.Strange, Upload: w.Upload, Verdict: w.Verdict}
	if w.Upload == "" {
		return l, nil
	}
	l.Key = Key{Name: w.Name, Nth: w.Nth}
	if w.NameHex != "" {
		name, err := hex.DecodeString(w.NameHex)
		if err != nil {
			return Line{}, fmt.Errorf("%w: it is damaged: %w", ErrInvalid, err)
		}
		l.Key.Name = string(name)
	}
	if n, err := hex.Decode(l.Key.Sum[:], []byte(w.Sum)); err != nil || n != len(l.Key.Sum) {
		return Line{}, fmt.Errorf("%w: it is damaged: sha256 %q", ErrInvalid, w.Sum)
	}
	return l, nil
}

// scanLine reads a line in the form in which it is written. It is several times
// faster than encoding/json, which matters where a journal has a million of
// them, and is false for any line that it is not made for.
func scanLine(text []byte, w *wireLine) bool {
	rest, ok := bytes.CutPrefix(text, []byte("{"))
	for first := true; ok; first = false {
		if string(rest) == "}" {
			return !first
		}
		if !first {
			if rest, ok = bytes.CutPrefix(rest, []byte(",")); !ok {
				return false
			}
		}
		var key, value []byte
		var quoted bool
		if key, rest, ok = scanString(rest); !ok {
			return false
		}
		if rest, ok = bytes.CutPrefix(rest, []byte(":")); !ok {
			return false
		}
		if value, quoted, rest, ok = scanValue(rest); !ok {
			return false
		}
		if quoted {
			ok = w.setString(string(key), value)
		} else {
			ok = w.setOther(string(key), string(value))
		}
	}
	return false
}

// scanString takes a string without escapes off the text.
func scanString(text []byte) (value, rest []byte, ok bool) {
	if len(text) == 0 || text[0] != '"' {
		return nil, nil, false
	}
	end := bytes.IndexByte(text[1:], '"')
	if end < 0 {
		return nil, nil, false
	}
	value = text[1 : 1+end]
	for _, c := range value {
		if c == '\\' || c < ' ' {
			return nil, nil, false
		}
	}
	return value, text[end+2:], utf8.Valid(value)
}

// scanValue takes a string, true or a number off the text.
func scanValue(text []byte) (value []byte, quoted bool, rest []byte, ok bool) {
	if len(text) > 0 && text[0] == '"' {
		value, rest, ok = scanString(text)
		return value, true, rest, ok
	}
	end := bytes.IndexAny(text, ",}")
	if end <= 0 {
		return nil, false, nil, false
	}
	return text[:end], false, text[end:], true
}

// setString sets a field that is a string.
func (w *wireLine) setString(key string, value []byte) bool {
	switch key {
	case "time":
		return w.Time.UnmarshalText(value) == nil
	case "step":
		w.Step = internedStep(value)
		return w.Step != "" || len(value) == 0
	case "item":
		w.Item = string(value)
	case "item_id":
		w.ItemID = string(value)
	case "file":
		w.Name = string(value)
	case "file_hex":
		w.NameHex = string(value)
	case "sha256":
		w.Sum = string(value)
	case "upload":
		w.Upload = string(value)
	case "verdict":
		w.Verdict = string(value)
	default:
		return false
	}
	return true
}

// setOther sets a field that is true or a number.
func (w *wireLine) setOther(key, value string) bool {
	switch key {
	case "strange":
		w.Strange = value == "true"
		return w.Strange
	case "copy":
		n, err := strconv.Atoi(value)
		w.Nth = n
		return err == nil && strconv.Itoa(n) == value // JSON has one form of an integer
	}
	return false
}

// internedStep is the name of a known step, which costs no allocation.
func internedStep(name []byte) string {
	for _, known := range stepNames {
		if known == string(name) {
			return known
		}
	}
	return ""
}
