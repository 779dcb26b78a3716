package hacarus

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
)

func TestFactImages(t *testing.T) {
	t.Parallel()
	const key = "5d0e87d0227a3c334d5224541fa14b560f54cf36"
	for _, test := range []struct {
		name, url string
		token     bool
	}{
		{"19 local URL", "http://127.0.0.1:8080/raw/" + key, true},
		{"19 path", "/raw/" + key, true},
		{"19 storage URL", "https://bucket.s3.amazonaws.com/raw/1.jpg?X-Amz-Signature=0f", false},
		{"19 another port", "http://127.0.0.1:9000/raw/" + key, false},
		{"19 another scheme", "https://127.0.0.1:8080/raw/" + key, false},
		{"19 a name that begins alike", "http://127.0.0.1.example:8080/raw/" + key, false},
	} {
		for _, code := range []int{http.StatusOK, http.StatusUnauthorized} {
			t.Run(fmt.Sprintf("%s %d", test.name, code), func(t *testing.T) {
				t.Parallel()
				var requests factRequests
				transport := inMemory(&fakeAPI{next: requests.before(t, status(code, "image"))})
				c := newTestClient(t, "http://127.0.0.1:8080", WithHTTPClient(&http.Client{Transport: transport}))
				_, err := readFixtureDownload(c.GetImage(t.Context(), ImageMeta{URL: test.url}))
				require.Equal(t, code == http.StatusOK, err == nil, err)
				require.NotEmpty(t, requests.all())
				for _, r := range requests.all() {
					require.Equal(t, test.token, r.Header.Get("Authorization") != "")
					require.True(t, strings.HasSuffix(r.URL.String(), test.url), r.URL)
				}
			})
		}
	}
	for _, url := range []string{key, "", "raw/" + key, "//elsewhere.example/raw/1", "http://127.0.0.1:8080@elsewhere.example/raw/1"} {
		t.Run("19 cannot be fetched "+url, func(t *testing.T) {
			t.Parallel()
			api := &fakeAPI{next: ok("image")}
			_, err := overMemory(t, api).GetImage(t.Context(), ImageMeta{URL: url})
			require.ErrorIs(t, err, ErrInvalidArgument)
			logins, calls := api.counts()
			require.Zero(t, logins+calls)
		})
	}
}

// TestFactForeignImageAsksForNoToken holds fact 19 before any login: an image
// elsewhere needs no token, so none is asked for.
func TestFactForeignImageAsksForNoToken(t *testing.T) {
	t.Parallel()
	var requests factRequests
	transport := inMemory(requests.before(t, ok("image")))
	c, err := New("https://sdd-api.hacarus.com", WithHTTPClient(&http.Client{Transport: transport}),
		WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: testToken})))
	require.NoError(t, err)
	defer c.Close()
	_, err = readFixtureDownload(c.GetImage(t.Context(), ImageMeta{URL: "https://bucket.s3.amazonaws.com/raw/1.jpg"}))
	require.NoError(t, err)
	require.Len(t, requests.all(), 1)
	header, err := json.Marshal(requests.all()[0].Header)
	require.NoError(t, err)
	require.NotContains(t, string(header), testToken)
}
