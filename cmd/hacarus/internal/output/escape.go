package output

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape returns a text in which nothing can move a cursor, change a window's
// title, turn the direction of writing or begin a line: names of files and what
// a service says are data. What does not print is written as Go writes it, such
// as \n, \x1b and \u202e.
func Escape(text string) string {
	if strings.IndexFunc(text, hidden) < 0 {
		return text
	}
	var b strings.Builder
	for rest := text; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + hex(rest[0]))
		case hidden(r):
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteString(rest[:size])
		}
		rest = rest[size:]
	}
	return b.String()
}

// hidden says whether a rune does not show as it is. Spaces of all widths do.
func hidden(r rune) bool {
	return r == utf8.RuneError || !strconv.IsPrint(r) && !unicode.Is(unicode.Zs, r)
}

func hex(b byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[b>>4], digits[b&15]})
}

// valid returns a text that JSON can hold: bytes that are no UTF-8 are escaped,
// so that names that differ in them stay different.
func valid(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for rest := text; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		if r == utf8.RuneError && size == 1 {
			b.WriteString(`\x` + hex(rest[0]))
		} else {
			b.WriteString(rest[:size])
		}
		rest = rest[size:]
	}
	return b.String()
}
