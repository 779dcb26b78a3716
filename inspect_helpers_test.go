package hacarus_test

// What the tests of several inspect files need.

import (
	"net/http"
	"sync/atomic"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// gauge counts the requests that are under way.
type gauge struct{ now, most atomic.Int64 }

func (g *gauge) around(next http.RoundTripper) http.RoundTripper { return g.of("", next) }

// of counts the POSTs to a path; "" is any request.
func (g *gauge) of(path string, next http.RoundTripper) http.RoundTripper {
	return testkit.RoundTrip(func(r *http.Request) (*http.Response, error) {
		if path != "" && (r.Method != http.MethodPost || r.URL.Path != path) {
			return next.RoundTrip(r)
		}
		now := g.now.Add(1)
		defer g.now.Add(-1)
		for most := g.most.Load(); now > most && !g.most.CompareAndSwap(most, now); most = g.most.Load() {
		}
		return next.RoundTrip(r)
	})
}
