package redact

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestForms(t *testing.T) {
	t.Parallel()
	s := &Set{}
	s.Add("kq7/zv2+m4 100%", `a"b<検査>'c`)
	for _, form := range []string{
		"kq7/zv2+m4 100%", `kq7\/zv2+m4 100%`, // as it is, and as some write it in JSON
		"kq7%2Fzv2%2Bm4+100%25", "kq7%2fzv2%2bm4+100%25", "kq7%2Fzv2+m4%20100%25", "kq7%2fzv2+m4%20100%25", // in URLs
		"6b71372f7a76322b6d342031303025", "6B71372F7A76322B6D342031303025", // in hexadecimal
		"a3E3L3p2MittNCAxMDAl", // in base64
		`a"b<検査>'c`, `a\"b<検査>'c`, `a\"b\u003c検査\u003e'c`, `a\"b<\u691c\u67fb>'c`, `a\"b\u003c\u691c\u67fb\u003e'c`,
		"a&#34;b&lt;検査&gt;&#39;c", "a&quot;b&lt;検査&gt;&#x27;c", // in HTML
	} {
		require.Equal(t, "see [masked], or not", s.Mask("see "+form+", or not"), form)
	}
	require.Equal(t, "see kq7/zv2", s.Mask("see kq7/zv2"), "a part of a secret is none")
}

func TestLongSecretsAreMaskedWhole(t *testing.T) {
	t.Parallel()
	s := &Set{}
	s.Add("battery-staple", "correct-horse-battery-staple")
	require.Equal(t, "[masked] [masked]", s.Mask("correct-horse-battery-staple battery-staple"))
}

func TestShortSecretsStayReadable(t *testing.T) {
	t.Parallel()
	var s Set
	s.Add("secret")
	s.AddToken("t")
	require.Equal(t, "the secret of it", s.Mask("the secret of it"))
}

func TestEarlierTokensAreMasked(t *testing.T) {
	t.Parallel()
	var s Set
	for i := range rememberedTokens + 1 {
		s.AddToken(fmt.Sprintf("token-number-%d.", i))
	}
	require.Equal(t, "token-number-0.", s.Mask("token-number-0."), "what is remembered is bounded")
	for i := range rememberedTokens {
		require.Equal(t, masked, s.Mask(fmt.Sprintf("token-number-%d.", i+1)))
	}
}

// A file is masked whole and line by line, however often its beginning is read.
func TestContent(t *testing.T) {
	t.Parallel()
	var s Set
	s.AddContent(0, []byte("first line\r\nsecond"))
	s.AddContent(0, []byte("first line\r\nsecond"))
	s.AddContent(18, []byte(" line\nend"))
	require.Equal(t, "a [masked]: [masked]", s.Mask("a first line: second line"))
	require.Equal(t, masked, s.Mask("first line\r\nsecond line\nend"))
	require.Equal(t, "end", s.Mask("end"), "too short to be masked")

	var long Set
	long.AddContent(0, []byte(strings.Repeat("x", rememberedContent-4)))
	long.AddContent(rememberedContent-4, []byte("yyyyzzzzzzzz"))
	require.NotContains(t, long.Mask(strings.Repeat("x", rememberedContent-4)+"yyyy"), "xy")
	require.Equal(t, "zzzzzzzz", long.Mask("zzzzzzzz"), "what is remembered is bounded")
}

func TestNilSet(t *testing.T) {
	t.Parallel()
	var s *Set
	s.AddContent(0, []byte("a secret content"))
	require.Equal(t, "a secret content", s.Mask("a secret content"))
}

func TestErrorsKeepTheirKinds(t *testing.T) {
	t.Parallel()
	const secret = "correct-horse-battery-staple"
	var s Set
	s.Add(secret)
	plain := errors.New("harmless")
	require.Same(t, plain, Error(plain, s.Mask))

	hidden := Error(fmt.Errorf("saw %s: %w", secret, context.DeadlineExceeded), s.Mask)
	require.ErrorIs(t, hidden, context.DeadlineExceeded)
	require.NotErrorIs(t, hidden, context.Canceled)
	require.Equal(t, "saw [masked]: context deadline exceeded", hidden.Error())
	for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
		require.NotContains(t, fmt.Sprintf(verb, hidden), secret)
	}
	require.NoError(t, errors.Unwrap(hidden), "what is hidden is out of reach")
}
