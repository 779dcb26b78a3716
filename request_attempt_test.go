package hacarus

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

func TestClockEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, test := range map[string]struct {
			arriving bool
			after    time.Duration
		}{"in silence": {false, 0}, "while a success arrives": {true, successGrace}} {
			caller, cancel := context.WithCancel(t.Context())
			var c attemptClock
			c.start(caller, &opGetModel, defaultStallTimeout)
			c.arriving.Store(test.arriving)
			began := time.Now()
			cancel()
			<-c.ctx.Done()
			require.Equal(t, test.after, time.Since(began), name)
			c.end()
		}
	})
}

func TestClockStalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c attemptClock
		c.start(t.Context(), &opGetModel, defaultStallTimeout)
		defer c.end()
		c.watch()
		broken := errors.New("broken")
		require.Same(t, broken, c.explain(broken))

		time.Sleep(defaultStallTimeout - 1)
		c.pause()
		time.Sleep(10 * defaultStallTimeout) // the caller's time, not the network's
		require.NoError(t, c.ctx.Err())

		c.resume()
		began := time.Now()
		<-c.ctx.Done()
		require.Equal(t, defaultStallTimeout, time.Since(began))
		require.ErrorAs(t, c.explain(c.ctx.Err()), new(stallError))
	})
}

func TestClockThatWasNotStartedEnds(t *testing.T) {
	t.Parallel()
	new(attemptClock).end()
}

func TestExpectation(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	close(over)
	for name, test := range map[string]struct {
		happens                   func(*httptrace.ClientTrace)
		asked, permits, ungranted bool
	}{
		"not asked":          {nil, false, true, false},
		"silence":            {func(*httptrace.ClientTrace) {}, true, true, true},
		"granted":            {func(h *httptrace.ClientTrace) { h.GotFirstResponseByte(); h.Got100Continue() }, true, true, false},
		"granted repeatedly": {func(h *httptrace.ClientTrace) { h.Got100Continue(); h.Got100Continue() }, true, true, false},
		"refused":            {func(h *httptrace.ClientTrace) { h.GotFirstResponseByte() }, true, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var e expectation
			if test.happens != nil {
				var hooks httptrace.ClientTrace
				e.ask(&hooks)
				test.happens(&hooks)
			}
			require.Equal(t, test.asked, e.asked())
			var ends <-chan struct{} // never, unless it has to
			if !test.permits {
				ends = over
			}
			require.Equal(t, test.permits, e.permits(ends))
			require.Equal(t, test.ungranted, e.ungranted())
		})
	}
}

// A hint, such as 103 Early Hints, is no word on the body: it is sent once the
// service has been waited for, as if nothing had come, unless a response comes.
func TestExpectationAfterAHint(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		asks    time.Duration // when the transport asks for the body, or the body is to be sent
		then    func(*expectation, *httptrace.ClientTrace)
		permits bool
		at      time.Duration
	}{
		"nothing":           {0, nil, true, expectPatience},
		"nothing for long":  {3 * time.Second, nil, true, 3*time.Second + settleTime},
		"the permission":    {0, func(_ *expectation, h *httptrace.ClientTrace) { h.Got100Continue() }, true, expectPatience / 2},
		"a final response":  {0, func(e *expectation, _ *httptrace.ClientTrace) { e.responded() }, false, 5 * time.Second},
		"a late one":        {expectPatience/2 - time.Millisecond, func(e *expectation, _ *httptrace.ClientTrace) { e.responded() }, false, 5 * time.Second},
		"more hints":        {0, func(_ *expectation, h *httptrace.ClientTrace) { _ = h.Got1xxResponse(102, nil) }, true, expectPatience},
		"the end of it all": {0, nil, false, expectPatience / 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var e expectation
				var hooks httptrace.ClientTrace
				e.ask(&hooks)
				hooks.GotFirstResponseByte()
				require.NoError(t, hooks.Got1xxResponse(http.StatusEarlyHints, nil))
				over := make(chan struct{})
				end := 5 * time.Second
				if name == "the end of it all" {
					end = test.at
				}
				time.AfterFunc(end, func() { close(over) })
				if test.then != nil {
					time.AfterFunc(expectPatience/2, func() { test.then(&e, &hooks) })
				}
				time.Sleep(test.asks)
				require.Equal(t, test.permits, e.permits(over))
				require.Equal(t, test.at, time.Since(began))
				time.Sleep(10 * time.Second)
			})
		})
	}
}

