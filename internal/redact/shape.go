package redact

import (
	"encoding/base64"
	"regexp"
	"strings"
	"unicode"
)

// credentials are the values of an Authorization header, wherever they stand and
// whoever's they are, such as those that a proxy says back in its status line.
var credentials = regexp.MustCompile(`(?i)\b(basic|bearer)((?:[ \t]|%20|\\u0020)+)([a-z0-9._~+/%=-]{4,})`)

// MaskCredentials replaces what has the shape of the credentials of the schemes
// Basic and Bearer. It leaves words alone, as in "Basic authentication".
func MaskCredentials(shown string) string {
	if !mentionsScheme(shown) {
		return shown
	}
	return credentials.ReplaceAllStringFunc(shown, func(found string) string {
		parts := credentials.FindStringSubmatch(found)
		scheme, space, value := parts[1], parts[2], parts[3]
		isSecret := isToken
		if strings.EqualFold(scheme, "basic") {
			isSecret = isUserAndPassword
		}
		if !isSecret(value) {
			return found
		}
		return scheme + space + masked
	})
}

// mentionsScheme is a cheap look before the search: most strings have neither.
func mentionsScheme(shown string) bool {
	for i := 0; i+5 <= len(shown); i++ {
		if c := shown[i] | 0x20; c == 'b' && (strings.EqualFold(shown[i:i+5], "basic") || strings.EqualFold(shown[i:i+5], "beare")) {
			return true
		}
	}
	return false
}

// isUserAndPassword says whether the value, or what is left of it, is base64 of a
// user's name, a colon and a password.
func isUserAndPassword(value string) bool {
	value = strings.NewReplacer("%2B", "+", "%2b", "+", "%2F", "/", "%2f", "/", "-", "+", "_", "/").Replace(value)
	value, _, _ = strings.Cut(value, "%")
	value = strings.TrimRight(value, "=.")
	for cut := 0; cut < 2 && len(value) > cut; cut++ { // one that was cut off may end within a byte
		plain, err := base64.RawStdEncoding.DecodeString(value[:len(value)-cut])
		if err == nil {
			return strings.Contains(string(plain), ":")
		}
	}
	return false
}

// isToken says whether the value is no word: it is long, or has digits, dots or
// capitals where no word has them.
func isToken(value string) bool {
	value = strings.TrimRight(value, ".=")
	if len(value) < minLength {
		return false
	}
	if len(value) >= 20 || strings.ContainsAny(value, "0123456789._~+/%") {
		return true
	}
	rest := value[1:]
	return strings.ContainsFunc(rest, unicode.IsUpper) && strings.ContainsFunc(rest, unicode.IsLower)
}
