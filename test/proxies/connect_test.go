package proxies

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// TestConnect407 has a forward proxy that wants credentials before it connects:
// a call ends at once, it was not sent, and what the proxy says back stays unsaid.
func TestConnect407(t *testing.T) {
	t.Parallel()
	const said = "Basic c29tZW9uZTpodW50ZXIyLWh1bnRlcjI="
	for _, reason := range []string{"Proxy Authentication Required", "Proxy Authentication Required: " + said} {
		for name, c := range calls() {
			t.Run(reason[:5]+fmt.Sprint(len(reason))+"/"+name, func(t *testing.T) {
				t.Parallel()
				service := hacarustest.NewServer()
				defer service.Close()
				service.AddModel(hacarus.Model{ModelID: "plates"})
				var asked atomic.Int32
				address := listen(t, func(conn net.Conn) {
					r, err := http.ReadRequest(bufio.NewReader(conn))
					if err != nil || r.Method != http.MethodConnect {
						return
					}
					asked.Add(1)
					_, _ = fmt.Fprintf(conn, "HTTP/1.1 407 %s\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", reason)
				})
				proxy := &url.URL{Scheme: "http", Host: address, User: url.UserPassword("someone", "hunter2-hunter2")}
				client, err := hacarus.New("https://check.example",
					hacarus.WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "a-token-of-somebody"})),
					hacarus.WithHTTPClient(&http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy)}}))
				require.NoError(t, err)
				defer client.Close()
				err = c.make(t.Context(), client, service, 0)
				lost, ok := errors.AsType[*hacarus.RequestError](err)
				require.True(t, ok, "%v", err)
				require.Equal(t, hacarus.OutcomeNotSent, lost.Outcome)
				require.EqualValues(t, 1, asked.Load(), "asking again would not help")
				require.False(t, hacarus.IsTemporary(err))
				require.NotContains(t, err.Error(), "hunter2")
				require.NotContains(t, err.Error(), base64.StdEncoding.EncodeToString([]byte("someone:hunter2-hunter2")))
			})
		}
	}
}
