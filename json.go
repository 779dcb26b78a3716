package hacarus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how deep arrays and objects may be nested; it is that of encoding/json.
const maxDepth = 10_000

// decoding is one JSON text on its way into values: a cursor that the decoders
// move on. It takes exactly what encoding/json takes, and keeps nothing of the
// text: what it hands out as bytes is good until the next string is read.
type decoding struct {
	text  []byte
	at    int
	depth int
	// unescaped is the last string that had escapes.
	unescaped []byte
	memory
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
		d.shut()
		return nil
	}
	for {
		key, err := d.key()
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
			d.shut()
			return nil
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
		d.shut()
		return nil
	}
	for {
		if err := element(d); err != nil {
			return err
		}
		switch d.next() {
		case ',':
			d.at++
		case ']':
			d.shut()
			return nil
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

func (d *decoding) shut() {
	d.depth--
	d.at++
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

// string reads a string's bytes, without its quotes and escapes.
func (d *decoding) string() ([]byte, error) {
	quoted, escapes, err := d.quoted()
	if err != nil || !escapes {
		return quoted, err
	}
	d.unescaped, err = unescape(d.unescaped[:0], quoted)
	return d.unescaped, err
}

// key is string for what must stay good while the field's value is read.
func (d *decoding) key() ([]byte, error) {
	quoted, escapes, err := d.quoted()
	if err != nil || !escapes {
		return quoted, err
	}
	return unescape(nil, quoted)
}

// quoted reads what is between a string's quotes, and says whether there are
// escapes in it. It looks at eight bytes at a time, as long as there are so many.
func (d *decoding) quoted() (content []byte, escapes bool, err error) {
	if d.next() != '"' {
		return nil, false, d.unexpected("a string")
	}
	text, from := d.text, d.at+1
	for at := from; ; at++ {
		if len(text)-at >= 8 {
			found := special(binary.LittleEndian.Uint64(text[at:]))
			if found == 0 {
				at += 7
				continue
			}
			at += bits.TrailingZeros64(found) / 8
		}
		c := byte(end)
		if at < len(text) {
			c = text[at]
		}
		switch {
		case c == '"':
			d.at = at + 1
			return text[from:at], escapes, nil
		case c == '\\':
			escapes = true
			at++ // over what is escaped, be it a quote
		case c < ' ':
			d.at = min(at, len(text))
			return nil, escapes, d.unexpected("the rest of a string")
		}
	}
}

// unescape appends a string's content without its escapes. Half of a surrogate
// pair becomes U+FFFD, as in encoding/json.
func unescape(to, quoted []byte) ([]byte, error) {
	for len(quoted) > 0 {
		n := bytes.IndexByte(quoted, '\\')
		if n < 0 {
			return append(to, quoted...), nil
		}
		to, quoted = append(to, quoted[:n]...), quoted[n:]
		if quoted[1] == 'u' {
			r, size := escapedRune(quoted)
			if size == 0 {
				return to, errors.New("an escape that is no character")
			}
			to, quoted = utf8.AppendRune(to, r), quoted[size:]
			continue
		}
		place := strings.IndexByte(`"\/bfnrt`, quoted[1])
		if place < 0 {
			return to, errors.New("an unknown escape")
		}
		to, quoted = append(to, "\"\\/\b\f\n\r\t"[place]), quoted[2:]
	}
	return to, nil
}

// escapedRune reads the \uXXXX that text begins with, and the one after it if
// both are one character. The size is 0 if it is none.
func escapedRune(text []byte) (r rune, size int) {
	first, ok := escapedUnit(text)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(first) {
		return first, 6
	}
	if second, ok := escapedUnit(text[6:]); ok {
		if r = utf16.DecodeRune(first, second); r != utf8.RuneError {
			return r, 12
		}
	}
	return utf8.RuneError, 6
}

// escapedUnit reads the \uXXXX that text begins with.
func escapedUnit(text []byte) (unit rune, ok bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	value, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(value), err == nil
}

// special finds quotes, backslashes and control characters among eight bytes:
// the highest bit of each byte tells, from the lowest byte up to the first.
func special(word uint64) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	quote, backslash := word^'"'*ones, word^'\\'*ones
	return ((word - ' '*ones) | (quote-ones)&^quote | (backslash-ones)&^backslash) &^ word & tops
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

// valid replaces each byte that is no UTF-8, as encoding/json does.
func valid(text []byte) string {
	if !utf8.Valid(text) {
		return string([]rune(string(text)))
	}
	return string(text)
}
