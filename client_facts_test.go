package hacarus

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFactBaseURLs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, base, want string }{
		{"01 staging", "https://sdd-api-staging.hacarus.com/", "https://sdd-api-staging.hacarus.com/api/v1/models/m1"},
		{"01 production", "https://sdd-api.hacarus.com/", "https://sdd-api.hacarus.com/api/v1/models/m1"},
		{"01 production as earlier", "https://sdd-api.hacarus.com/api", "https://sdd-api.hacarus.com/api/v1/models/m1"},
		{"01 production as earlier with slash", "https://sdd-api.hacarus.com/api/", "https://sdd-api.hacarus.com/api/v1/models/m1"},
		{"01 production without slash", "https://sdd-api.hacarus.com", "https://sdd-api.hacarus.com/api/v1/models/m1"},
		{"01 own hardware", "https://localhost:8080/", "https://localhost:8080/api/v1/models/m1"},
		{"01 own hardware as earlier", "https://localhost:8080/api", "https://localhost:8080/api/v1/models/m1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var urls []string
			transport := roundTrip(func(r *http.Request) (*http.Response, error) {
				urls = append(urls, r.URL.String())
				return inMemory(&fakeAPI{next: ok(modelBody)})(r)
			})
			c := newTestClient(t, test.base, WithHTTPClient(&http.Client{Transport: transport}))
			_, err := c.GetModel(t.Context(), "m1")
			require.NoError(t, err)
			login := strings.Replace(test.want, "/v1/models/m1", "/auth/token", 1)
			require.Equal(t, []string{login, test.want}, urls)
		})
	}
}

func TestFactAcceptLanguage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		opts []Option
		want string
	}{
		{"04 en", []Option{WithLanguage("en")}, "en"},
		{"04 ja", []Option{WithLanguage("ja")}, "ja"},
		{"04 none", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var requests factRequests
			login := ok(`{"access_token":"` + testToken + `"}`)
			c := overMemory(t, requests.before(t, answers(login, ok(modelBody), ok(idsBody), ok("zip"))), test.opts...)
			_, err := c.GetModel(t.Context(), "m1")
			require.NoError(t, err)
			_, err = c.AddItems(t.Context(), AddItemsRequest{Files: []File{FileFromBytes("a.png", []byte("image"))}})
			require.NoError(t, err)
			_, err = readFixtureDownload(c.GetLogs(t.Context()))
			require.NoError(t, err)
			require.Len(t, requests.all(), 4)
			for _, r := range requests.all() {
				require.Equal(t, test.want, r.Header.Get("Accept-Language"), r.URL.Path)
			}
		})
	}
}
