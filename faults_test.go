package hacarus

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
)

// respond is an answer of a transport that a test makes.
func respond(r *http.Request, status int, body io.Reader) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(body), ContentLength: -1, Request: r,
	}
}

// loggedIn answers logins, and leaves other requests to next.
func loggedIn(next roundTrip) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == opLogin.path {
			return respond(r, http.StatusOK, strings.NewReader(`{"access_token":"`+testToken+`"}`)), nil
		}
		return next(r)
	}
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// A success that has begun to arrive is not thrown away because the context ends.
func TestSuccessOutlivesItsContext(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		late time.Duration // of each read: the text's, and its end's
		err  error
	}{
		"it comes soon": {successGrace / 3, nil},
		"it does not":   {successGrace * 2, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
					rest := strings.NewReader(`{"data":{"model_version":"v","item_ids":["a"]}}`)
					return respond(r, http.StatusOK, readFunc(func(p []byte) (int, error) {
						cancel()
						select { // as a connection does
						case <-time.After(test.late):
							return rest.Read(p)
						case <-r.Context().Done():
							return 0, r.Context().Err()
						}
					})), nil
				}))
				_, err := c.PredictItems(ctx, ActiveModel, "a")
				require.ErrorIs(t, err, test.err)
			})
		})
	}
}

// When the context ends during an attempt, its error holds what went wrong before.
func TestContextEndKeepsTheLastFailure(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]func(*http.Request) (*http.Response, error){
		"in silence": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
		"in an error's text": func(r *http.Request) (*http.Response, error) {
			return respond(r, http.StatusServiceUnavailable, readFunc(func([]byte) (int, error) {
				<-r.Context().Done()
				return 0, r.Context().Err()
			})), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				attempts := 0
				c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
					if attempts++; attempts == 1 {
						return respond(r, http.StatusServiceUnavailable, strings.NewReader(`{"errors":{"title":"restarting"}}`)), nil
					}
					return last(r)
				}))
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := c.GetHashID(ctx)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				var before *BaseError
				require.ErrorAs(t, err, &before)
				require.Equal(t, http.StatusServiceUnavailable, before.StatusCode)
				require.Equal(t, 2, attempts)
			})
		})
	}
}

// A file that cannot be read once the deadline is over is the deadline's fault, too.
func TestSourceFailsAfterTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		broken := errors.New("the camera is off")
		c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
			_, err := io.Copy(io.Discard, r.Body)
			return nil, err
		}))
		begun := strings.NewReader(strings.Repeat("\x89PNG", 256)) // enough to tell its type
		err := addFiles(ctx, c, FileFromReader("a.png", io.MultiReader(begun, readFunc(func([]byte) (int, error) {
			<-ctx.Done()
			return 0, broken
		})), 2048))
		require.ErrorIs(t, err, broken)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, ErrOutcomeUnknown)
	})
}

// An error's text that never ends does not hold up the retry.
func TestSlowErrorsAreCutShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
			if attempts++; attempts > 1 {
				return respond(r, http.StatusOK, strings.NewReader(`{"data":{"hash_id":"h"}}`)), nil
			}
			return respond(r, http.StatusServiceUnavailable, readFunc(func(p []byte) (int, error) {
				select {
				case <-time.After(time.Second):
					return copy(p, "."), nil
				case <-r.Context().Done():
					return 0, r.Context().Err()
				}
			})), nil
		}))
		began := time.Now()
		_, err := c.GetHashID(t.Context())
		require.NoError(t, err)
		require.Less(t, time.Since(began), errorTime+time.Second)
	})
}

// The source of a body is not read for an attempt that is over, however long
// its transport goes on: the next attempt may read the same file.
func TestEarlierAttemptsLeaveTheSource(t *testing.T) {
	t.Parallel()
	var earlier io.Reader
	c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
		if earlier == nil {
			earlier = r.Body
			return respond(r, http.StatusTooManyRequests, strings.NewReader("{}")), nil
		}
		n, err := earlier.Read(make([]byte, 1))
		assert.Zero(t, n, "a byte of the source went to an earlier attempt")
		assert.ErrorIs(t, err, errDetached)
		_, err = io.Copy(io.Discard, r.Body)
		return respond(r, http.StatusOK, strings.NewReader(idsBody)), err
	}))
	require.NoError(t, addFiles(t.Context(), c, FileFromBytes("a.png", []byte("\x89PNG"))))
}

// countedIdle counts how often a transport is told to close idle connections.
type countedIdle struct {
	roundTrip
	closed atomic.Int32
}

func (c *countedIdle) CloseIdleConnections() { c.closed.Add(1) }

// A call that fails leaves the connections of others alone.
func TestFailuresCloseNoConnections(t *testing.T) {
	t.Parallel()
	transport := &countedIdle{roundTrip: loggedIn(func(r *http.Request) (*http.Response, error) {
		return respond(r, http.StatusServiceUnavailable, strings.NewReader("{}")), nil
	})}
	c := newTestClient(t, "http://127.0.0.1", WithHTTPClient(&http.Client{Transport: transport}))
	_, err := c.GetHashID(t.Context())
	require.ErrorIs(t, err, ErrServer)
	require.Zero(t, transport.closed.Load())
}

