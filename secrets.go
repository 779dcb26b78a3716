package hacarus

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
)

const (
	// minSecret is the length from which a text is masked: a shorter one, such
	// as "secret", also stands in innocent messages.
	minSecret = 8
	// rememberedTokens is how many earlier tokens are still masked in texts.
	rememberedTokens = 8
	// rememberedContent is how much of a secret file is masked, in bytes.
	rememberedContent = 16 << 10
	maskedSecret      = "[masked]"
)

// secrets knows the texts that no error may show. A nil one knows none.
type secrets struct {
	mu      sync.Mutex
	fixed   []string
	tokens  []string // the latest
	content []byte   // the beginning of a file
}

func (s *secrets) add(texts ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fixed = append(s.fixed, texts...)
}

func (s *secrets) addToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = append(s.tokens, token)
	if len(s.tokens) > rememberedTokens {
		s.tokens = s.tokens[1:]
	}
}

// addContent adds what was read at an offset of a file, which may be read again.
func (s *secrets) addContent(offset int64, p []byte) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if offset == int64(len(s.content)) {
		s.content = append(s.content, p[:min(len(p), rememberedContent-len(s.content))]...)
	}
}

// mask replaces secrets in a text, in whatever form they stand there.
func (s *secrets) mask(text string) string {
	if s == nil {
		return text
	}
	forms := s.forms()
	if !slices.ContainsFunc(forms, func(form string) bool { return strings.Contains(text, form) }) {
		return text
	}
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range forms {
		pairs = append(pairs, form, maskedSecret)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// forms are those of all secrets, long ones first: one may be part of another.
func (s *secrets) forms() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	content := string(s.content)
	var forms []string
	for _, list := range [][]string{s.fixed, s.tokens, {content}, strings.FieldsFunc(content, isLineEnd)} {
		for _, secret := range list {
			if len(secret) >= minSecret {
				forms = append(forms, secretForms(secret)...)
			}
		}
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	return forms
}

func isLineEnd(r rune) bool { return r == '\n' || r == '\r' }

// secretForms are the ways in which a service, or a proxy, may write a secret
// back: as it is, in JSON as different encoders do, in HTML, in a URL, in base64,
// in hexadecimal.
func secretForms(secret string) []string {
	raw, forHTML := jsonText(secret, false), jsonText(secret, true)
	ascii, escaped := asciiText(raw), html.EscapeString(secret)
	forms := []string{
		secret, raw, forHTML, ascii, asciiText(forHTML), strings.ReplaceAll(raw, "/", `\/`), strings.ReplaceAll(ascii, "/", `\/`),
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

// jsonText is a text within JSON, without or with the escapes for HTML.
func jsonText(text string, forHTML bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(forHTML)
	_ = e.Encode(text) // a text always has a JSON form
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), `"`), "\"\n")
}

// asciiText escapes what is not ASCII as JSON may.
func asciiText(text string) string {
	var b strings.Builder
	for _, r := range text {
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

// secrets of a callback are whatever tells its URL from the host's others.
func (cb PredictCallback) secrets() *secrets {
	u, err := url.Parse(cb.URL)
	if err != nil {
		return nil // check has refused it
	}
	s := &secrets{}
	s.add(cb.URL, u.RequestURI(), u.EscapedPath(), u.Path)
	for _, values := range u.Query() {
		s.add(values...)
	}
	password, _ := u.User.Password()
	s.add(password)
	return s
}

// proxySecrets are the credentials of the proxy that a transport would use for
// an origin, as a proxy may say them back.
func proxySecrets(transport http.RoundTripper, origin *url.URL) []string {
	t, ok := transport.(*http.Transport)
	if !ok || t.Proxy == nil {
		return nil
	}
	proxy, err := t.Proxy(&http.Request{Method: http.MethodGet, URL: origin, Host: origin.Host, Header: http.Header{}})
	if err != nil || proxy == nil || proxy.User == nil {
		return nil
	}
	password, _ := proxy.User.Password()
	return []string{password, base64.StdEncoding.EncodeToString([]byte(proxy.User.Username() + ":" + password))}
}

// maskError returns err, or, where its text shows a secret, an error of the
// same kinds with a masked text.
func maskError(err error, mask func(string) string) error {
	text := err.Error()
	if masked := mask(text); masked != text {
		return &maskedError{masked, func(target error) bool { return errors.Is(err, target) }}
	}
	return err
}

// maskedError stands for an error whose text shows a secret. The error itself
// is out of reach; only errors.Is sees it.
type maskedError struct {
	text string
	is   func(target error) bool // a function is printed as its address
}

func (e *maskedError) Error() string        { return e.text }
func (e *maskedError) Is(target error) bool { return e.is(target) }
