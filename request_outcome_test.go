package hacarus

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

func TestOutcomesAddUp(t *testing.T) {
	t.Parallel()
	const none, refused, unknown, executed = OutcomeNotSent, OutcomeNotExecuted, OutcomeUnknown, OutcomeExecuted
	for _, test := range []struct {
		before, last       Outcome
		stateful, harmless Outcome // of classes that leave something behind, and of those that don't
	}{
		{none, none, none, none},
		{none, refused, refused, refused},
		{none, unknown, unknown, unknown},
		{none, executed, executed, executed},
		{refused, none, refused, refused}, // a request left
		{refused, refused, refused, refused},
		{refused, unknown, unknown, unknown},
		{refused, executed, executed, executed},
		{unknown, none, unknown, refused},
		{unknown, refused, unknown, refused}, // what was lost may have been executed
		{unknown, unknown, unknown, unknown},
		{unknown, executed, executed, executed},
		{executed, none, unknown, refused}, // the success that broke off may have been a proxy's
		{executed, refused, unknown, refused},
		{executed, unknown, unknown, unknown},
		{executed, executed, executed, executed},
	} {
		for _, c := range []class{classNonIdempotent, classOverwrite, classDelete} {
			require.Equal(t, test.stateful, afterwards(c, test.before, test.last), "%q, then %q", test.before, test.last)
		}
		for _, c := range []class{classRead, classLogin} {
			require.Equal(t, test.harmless, afterwards(c, test.before, test.last), "%q, then %q", test.before, test.last)
		}
	}
}

// A refusal that breaks off with the context is still one after a lost attempt.
func TestBrokenRefusalAfterALostAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		attempts := 0
		c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
			_, _ = io.Copy(io.Discard, r.Body)
			if attempts++; attempts == 1 {
				return nil, io.ErrUnexpectedEOF
			}
			return respond(r, http.StatusNotFound, readerFunc(func([]byte) (int, error) {
				<-r.Context().Done()
				return 0, r.Context().Err()
			})), nil
		}))
		err := c.DeleteItems(ctx, "a")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, ErrNotFound)
		require.ErrorIs(t, err, ErrOutcomeUnknown)
		require.Equal(t, 2, attempts)
	})
}

// A file may be another call's response, whose error is not this call's.
func TestErrorsOfFilesAreNotTheCalls(t *testing.T) {
	t.Parallel()
	elsewhere := &BaseError{StatusCode: http.StatusForbidden, Operation: opGetImage.id, Outcome: OutcomeNotExecuted}
	c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
		_, err := io.Copy(io.Discard, r.Body)
		return nil, err
	}))
	opened := 0
	err := addFiles(t.Context(), c, File{Name: "a.png", Size: 4, ContentType: "image/png", Open: func() (io.ReadCloser, error) {
		if opened++; opened > 1 {
			return nil, elsewhere
		}
		return io.NopCloser(readerFunc(func([]byte) (int, error) { return 0, io.EOF })), nil
	}})
	failed, ok := errors.AsType[*RequestError](err)
	require.True(t, ok)
	require.Equal(t, opAddItems.id, failed.Operation)
	require.Equal(t, OutcomeNotExecuted, failed.Outcome)
	require.ErrorIs(t, err, elsewhere)
	require.Equal(t, opGetImage.id, elsewhere.Operation)
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
			return respond(r, http.StatusServiceUnavailable, readerFunc(func([]byte) (int, error) {
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
		err := addFiles(ctx, c, FileFromReader("a.png", io.MultiReader(begun, readerFunc(func([]byte) (int, error) {
			<-ctx.Done()
			return 0, broken
		})), 2048))
		require.ErrorIs(t, err, broken)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, ErrOutcomeUnknown)
	})
}

// "Not sent" is said of a call only if no request of it left.
func TestNotSentMeansNoRequest(t *testing.T) {
	t.Parallel()
	attempts := 0
	transport := testkit.InMemory(decline(429))
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

// A time limit of the transport's own is not the end of a context: package net has
// a dial that took too long look like one.
func TestSlowDialClaimsNoDeadline(t *testing.T) {
	t.Parallel()
	dialer := net.Dialer{Timeout: time.Nanosecond}
	_, slow := dialer.DialContext(t.Context(), "tcp", "127.0.0.1:1")
	require.ErrorIs(t, slow, context.DeadlineExceeded)

	c := overTransport(t, loggedIn(func(*http.Request) (*http.Response, error) { return nil, slow }))
	_, err := c.PredictItems(t.Context(), ActiveModel, "a")
	require.NotErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "i/o timeout")
	require.True(t, IsTemporary(err))
	dial, ok := errors.AsType[*net.OpError](err)
	require.True(t, ok)
	require.True(t, dial.Timeout())
	require.NotErrorIs(t, err, ErrOutcomeUnknown)
}