// Whoever looks at informational responses has to bound them.
func TestHintsAreBounded(t *testing.T) {
	t.Parallel()
	var e expectation
	var hooks httptrace.ClientTrace
	e.ask(&hooks)
	for range maxHints {
		require.NoError(t, hooks.Got1xxResponse(http.StatusEarlyHints, nil))
	}
	require.ErrorIs(t, nameHeaderTooLarge(hooks.Got1xxResponse(http.StatusEarlyHints, nil)), ErrResponseTooLarge)
}

// A service that does not know Expect, behind something that sends hints, takes
// an upload after a second, and is not asked again.
func TestUploadsBehindHints(t *testing.T) {
	t.Parallel()
	for _, statuses := range [][]int{{103}, {102, 103, 103}} {
		t.Run(fmt.Sprint(statuses), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				listener := testkit.NewListener()
				var serving sync.WaitGroup
				asked := 0
				serving.Go(func() {
					for {
						conn, err := listener.Accept()
						if err != nil {
							return
						}
						serving.Go(func() {
							requests := bufio.NewReader(conn)
							for {
								r, err := http.ReadRequest(requests)
								if err != nil {
									return
								}
								if r.Header.Get("Expect") != "" {
									asked++
									for _, status := range statuses {
										_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d Hint\r\nLink: </x>\r\n\r\n", status)
									}
								}
								_, _ = io.Copy(io.Discard, r.Body)
								body := idsBody
								if r.URL.Path == opLogin.path {
									body = `{"access_token":"` + testToken + `"}`
								}
								_ = reply(conn, http.StatusCreated, body)
							}
						})
					}
				})
				transport := newTransport(nil)
				transport.DialContext = listener.Dial
				c := newTestClient(t, "http://127.0.0.1", WithHTTPClient(&http.Client{Transport: transport}))
				require.NoError(t, discardToken(c.Login(t.Context())))
				began := time.Now()
				for range 2 {
					require.NoError(t, addFiles(t.Context(), c, FileFromBytes("a.png", make([]byte, expectFrom))))
				}
				require.Equal(t, expectPatience+settleTime, time.Since(began))
				require.Equal(t, 1, asked)
				transport.CloseIdleConnections()
				require.NoError(t, listener.Close())
				serving.Wait()
			})
		})
	}
}

func TestExpectationHoldsBackUntilThePermission(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var e expectation
		var hooks httptrace.ClientTrace
		e.ask(&hooks)
		hooks.GotFirstResponseByte()
		began := time.Now()
		time.AfterFunc(time.Second, hooks.Got100Continue)
		require.True(t, e.permits(nil))
		require.Equal(t, time.Second, time.Since(began))
	})
}

func TestTraceProvesWhatWasNotSent(t *testing.T) {
	t.Parallel()
	dial := &net.OpError{Op: "dial", Err: errors.New("refused")}
	for name, test := range map[string]struct {
		happens func(*httptrace.ClientTrace)
		err     error
		unsent  bool
	}{
		"no trace, anything":    {func(*httptrace.ClientTrace) {}, io.ErrUnexpectedEOF, false},
		"no trace, a dial":      {func(*httptrace.ClientTrace) {}, dial, true},
		"no trace, a name":      {func(*httptrace.ClientTrace) {}, &net.DNSError{IsNotFound: true}, true},
		"no trace, a read":      {func(*httptrace.ClientTrace) {}, &net.OpError{Op: "read", Err: errors.New("reset")}, false},
		"before the head":       {func(h *httptrace.ClientTrace) { h.GetConn("h:443") }, io.ErrUnexpectedEOF, true},
		"after the head":        {func(h *httptrace.ClientTrace) { h.GetConn("h:443"); h.WroteHeaders() }, io.ErrUnexpectedEOF, false},
		"a dial after a head":   {func(h *httptrace.ClientTrace) { h.GetConn("h:443"); h.WroteHeaders(); h.GetConn("h:443") }, dial, false},
		"a dial that is traced": {func(h *httptrace.ClientTrace) { h.GetConn("h:443") }, dial, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var trace attemptTrace
			trace.start()
			test.happens(&trace.hooks)
			require.Equal(t, test.unsent, trace.unsent(test.err))
		})
	}
}

func TestIncomingCountsAndStalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c attemptClock
		c.start(t.Context(), &opGetModel, defaultStallTimeout)
		defer c.end()
		c.watch()
		reads := 0
		body := incoming{clock: &c, ReadCloser: io.NopCloser(readerFunc(func(p []byte) (int, error) {
			if reads++; reads == 1 {
				return 3, nil
			}
			<-c.ctx.Done()
			return 1, c.ctx.Err()
		}))}
		_, err := body.Read(make([]byte, 8))
		require.NoError(t, err)
		time.Sleep(2 * defaultStallTimeout) // the caller looks at what came
		_, err = body.Read(make([]byte, 8))
		require.ErrorAs(t, err, new(stallError))
		require.EqualValues(t, 4, body.received)
	})
}

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
					return respond(r, http.StatusOK, readerFunc(func(p []byte) (int, error) {
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

// An answer that changes the protocol has no end.
func TestSwitchingProtocolsEndsTheCall(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{})
	c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
		answer := respond(r, http.StatusSwitchingProtocols, nil)
		answer.Body = struct {
			io.Reader
			io.Closer
		}{readerFunc(func([]byte) (int, error) { <-closed; return 0, io.EOF }), closeFunc(func() error { close(closed); return nil })}
		return answer, nil
	}))
	_, err := c.GetHashID(t.Context())
	var answer *BaseError
	require.ErrorAs(t, err, &answer)
	require.Equal(t, http.StatusSwitchingProtocols, answer.StatusCode)
}

func reply(conn net.Conn, status int, body string) error {
	_, err := fmt.Fprintf(conn, "HTTP/1.1 %d X\r\nContent-Length: %d\r\nContent-Type: application/json\r\n\r\n%s", status, len(body), body)
	return err
}

// An upload that is refused before its body was never made, also where the
// service keeps the connection open for it.
func TestRefusedUploadsKeepTheirBody(t *testing.T) {
	t.Parallel()
	const size = 2 << 20
	for name, source := range map[string]func() File{
		"a reader": func() File { return FileFromReader("a.png", io.LimitReader(endless{}, size), size) },
		"bytes":    func() File { return FileFromBytes("a.png", make([]byte, size)) },
	} {
		for _, status := range []int{401, 425, 429, 500, 503, 417} {
			t.Run(fmt.Sprint(status, " for ", name), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { // by whose clock no refusal is late
					service, listener := &fakeHTTP1{bodies: [][]byte{[]byte(idsBody)}, refusals: []int{status}}, testkit.NewListener()
					service.startOn(t, listener)
					c := dialing(t, listener)
					require.NoError(t, addFiles(t.Context(), c, source()))
					require.NoError(t, c.Close())
					synctest.Wait()
					require.Equal(t, 1, service.taken)
					require.Zero(t, service.refused, "bytes of the refused body were sent")
					if status == http.StatusExpectationFailed {
						require.Equal(t, 1, service.asked, "the second one must not ask")
					} else {
						require.Equal(t, 2, service.asked)
					}
				})
			})
		}
		t.Run("for good, "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				service, listener := &fakeHTTP1{bodies: [][]byte{[]byte(idsBody)}, refusals: []int{403, 0}}, testkit.NewListener()
				service.startOn(t, listener)
				c := dialing(t, listener)
				err := addFiles(t.Context(), c, source())
				require.ErrorIs(t, err, ErrForbidden)
				require.NotErrorIs(t, err, ErrOutcomeUnknown)
				require.NoError(t, addFiles(t.Context(), c, source()))
				synctest.Wait()
				require.Equal(t, 2, service.asked, "later uploads still ask first")
				require.Zero(t, service.refused)
			})
		})
	}
}
