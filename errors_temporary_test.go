package hacarus

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	servicesWord = `{"errors":{"title":"Sorry"}}`
	proxysPage   = `<html><title>Sorry</title></html>`
)

// A proxy's page may be another one in a moment, whatever its status; what the
// service says, it means.
func TestIsTemporaryByResponse(t *testing.T) {
	t.Parallel()
	for code := 400; code < 600; code++ {
		for body, isPage := range map[string]bool{servicesWord: false, proxysPage: true, "": true, "no route": true, " {}": false} {
			want := transientStatus(code) || isPage
			switch code {
			case http.StatusProxyAuthRequired, http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong:
				want = false // whoever says it
			}
			c := overMemory(t, &fakeService{next: status(code, body)}, WithRetry(RetryPolicy{MaxAttempts: 1}))
			_, err := c.PredictItems(t.Context(), ActiveModel, "a")
			require.Equal(t, want, IsTemporary(err), "%d %s: %v", code, body, err)
			require.Equal(t, want, IsTemporary(fmt.Errorf("line 7: %w", err)))
			require.Equal(t, want, IsTemporary(&WaitError{ItemID: "a", Err: err}))
		}
	}
}

func TestIsTemporaryByKind(t *testing.T) {
	t.Parallel()
	lost := func(err error) error {
		return &RequestError{Operation: "train", Outcome: OutcomeUnknown, Err: err}
	}
	license := &BaseError{StatusCode: 403, Errors: ErrorDetails{Title: "Invalid License!"}}
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"nothing":                     {nil, false},
		"another package's":           {errors.New("no idea"), false},
		"a file that is not there":    {fs.ErrNotExist, false},
		"an argument":                 {argumentError("train", "no"), false},
		"a training":                  {&TrainingError{}, false},
		"a context":                   {context.DeadlineExceeded, true},
		"a cancelled one":             {fmt.Errorf("line 7: %w", context.Canceled), true},
		"a network":                   {syscall.ECONNRESET, true},
		"a call's network":            {lost(syscall.ECONNRESET), true},
		"a call's end":                {lost(io.ErrUnexpectedEOF), true},
		"a call's context":            {lost(context.DeadlineExceeded), true},
		"a name":                      {lost(&net.DNSError{IsNotFound: true}), true},
		"silence":                     {lost(stallError{time.Minute}), true},
		"a redirect":                  {lost(ErrRedirect), true},
		"a source":                    {lost(sourceError{fs.ErrPermission}), false},
		"an unknown authority":        {lost(x509.UnknownAuthorityError{}), false},
		"a proxy's credentials":       {lost(proxyError{407}), false},
		"a proxy's failure":           {lost(proxyError{502}), true},
		"an unreadable response":      {lost(fmt.Errorf("%w: no id", ErrDecode)), false},
		"a response that broke off":   {lost(transferError{syscall.ECONNRESET}), true},
		"a web page":                  {lost(fmt.Errorf("%w: %w", ErrDecode, errWebPage)), true},
		"a web page for a file":       {lost(fmt.Errorf("%w: %w", ErrDecode, errFilePage)), true},
		"a response that is too long": {lost(ErrResponseTooLarge), false},
		"a license":                   {license, false},
		"a license, then a reset":     {lost(&sequel{syscall.ECONNRESET, license}), false},
		"a login":                     {lost(&BaseError{Operation: "login", StatusCode: 401, Errors: ErrorDetails{Title: "mismatch"}}), false},
		"a wait":                      {&WaitError{Err: &sequel{context.DeadlineExceeded, lost(io.EOF)}}, true},
	} {
		require.Equal(t, test.want, IsTemporary(test.err), name)
	}
}

// A web page in place of JSON is no response of the service.
func TestWebPagesAreTold(t *testing.T) {
	t.Parallel()
	for _, op := range operationTable {
		if op.class == classLogin {
			continue
		}
		c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
			page := respond(r, http.StatusOK, strings.NewReader("\r\n"+proxysPage))
			page.Header.Set("Content-Type", "text/html; charset=utf-8")
			return page, nil
		}))
		err := op.invoke(t.Context(), c)
		require.ErrorIs(t, err, ErrDecode, op.id)
		require.ErrorContains(t, err, "a web page")
		require.True(t, IsTemporary(err))
	}
}
