package testkit

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A proxy needs no lock, and holds up no request that it has passed on.
func TestProxy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const requests = 10
		begun, seen := time.Now(), 0
		slow := RoundTrip(func(*http.Request) (*http.Response, error) { time.Sleep(time.Hour); return nil, io.EOF })
		proxy := Proxy(slow, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
			time.Sleep(time.Second)
			seen++
			return next.RoundTrip(r)
		})
		for _, err := range Together(requests, func(int) error {
			_, err := proxy(nil) //nolint:bodyclose // there is none
			return err
		}) {
			require.ErrorIs(t, err, io.EOF)
		}
		require.Equal(t, requests, seen)
		require.Equal(t, requests*time.Second+time.Hour, time.Since(begun))
	})
}
