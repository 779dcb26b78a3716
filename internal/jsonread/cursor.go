// Package jsonread reads JSON documents into values without reflection: a
// [Cursor] moves over the document, and functions that the caller writes take
// from it what they know.
//
// It accepts exactly what encoding/json accepts. The strings, numbers and lists
// that it returns share memory within one document, because a document may
// contain tens of thousands of them: see [Cursor.Intern] and [List].
package jsonread

import (
	"errors"
	"fmt"
	"sync"
)

// maxDepth limits how deep arrays and objects may be nested. It is the limit of
// encoding/json.
const maxDepth = 10_000

// Cursor is a place in a JSON document. Its methods read what follows and move
// past it; all of them skip white space first.
//
// Bytes that a method returns are part of the document, or of a buffer that the
// next string overwrites. A caller that keeps them converts them to a string
// with [Cursor.Intern] or [Cursor.InternID].
type Cursor struct {
	document []byte
	at       int
	depth    int
	// unescaped holds the last string that had escapes.
	unescaped []byte
	memory
}

var cursors = sync.Pool{New: func() any { return new(Cursor) }}

// Document reads a document that is one JSON value. What is read does not refer
// to the document. The cursor must not be used after read has returned.
func Document(document []byte, read func(c *Cursor) error) error {
	c := cursors.Get().(*Cursor)
	c.document = document
	err := read(c)
	if err == nil {
		err = c.end()
	}
	c.reset()
	cursors.Put(c)
	return err
}

// end makes sure that nothing but white space follows.
func (c *Cursor) end() error {
	if c.Peek(); c.at < len(c.document) {
		return errors.New("something follows the JSON value")
	}
	return nil
}

// pastEnd stands for the byte after the document's last one. Inside a document
// it is refused like any control character.
const pastEnd = 0

// Peek returns the first byte of what follows without moving past it: '{' of an
// object, '[' of an array, '"' of a string, 'n' of null, 't' or 'f' of a
// boolean, a digit or '-' of a number. Any other byte cannot begin a value.
func (c *Cursor) Peek() byte {
	for c.at < len(c.document) {
		b := c.document[c.at]
		if b > ' ' || b != ' ' && b != '\n' && b != '\t' && b != '\r' {
			return b
		}
		c.at++
	}
	return pastEnd
}

// unexpected is the error of a document that does not continue as it must.
func (c *Cursor) unexpected(wanted string) error {
	if c.at >= len(c.document) {
		return fmt.Errorf("it ends where %s should be", wanted)
	}
	return fmt.Errorf("%q at byte %d, where %s should be", c.document[c.at], c.at, wanted)
}

// Null moves past a null and returns true, or stays where it is and returns
// false if something else follows.
func (c *Cursor) Null() (bool, error) {
	if c.Peek() != 'n' {
		return false, nil
	}
	return true, c.literal("null")
}

// Bool reads true or false.
func (c *Cursor) Bool() (bool, error) {
	if c.Peek() == 't' {
		return true, c.literal("true")
	}
	return false, c.literal("false")
}

func (c *Cursor) literal(word string) error {
	if rest := c.document[c.at:]; len(rest) < len(word) || string(rest[:len(word)]) != word {
		return c.unexpected(word)
	}
	c.at += len(word)
	return nil
}

// RequiredObject reads an object, and refuses null like anything else that is
// none. It calls field for each key, in the document's order; field must read
// or skip the value. An error of field gets the key before it.
func (c *Cursor) RequiredObject(field func(key []byte) error) error { return c.object(field) }

// NullableObject is RequiredObject for an object that may be null, for which
// field is not called.
func (c *Cursor) NullableObject(field func(key []byte) error) error {
	if null, err := c.Null(); null || err != nil {
		return err
	}
	return c.object(field)
}

// object reads an object field by field, or moves past it if field is nil. An
// error names the keys that lead to it only if fields are read: a value that is
// moved past may be nested so deeply that naming all keys would take gigabytes.
func (c *Cursor) object(field func(key []byte) error) error {
	if c.Peek() != '{' {
		return c.unexpected("an object")
	}
	if err := c.enter(); err != nil {
		return err
	}
	if c.Peek() == '}' {
		c.leave()
		return nil
	}
	for {
		key, err := c.key()
		if err != nil {
			return err
		}
		if c.Peek() != ':' {
			return c.unexpected(`":"`)
		}
		c.at++
		if field == nil {
			err = c.Skip()
		} else if err = field(key); err != nil {
			err = fmt.Errorf("%s: %w", key, err)
		}
		if err != nil {
			return err
		}
		switch c.Peek() {
		case ',':
			c.at++
		case '}':
			c.leave()
			return nil
		default:
			return c.unexpected(`"," or "}"`)
		}
	}
}

// array reads an array element by element.
func (c *Cursor) array(element func() error) error {
	if c.Peek() != '[' {
		return c.unexpected("an array")
	}
	if err := c.enter(); err != nil {
		return err
	}
	if c.Peek() == ']' {
		c.leave()
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		switch c.Peek() {
		case ',':
			c.at++
		case ']':
			c.leave()
			return nil
		default:
			return c.unexpected(`"," or "]"`)
		}
	}
}

// enter moves past the bracket that opens an object or array.
func (c *Cursor) enter() error {
	if c.depth++; c.depth > maxDepth {
		return errors.New("nested too deep")
	}
	c.at++
	return nil
}

// leave moves past the bracket that closes it.
func (c *Cursor) leave() {
	c.depth--
	c.at++
}

// Skip moves past a value of any kind.
func (c *Cursor) Skip() error {
	switch c.Peek() {
	case '{':
		return c.object(nil)
	case '[':
		return c.array(c.Skip)
	case '"':
		_, err := c.StringBytes()
		return err
	case 'n':
		return c.literal("null")
	case 't', 'f':
		_, err := c.Bool()
		return err
	default:
		_, err := c.Number()
		return err
	}
}

// Try calls read for a value that need not be of the expected kind, and moves
// past the value whatever read does. It returns true if read read all of the
// value. An error is one of the document's syntax, never one of read.
func (c *Cursor) Try(read func() error) (bool, error) {
	c.Peek()
	document, from := c.document, c.at
	if err := c.Skip(); err != nil {
		return false, err
	}
	to, depth := c.at, c.depth
	c.document, c.at = document[:to], from
	ok := read() == nil && c.at == to
	c.document, c.at, c.depth = document, to, depth
	return ok, nil
}

// List reads an array of T into v. It calls read for each element with a zero T
// to fill. Null leaves v unchanged, which is the nil list unless v was set
// before. The list has no spare capacity, so appending to it copies it.
func List[T any](c *Cursor, v *[]T, read func(c *Cursor, element *T) error) error {
	if null, err := c.Null(); null || err != nil {
		return err
	}
	r := roomOf[T](c)
	r.taken = true
	err := c.array(func() error { return read(c, r.next()) })
	*v = r.list()
	r.taken = false
	return err
}
