package line

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The trace of a request goes on with its image, and nothing else that is called so.
func TestTraced(t *testing.T) {
	t.Parallel()
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for sent, want := range map[string]string{trace: trace, "": "", "garbage": "", trace + strings.Repeat("<", 300_000): ""} {
		got := "not called"
		handler := traced("accept image", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Traceparent") }))
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/images", nil)
		r.Header.Set("Traceparent", sent)
		handler.ServeHTTP(httptest.NewRecorder(), r)
		require.Equal(t, want, got)
	}
}
