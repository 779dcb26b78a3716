package hacarus

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// maxDepth bounds how deep arrays and objects may be nested; it is that of encoding/json.
const maxDepth = 10_000

// decoding is one JSON text on its way into values: a cursor that the decoders
// move on. It takes exactly what encoding/json takes, and keeps nothing of the
// text: what it hands out as bytes is good until the next value is read.
type decoding struct {
	text  []byte
	at    int
	depth int
	// recent holds strings of this text, most of which come again: statuses,
	// labels, a model's id. Finding one here saves its copy.
	recent [32]string
	// Lists that every item has are read into these first, and copied when
	// their length is known.
	annotations []Annotation
	assessments []Assessment
	images      []ImageMeta
}

// end stands for the byte after the text's last one. In a text it is refused
// like any control character.
const end = 0

// next skips white space and returns the byte that follows, without moving past it.
func (d *decoding) next() byte {
	for d.at < len(d.text) {
		c := d.text[d.at]
		if c > ' ' || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
		d.at++
	}
	return end
}

// unexpected is the error of a text that does not go on as it must.
func (d *decoding) unexpected(wanted string) error {
	if d.at >= len(d.text) {
		return fmt.Errorf("it ends where %s should be", wanted)
	}
	return fmt.Errorf("%q at byte %d, where %s should be", d.text[d.at], d.at, wanted)
}

// null moves past a null, if that is what follows.
func (d *decoding) null() (bool, error) {
	if d.next() != 'n' {
		return false, nil
	}
	return true, d.literal("null")
}

func (d *decoding) literal(word string) error {
	if rest := d.text[d.at:]; len(rest) < len(word) || string(rest[:len(word)]) != word {
		return d.unexpected(word)
	}
	d.at += len(word)
	return nil
}

func (d *decoding) bool() (bool, error) {
	if d.next() == 't' {
		return true, d.literal("true")
	}
	return false, d.literal("false")
}

// object reads an object field by field, or moves past it if field is nil. The
// keys on the way to an error are named only where fields are read: what is
// moved past may be nested so deep that naming them all would take gigabytes.
func (d *decoding) object(field func(d *decoding, key []byte) error) error {
	if d.next() != '{' {
		return d.unexpected("an object")
	}
	if err := d.open(); err != nil {
		return err
	}
	if d.next() == '}' {
		return d.shut()
	}
	for {
		key, err := d.string()
		if err != nil {
			return err
		}
		if d.next() != ':' {
			return d.unexpected(`":"`)
		}
		d.at++
		if field == nil {
			err = d.skip()
		} else if err = field(d, key); err != nil {
			err = fmt.Errorf("%s: %w", key, err)
		}
		if err != nil {
			return err
		}
		switch d.next() {
		case ',':
			d.at++
		case '}':
			return d.shut()
		default:
			return d.unexpected(`"," or "}"`)
		}
	}
}

// array reads an array element by element.
func (d *decoding) array(element func(d *decoding) error) error {
	if d.next() != '[' {
		return d.unexpected("an array")
	}
	if err := d.open(); err != nil {
		return err
	}
	if d.next() == ']' {
		return d.shut()
	}
	for {
		if err := element(d); err != nil {
			return err
		}
		switch d.next() {
		case ',':
			d.at++
		case ']':
			return d.shut()
		default:
			return d.unexpected(`"," or "]"`)
		}
	}
}

func (d *decoding) open() error {
	if d.depth++; d.depth > maxDepth {
		return errors.New("nested too deep")
	}
	d.at++
	return nil
}

func (d *decoding) shut() error {
	d.depth--
	d.at++
	return nil
}

// skip moves past a value.
func (d *decoding) skip() error {
	switch c := d.next(); c {
	case '{':
		return d.object(nil)
	case '[':
		return d.array((*decoding).skip)
	case '"':
		_, err := d.string()
		return err
	case 'n':
		return d.literal("null")
	case 't', 'f':
		_, err := d.bool()
		return err
	default:
		_, err := d.number()
		return err
	}
}

// raw moves past a value and returns its bytes.
func (d *decoding) raw() ([]byte, error) {
	d.next()
	from := d.at
	err := d.skip()
	return d.text[from:d.at], err
}

// string reads a string's bytes, without its quotes and escapes.
func (d *decoding) string() ([]byte, error) {
	if d.next() != '"' {
		return nil, d.unexpected("a string")
	}
	from := d.at + 1
	d.at = from + plain(d.text[from:])
	if d.at < len(d.text) && d.text[d.at] == '"' {
		d.at++
		return d.text[from : d.at-1], nil
	}
	return d.escaped(from)
}

// escaped reads the rest of a string that begins at from, is plain until here,
// and has escapes.
func (d *decoding) escaped(from int) ([]byte, error) {
	for d.at < len(d.text) && d.text[d.at] == '\\' {
		d.at = min(d.at+2, len(d.text)) // over what is escaped, be it a quote
		d.at += plain(d.text[d.at:])
	}
	if d.at >= len(d.text) || d.text[d.at] != '"' {
		return nil, d.unexpected("the rest of a string")
	}
	d.at++
	var s string
	err := json.Unmarshal(d.text[from-1:d.at], &s)
	return []byte(s), err
}

// plain is how many bytes of text come before a quote, a backslash or a
// control character. It looks at eight of them at a time: in each byte of a
// word, the highest bit tells.
func plain(text []byte) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; len(text)-n >= 8; n += 8 {
		word := binary.LittleEndian.Uint64(text[n:])
		quote, backslash := word^'"'*ones, word^'\\'*ones
		found := ((word - ' '*ones) | (quote-ones)&^quote | (backslash-ones)&^backslash) &^ word & tops
		if found != 0 {
			return n + bits.TrailingZeros64(found)/8
		}
	}
	for ; n < len(text); n++ {
		if c := text[n]; c == '"' || c == '\\' || c < ' ' {
			break
		}
	}
	return n
}

// number reads a number's digits as they are.
func (d *decoding) number() ([]byte, error) {
	d.next()
	from := d.at
	d.take('-')
	if !d.take('0') && !d.digits() {
		return nil, d.unexpected("a value")
	}
	if d.take('.') && !d.digits() {
		return nil, d.unexpected("a digit")
	}
	if d.take('e') || d.take('E') {
		_ = d.take('+') || d.take('-')
		if !d.digits() {
			return nil, d.unexpected("a digit")
		}
	}
	return d.text[from:d.at], nil
}

// take moves past c, if that is what follows.
func (d *decoding) take(c byte) bool {
	if d.at >= len(d.text) || d.text[d.at] != c {
		return false
	}
	d.at++
	return true
}

// digits moves past digits, if any follow.
func (d *decoding) digits() bool {
	from := d.at
	for d.at < len(d.text) && d.text[d.at]-'0' <= 9 {
		d.at++
	}
	return d.at > from
}

// copied is a text as a string of its own, or as the same one as not long before.
func (d *decoding) copied(text []byte) string {
	const longest = 64
	if len(text) == 0 {
		return ""
	}
	if len(text) > longest {
		return valid(text)
	}
	place := (31*len(text) + int(text[0]) + 7*int(text[len(text)-1]) + 3*int(text[len(text)/2])) % len(d.recent)
	if d.recent[place] != string(text) {
		d.recent[place] = valid(text)
	}
	return d.recent[place]
}

// valid replaces each byte that is no UTF-8, as encoding/json does.
func valid(text []byte) string {
	if !utf8.Valid(text) {
		return string([]rune(string(text)))
	}
	return string(text)
}
