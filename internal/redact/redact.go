// Package redact keeps secrets out of what is shown: a [Set] knows them and
// masks them in strings and errors, in every form in which they may be written
// there.
package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
)

const (
	// minLength is the length from which a secret is masked: a shorter one, such as
	// "secret", also occurs in innocent messages.
	minLength = 8
	// rememberedTokens is how many earlier tokens are still masked.
	rememberedTokens = 8
	// rememberedContent is how much of a secret file is masked, in bytes.
	rememberedContent = 16 << 10
	// masked replaces a secret in a string.
	masked = "[masked]"
)

// Set holds the strings that nobody may see. It is safe for concurrent use. The
// zero Set is empty, and a nil one masks nothing.
type Set struct {
	mu      sync.Mutex
	fixed   []string
	tokens  []string // the latest
	content []byte   // the beginning of a file
	known   []string // the forms of all of them; nil: one was added
}

// Add adds secrets permanently.
func (s *Set) Add(secrets ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fixed, s.known = append(s.fixed, secrets...), nil
}

// AddToken adds a secret that others will replace. Only the latest ones are
// remembered, so that a set does not grow as long as a program runs.
func (s *Set) AddToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens, s.known = append(s.tokens, token), nil
	if len(s.tokens) > rememberedTokens {
		s.tokens = s.tokens[1:]
	}
}

// AddContent adds what was read at an offset of a file. The file may be read
// several times.
func (s *Set) AddContent(offset int64, p []byte) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if offset == int64(len(s.content)) && len(s.content) < rememberedContent {
		s.known = nil
		s.content = append(s.content, p[:min(len(p), rememberedContent-len(s.content))]...)
	}
}

// Mask replaces secrets in a string, in whatever form they occur, and
// everything that has the form of credentials.
func (s *Set) Mask(shown string) string {
	if s == nil || shown == "" {
		return shown
	}
	return MaskCredentials(s.maskKnown(shown))
}

func (s *Set) maskKnown(shown string) string {
	forms := s.forms()
	if !slices.ContainsFunc(forms, func(form string) bool { return strings.Contains(shown, form) }) {
		return shown
	}
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range forms {
		pairs = append(pairs, form, masked)
	}
	return strings.NewReplacer(pairs...).Replace(shown)
}

// forms are those of all secrets, long ones first: one may be part of another.
func (s *Set) forms() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known != nil {
		return s.known
	}
	content := string(s.content)
	forms := []string{}
	for _, list := range [][]string{s.fixed, s.tokens, {content}, strings.FieldsFunc(content, isLineEnd)} {
		for _, secret := range list {
			if len(secret) >= minLength {
				forms = append(forms, formsOf(secret)...)
			}
		}
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	s.known = forms
	return forms
}

func isLineEnd(r rune) bool { return r == '\n' || r == '\r' }

// formsOf returns the forms in which a service or a proxy may repeat a secret:
// unchanged, in JSON as different encoders write it, in HTML, in a URL, in
// base64, and in hexadecimal.
func formsOf(secret string) []string {
	raw, forHTML := jsonForm(secret, false), jsonForm(secret, true)
	ascii, escaped := asciiForm(raw), html.EscapeString(secret)
	forms := []string{
		secret, raw, forHTML, ascii, asciiForm(forHTML), strings.ReplaceAll(raw, "/", `\/`), strings.ReplaceAll(ascii, "/", `\/`),
		escaped, strings.NewReplacer("&#34;", "&quot;", "&#39;", "&#x27;").Replace(escaped),
		url.QueryEscape(secret), url.PathEscape(secret), lowerEscapes(url.QueryEscape(secret)), lowerEscapes(url.PathEscape(secret)),
		hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))),
		base64.RawStdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

// lowerEscapes writes %2F as %2f, as some do.
func lowerEscapes(escaped string) string {
	parts := strings.Split(escaped, "%")
	for i, part := range parts[1:] {
		parts[i+1] = strings.ToLower(part[:2]) + part[2:]
	}
	return strings.Join(parts, "%")
}

// jsonForm is a string within JSON, without or with the escapes for HTML.
func jsonForm(plain string, forHTML bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(forHTML)
	_ = e.Encode(plain) // a string always has a JSON form
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), `"`), "\"\n")
}

// asciiForm escapes what is not ASCII as JSON may.
func asciiForm(plain string) string {
	var b strings.Builder
	for _, r := range plain {
		if r < 0x80 {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			_, _ = fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// Error returns err or, if its message shows a secret, an error of the same
// kinds with a masked message.
func Error(err error, mask func(string) string) error {
	message := err.Error()
	if shown := mask(message); shown != message {
		return &maskedError{shown, func(target error) bool { return errors.Is(err, target) }}
	}
	return err
}

// maskedError replaces an error whose message shows a secret. The error itself
// is not accessible; only errors.Is sees it.
type maskedError struct {
	message string
	is      func(target error) bool // a function is printed as its address
}

func (e *maskedError) Error() string        { return e.message }
func (e *maskedError) Is(target error) bool { return e.is(target) }
