package redact

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCredentialsAreMaskedByTheirShape(t *testing.T) {
	t.Parallel()
	for shown, want := range map[string]string{
		"407 Proxy Authentication Required Basic dXNlcjpwYXNzd29yZA==": "407 Proxy Authentication Required Basic [masked]",
		"Proxy-Authorization: basic dXNlcjpw":                          "Proxy-Authorization: basic [masked]",
		"BASIC%20dXNlcjpwYXNzd29yZA==, or not":                         "BASIC%20[masked], or not",
		`{"sent":"Basic dXNlcjpwYXNzd29yZA=="}`:                        `{"sent":"Basic [masked]"}`,
		"Basic dXNlcjpwYXNzd29yZA":                                     "Basic [masked]", // without padding
		"Basic dXNlcjpwYXNzd29yZ":                                      "Basic [masked]", // cut off
		"Authorization: Bearer eyJhbGciOi.eyJpc3Mi.c2ln":               "Authorization: Bearer [masked]",
		"bearer  abcd1234, bearer\tAbCdEfGh":                           "bearer  [masked], bearer\t[masked]",
		"Bearer abcdefghijklmnopqrstuvwxyz":                            "Bearer [masked]",
		// Words, challenges, and what is too short.
		"Basic authentication is required":       "Basic authentication is required",
		"this is a basic principle":              "this is a basic principle",
		"Bearer authentication is required":      "Bearer authentication is required",
		"Bearer Token missing, Bearer token.":    "Bearer Token missing, Bearer token.",
		`Bearer realm="check", Basic realm="x"`:  `Bearer realm="check", Basic realm="x"`,
		"the ball bearer 2026":                   "the ball bearer 2026",
		"nothing of the kind, but backlog beard": "nothing of the kind, but backlog beard",
	} {
		require.Equal(t, want, MaskCredentials(shown), shown)
		require.Equal(t, want, new(Set).Mask(shown), shown)
		require.Equal(t, want, MaskCredentials(want), "masking again changes nothing")
	}
}

func FuzzMaskCredentials(f *testing.F) {
	f.Add("Basic dXNlcjpwYXNzd29yZA== and Bearer abcd1234")
	f.Fuzz(func(t *testing.T, shown string) {
		once := MaskCredentials(shown)
		require.Equal(t, once, MaskCredentials(once))
	})
}
