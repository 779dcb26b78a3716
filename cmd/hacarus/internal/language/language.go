// Package language holds what the program says, in the languages of its users.
package language

import (
	"fmt"
	"strings"
)

// A Language is one that the program speaks.
type Language string

// The languages, by their tags.
const (
	English  Language = "en"
	Japanese Language = "ja"
)

// Choose returns the language of the first wish that is one of the program's, and
// English where none is. Wishes are tags and locales, such as "ja" and
// "ja_JP.UTF-8".
func Choose(wishes ...string) Language {
	for _, wish := range wishes {
		if l, ok := Parse(wish); ok {
			return l
		}
	}
	return English
}

// Parse reads a tag or a locale. It is false for a language that the program
// does not speak.
func Parse(wish string) (Language, bool) {
	tag := strings.ToLower(wish)
	if end := strings.IndexAny(tag, "-_.,;@"); end >= 0 {
		tag = tag[:end]
	}
	switch tag {
	case "ja":
		return Japanese, true
	case "en", "c", "posix":
		return English, true
	}
	return English, false
}

// Text returns the text of a language for an English one, with its verbs filled
// in where there are arguments. The English text is the key, so that the code
// reads as what it says; the test of this package finds those that are missing.
func (l Language) Text(english string, args ...any) string {
	text := english
	if l == Japanese {
		if translated, ok := japanese[english]; ok {
			text = translated
		}
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}
