package jsonread

import (
	"errors"
	"math"
	"strconv"
)

// Number reads a number and returns it as it is written.
func (c *Cursor) Number() ([]byte, error) {
	c.Peek()
	from := c.at
	c.consume('-')
	if !c.consume('0') && !c.digits() {
		return nil, c.unexpected("a value")
	}
	if c.consume('.') && !c.digits() {
		return nil, c.unexpected("a digit")
	}
	if c.consume('e') || c.consume('E') {
		_ = c.consume('+') || c.consume('-')
		if !c.digits() {
			return nil, c.unexpected("a digit")
		}
	}
	return c.document[from:c.at], nil
}

// consume moves past b, if that is what follows.
func (c *Cursor) consume(b byte) bool {
	if c.at >= len(c.document) || c.document[c.at] != b {
		return false
	}
	c.at++
	return true
}

// digits moves past digits, if any follow.
func (c *Cursor) digits() bool {
	from := c.at
	for c.at < len(c.document) && c.document[c.at]-'0' <= 9 {
		c.at++
	}
	return c.at > from
}

// maxExact is how many digits a float64 holds exactly, whatever they are.
const maxExact = 15

// ParseFloat returns the float64 that is nearest to a number, and an error if
// there is no finite one.
func ParseFloat(number []byte) (float64, error) {
	if f, ok := smallDecimal(number); ok {
		return f, nil
	}
	f, err := strconv.ParseFloat(string(number), 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, errors.New("not a finite number")
	}
	return f, nil
}

// smallDecimal parses a number of a few digits, no sign and no exponent, as most
// are. Digits and power of ten are exact as float64, so their quotient is the
// nearest one to the number.
func smallDecimal(number []byte) (float64, bool) {
	value, digits, point := int64(0), 0, -1
	for n, b := range number {
		switch {
		case b >= '0' && b <= '9' && digits < maxExact:
			value = value*10 + int64(b-'0')
			digits++
		case b == '.' && point < 0:
			point = n
		default:
			return 0, false
		}
	}
	if point < 0 {
		return float64(value), digits > 0
	}
	return float64(value) / powersOfTen[len(number)-point-1], digits > 0
}

var powersOfTen = [maxExact + 1]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// ParseInt returns a whole number as an int64. Numbers in the form of a
// fraction, such as 620.0 or 1e3, are taken as far as a float64 is exact.
func ParseInt(number []byte) (int64, error) {
	if i, ok := smallInteger(number); ok {
		return i, nil
	}
	if i, err := strconv.ParseInt(string(number), 10, 64); err == nil {
		return i, nil
	}
	const exact = 1 << 53
	f, err := strconv.ParseFloat(string(number), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > exact {
		return 0, errors.New("not a whole number")
	}
	return int64(f), nil
}

// smallInteger parses a number of a few digits and no sign, as most are.
func smallInteger(number []byte) (int64, bool) {
	if len(number) == 0 || len(number) > maxExact {
		return 0, false
	}
	i := int64(0)
	for _, b := range number {
		if b < '0' || b > '9' {
			return 0, false
		}
		i = i*10 + int64(b-'0')
	}
	return i, true
}
