// Package localpage has what the program's own pages have in common: what a browser
// may do with them.
package localpage

import "net/http"

// Policy lets a page load nothing from elsewhere, and nobody put it into a frame.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Restrict says in a response's header what browsers may do with a page. More is what
// its policy has besides, such as "; trusted-types 'none'"; "" for nothing.
func Restrict(h http.Header, more string) {
	h.Set("Content-Security-Policy", Policy+more)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}