// What the SDK's own transport bounds.
func TestOwnTransport(t *testing.T) {
	t.Parallel()
	transport := newTransport(nil)
	require.EqualValues(t, tls.VersionTLS12, transport.TLSClientConfig.MinVersion)
	require.False(t, transport.TLSClientConfig.InsecureSkipVerify)
	require.EqualValues(t, 1<<20, transport.MaxResponseHeaderBytes)
	require.NotNil(t, transport.Proxy)
	require.True(t, transport.ForceAttemptHTTP2)
	for name, bound := range map[string]time.Duration{
		"handshake": transport.TLSHandshakeTimeout, "header": transport.ResponseHeaderTimeout, "expect": transport.ExpectContinueTimeout,
		"idle": transport.IdleConnTimeout, "ping": transport.HTTP2.SendPingTimeout, "pong": transport.HTTP2.PingTimeout,
	} {
		require.Positive(t, bound, name)
		require.LessOrEqual(t, bound, time.Minute, name)
	}
	require.GreaterOrEqual(t, transport.MaxIdleConnsPerHost, 64)
}

// A service whose TLS is too old is not asked five times.
func TestOldTLSIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	server.TLS.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		connections.Add(1)
		return nil, nil //nolint:nilnil // as documented: the one it has
	}
	server.StartTLS()
	defer server.Close()
	c := newTestClient(t, server.URL)
	_, err := c.Login(t.Context())
	var lost *RequestError
	require.ErrorAs(t, err, &lost)
	require.Equal(t, OutcomeNotSent, lost.Outcome)
	require.EqualValues(t, 1, connections.Load())
}

// An answer that changes the protocol has no end.
func TestSwitchingProtocolsEndsTheCall(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{})
	c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
		answer := respond(r, http.StatusSwitchingProtocols, nil)
		answer.Body = struct {
			io.Reader
			io.Closer
		}{readFunc(func([]byte) (int, error) { <-closed; return 0, io.EOF }), closeFunc(func() error { close(closed); return nil })}
		return answer, nil
	}))
	_, err := c.GetHashID(t.Context())
	var answer *BaseError
	require.ErrorAs(t, err, &answer)
	require.Equal(t, http.StatusSwitchingProtocols, answer.StatusCode)
}

type closeFunc func() error

func (f closeFunc) Close() error { return f() }

// A part of a file is not the file.
func TestPartialDownloads(t *testing.T) {
	t.Parallel()
	c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
		return respond(r, http.StatusPartialContent, strings.NewReader("item_id,la")), nil
	}))
	_, err := c.GetModelResults(t.Context(), "m")
	require.ErrorIs(t, err, ErrDecode)
}

type panickingSource struct{}

func (panickingSource) Token() (*oauth2.Token, error) { panic("the vault is sealed") }

// A token source that panics fails the calls, and not the program.
func TestTokenSourcePanics(t *testing.T) {
	t.Parallel()
	c, err := New("http://127.0.0.1", WithTokenSource(panickingSource{}))
	require.NoError(t, err)
	defer c.Close()
	_, err = c.GetHashID(t.Context())
	var lost *RequestError
	require.ErrorAs(t, err, &lost)
	require.Equal(t, OutcomeNotSent, lost.Outcome)
	require.ErrorContains(t, err, "the vault is sealed")
}

// "Not sent" is said of a call only if no request of it left.
func TestNotSentMeansNoRequest(t *testing.T) {
	t.Parallel()
	attempts := 0
	transport := inMemory(decline(429))
	c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
		if attempts++; attempts > 1 {
			return nil, &net.OpError{Op: "dial", Err: errors.New("no route to host")}
		}
		return transport(r)
	}))
	_, err := c.PredictItems(t.Context(), ActiveModel, "a")
	require.NotErrorIs(t, err, ErrOutcomeUnknown)
	var lost *RequestError
	require.ErrorAs(t, err, &lost)
	require.Equal(t, OutcomeNotExecuted, lost.Outcome)
}

// Another host's failures do not use up the retries of the service.
func TestForeignFailuresSpareTheBudget(t *testing.T) {
	t.Parallel()
	failed := false
	c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host == "storage.example" || !failed {
			failed = failed || r.URL.Host != "storage.example"
			return respond(r, http.StatusServiceUnavailable, strings.NewReader("{}")), nil
		}
		return respond(r, http.StatusOK, strings.NewReader(`{"data":{"hash_id":"h"}}`)), nil
	}))
	for range 50 {
		_, err := c.GetImage(t.Context(), ImageMeta{URL: "http://storage.example/a.png"})
		require.ErrorIs(t, err, ErrServer)
	}
	_, err := c.GetHashID(t.Context())
	require.NoError(t, err)
}

// Waits that no clock can count are refused.
func TestEndlessWaitsAreRefused(t *testing.T) {
	t.Parallel()
	_, err := New("https://example.com", WithCredentials(testID, testSecret),
		WithRetry(RetryPolicy{MinWait: math.MaxInt64, MaxWait: math.MaxInt64}))
	require.ErrorIs(t, err, ErrInvalidArgument)
}

// An upload whose answer cannot be read was executed: its error has the ids to look for.
func TestUnreadableAnswersOfUploadsNameTheItems(t *testing.T) {
	t.Parallel()
	c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
		_, err := io.Copy(io.Discard, r.Body)
		return respond(r, http.StatusOK, strings.NewReader("<html>")), err
	}))
	err := addFiles(t.Context(), c, FileFromBytes("a.png", []byte("\x89PNG")))
	var lost *RequestError
	require.ErrorAs(t, err, &lost)
	require.Equal(t, OutcomeExecuted, lost.Outcome)
	require.Equal(t, []string{"a"}, lost.ItemIDs)
}
