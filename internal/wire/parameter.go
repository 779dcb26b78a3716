package wire

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Parameter is what the service says of the values of an algorithm's parameter.
type Parameter struct {
	DataType     string
	Default      string
	Lower, Upper string // numbers, lists of numbers, or text that bounds nothing
}

// Kind is what the values of a parameter are.
type Kind int

// The kinds. Text is that of every data type that is not known.
const (
	Text Kind = iota
	Bool
	Number
	Tuple
)

// Kind returns the kind of the parameter's values.
func (p Parameter) Kind() Kind {
	switch dataType := p.dataType(); {
	case strings.HasPrefix(dataType, "("):
		return Tuple
	case slices.Contains([]string{"tuple", "list"}, dataType):
		return Tuple
	case slices.Contains([]string{"int", "integer", "float", "double", "number"}, dataType):
		return Number
	case slices.Contains([]string{"bool", "boolean"}, dataType):
		return Bool
	}
	return Text
}

func (p Parameter) dataType() string { return strings.ToLower(strings.TrimSpace(p.DataType)) }

// IsWhole reports whether the parameter's numbers have no fraction.
func (p Parameter) IsWhole() bool {
	return strings.HasPrefix(strings.TrimPrefix(p.dataType(), "("), "int")
}

// Len returns how many numbers a value of a number or tuple has. A tuple has as
// many as its default, and two where the default does not tell.
func (p Parameter) Len() int {
	if p.Kind() != Tuple {
		return 1
	}
	defaults, _ := SplitNumbers(p.Default)
	return max(len(defaults), 2)
}

// Accepts reports whether the service accepts a value. It accepts the default
// even if that is out of range, as the documented one of min_detected_area is.
func (p Parameter) Accepts(value string) bool {
	if value == p.Default {
		return true
	}
	switch p.Kind() {
	case Text:
		return true
	case Bool:
		_, err := strconv.ParseBool(value)
		return err == nil
	}
	texts, isList := SplitNumbers(value)
	numbers, err := p.Numbers(texts)
	return err == nil && isList == (p.Kind() == Tuple) && len(numbers) == p.Len() && p.InRange(numbers)
}

// Numbers reads the numbers of a value, which are finite, and whole if the
// parameter's are.
func (p Parameter) Numbers(texts []string) ([]float64, error) {
	numbers := make([]float64, len(texts))
	for i, text := range texts {
		number, ok := ParseNumber(text)
		if !ok {
			return nil, fmt.Errorf("%q is not a finite number", text)
		}
		if p.IsWhole() && !isWhole(number) {
			return nil, fmt.Errorf("%s: not a whole number", text)
		}
		numbers[i] = number
	}
	return numbers, nil
}

// isWhole reports whether a number has no fraction, as far as floats are exact.
func isWhole(number float64) bool {
	const exact = 1 << 53
	return number == math.Trunc(number) && math.Abs(number) <= exact
}

// InRange reports whether numbers are those of the default, or within both bounds.
func (p Parameter) InRange(numbers []float64) bool {
	return p.isDefault(numbers) ||
		keepsBound(numbers, p.Lower, func(number, bound float64) bool { return number >= bound }) &&
			keepsBound(numbers, p.Upper, func(number, bound float64) bool { return number <= bound })
}

func (p Parameter) isDefault(numbers []float64) bool {
	texts, _ := SplitNumbers(p.Default)
	return slices.EqualFunc(texts, numbers, func(text string, number float64) bool {
		own, ok := ParseNumber(text)
		return ok && own == number
	})
}

// keepsBound reports whether numbers keep a bound, which is one for all of them
// or one for each. A string that is not a finite number, such as "height" or
// "inf", is not a bound.
func keepsBound(numbers []float64, bound string, keeps func(number, bound float64) bool) bool {
	bounds, _ := SplitNumbers(bound)
	if len(bounds) != 1 && len(bounds) != len(numbers) {
		return true
	}
	for i, number := range numbers {
		limit, ok := ParseNumber(bounds[min(i, len(bounds)-1)])
		if ok && !keeps(number, limit) {
			return false
		}
	}
	return true
}

// SplitNumbers splits a string such as "8", "[8, 8]" or "(8, 8)". It does not
// check whether the parts are numbers. An empty string has no parts.
func SplitNumbers(text string) (texts []string, isList bool) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, false
	}
	for _, brackets := range [...]string{"[]", "()"} {
		if inner, ok := strings.CutPrefix(text, brackets[:1]); ok && strings.HasSuffix(inner, brackets[1:]) {
			text, isList = inner[:len(inner)-1], true
		}
	}
	texts = strings.Split(text, ",")
	for i := range texts {
		texts[i] = strings.TrimSpace(texts[i])
	}
	return texts, isList
}

// ParseNumber reads a finite number with white space around it.
func ParseNumber(text string) (float64, bool) {
	number, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return number, err == nil && !math.IsNaN(number) && !math.IsInf(number, 0)
}
