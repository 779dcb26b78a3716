package jsonread

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// StringBytes reads a string and returns its content without quotes and
// escapes. The content need not be valid UTF-8.
func (c *Cursor) StringBytes() ([]byte, error) {
	content, escapes, err := c.quoted()
	if err != nil || !escapes {
		return content, err
	}
	c.unescaped, err = unescape(c.unescaped[:0], content)
	return c.unescaped, err
}

// key is StringBytes for what must stay as it is while the field's value is read.
func (c *Cursor) key() ([]byte, error) {
	content, escapes, err := c.quoted()
	if err != nil || !escapes {
		return content, err
	}
	return unescape(nil, content)
}

// quoted reads what is between a string's quotes, and says whether there are
// escapes in it. It looks at eight bytes at a time, as long as there are so many.
func (c *Cursor) quoted() (content []byte, escapes bool, err error) {
	if c.Peek() != '"' {
		return nil, false, c.unexpected("a string")
	}
	document, from := c.document, c.at+1
	for at := from; ; at++ {
		if len(document)-at >= 8 {
			found := special(binary.LittleEndian.Uint64(document[at:]))
			if found == 0 {
				at += 7
				continue
			}
			at += bits.TrailingZeros64(found) / 8
		}
		b := byte(pastEnd)
		if at < len(document) {
			b = document[at]
		}
		switch {
		case b == '"':
			c.at = at + 1
			return document[from:at], escapes, nil
		case b == '\\':
			escapes = true
			at++ // over what is escaped, be it a quote
		case b < ' ':
			c.at = min(at, len(document))
			return nil, escapes, c.unexpected("the rest of a string")
		}
	}
}

// special finds quotes, backslashes and control characters among eight bytes:
// the highest bit of each byte tells, from the lowest byte up to the first.
func special(word uint64) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	quote, backslash := word^'"'*ones, word^'\\'*ones
	return ((word - ' '*ones) | (quote-ones)&^quote | (backslash-ones)&^backslash) &^ word & tops
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

// escapedRune reads the \uXXXX that s begins with, and the one after it if both
// are one character. The size is 0 if there is none.
func escapedRune(s []byte) (r rune, size int) {
	first, ok := escapedUnit(s)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(first) {
		return first, 6
	}
	if second, ok := escapedUnit(s[6:]); ok {
		if r = utf16.DecodeRune(first, second); r != utf8.RuneError {
			return r, 12
		}
	}
	return utf8.RuneError, 6
}

// escapedUnit reads the \uXXXX that s begins with.
func escapedUnit(s []byte) (unit rune, ok bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	value, err := strconv.ParseUint(string(s[2:6]), 16, 16)
	return rune(value), err == nil
}

// repaired replaces each byte that is no UTF-8, as encoding/json does.
func repaired(s []byte) string {
	if !utf8.Valid(s) {
		return string([]rune(string(s)))
	}
	return string(s)
}
