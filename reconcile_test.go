package hacarus_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// proxied returns a client of the service through a proxy.
func proxied(s *hacarustest.Server, proxy func(r *http.Request, next http.RoundTripper) (*http.Response, error)) *hacarus.Client {
	next := s.Transport()
	return s.Client(
		hacarus.WithRetry(hacarus.RetryPolicy{MaxAttempts: 1}),
		hacarus.WithHTTPClient(&http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) { return proxy(r, next) })}),
	)
}

func page(r *http.Request, status int) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"text/html"}}, Body: io.NopCloser(strings.NewReader("<html>the proxy</html>")),
	}
}

func isUpload(r *http.Request) bool {
	return r.Method == http.MethodPost && path.Base(r.URL.Path) == "items"
}

// An item that was there before is not taken for an upload that was lost.
func TestInspectTellsOlderItems(t *testing.T) {
	t.Parallel()
	for name, item := range map[string]hacarus.Item{
		"another model's": {Assessments: []hacarus.Assessment{{ModelID: "m1", Label: hacarus.LabelOK}}},
		"this model's":    {Assessments: []hacarus.Assessment{{ModelID: "m2", Label: hacarus.LabelOK}}},
		"training data":   {IsTrainingData: true},
		"labelled":        {UserAssessment: &hacarus.UserAssessment{Label: hacarus.LabelOK}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, c := newService(t)
				s.AddModel(hacarus.Model{ModelID: "m2"})
				item.ItemID = "plate-00004"
				s.AddItem(item, picture(4))
				s.Inject("addItem", hacarustest.ResetConnection().Before())
				all, err := outcomes(t, c, hacarus.InspectRequest{ModelID: "m2", Files: pictures(4, 5)})
				require.NoError(t, err)
				require.ErrorIs(t, all[0].Err, hacarus.ErrOutcomeUnknown)
				require.Equal(t, "plate-00004", all[0].ItemID)
				require.Len(t, s.Calls("addItem"), 1)
			})
		})
	}
}

// A login that fails is not the outcome of the call that needed it.
func TestInspectWhileLoginsFail(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"addItem", "predictItems"} {
		t.Run("for a moment, "+operation, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, c := newService(t)
				s.AddModel(hacarus.Model{})
				s.Inject(operation, hacarustest.RevokedToken())
				s.Inject("login", hacarustest.Fault{}, hacarustest.HTML(http.StatusOK), hacarustest.HTML(http.StatusFound))
				all, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 5)})
				require.NoError(t, err)
				requireVerdicts(t, 0, all)
				require.Equal(t, 1, s.Executions("addItem"))
				require.Equal(t, 1, s.Executions("predictItems"))
			})
		})
	}
	for _, status := range []int{400, 401, 404, 413} {
		t.Run("for good", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, c := newService(t)
				s.AddModel(hacarus.Model{})
				s.Inject("login", hacarustest.Repeat(1000, refusal(status))...)
				_, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 500)})
				var refused *hacarus.BaseError
				require.ErrorAs(t, err, &refused)
				require.Equal(t, status, refused.StatusCode)
				require.Less(t, len(s.Calls("login")), 10)
				require.Empty(t, s.Calls("addItem"))
			})
		})
	}
}

// Only the service can say that an item is not there.
func TestInspectBehindAGatewayWithoutBackend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := newService(t)
		s.AddModel(hacarus.Model{})
		var lost time.Time
		c := proxied(s, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
			switch {
			case isUpload(r) && lost.IsZero():
				answer, err := next.RoundTrip(r)
				require.NoError(t, err)
				require.NoError(t, answer.Body.Close())
				lost = time.Now()
				return nil, errors.New("the gateway has gone")
			case !lost.IsZero() && time.Since(lost) < 8*time.Second:
				return page(r, http.StatusNotFound), nil
			}
			return next.RoundTrip(r)
		})
		all, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 2)})
		require.NoError(t, err)
		for _, result := range all {
			require.ErrorIs(t, result.Err, hacarus.ErrOutcomeUnknown)
			require.NotEmpty(t, result.ItemID)
		}
		require.Equal(t, 1, s.Executions("addItem"))
	})
}

// A gateway gives up waiting, and the service behind it goes on.
func TestInspectBehindAnImpatientGateway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := newService(t)
		s.AddModel(hacarus.Model{})
		var first atomic.Bool
		c := proxied(s, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
			if !isUpload(r) || !first.CompareAndSwap(false, true) {
				return next.RoundTrip(r)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			later := r.Clone(context.WithoutCancel(r.Context()))
			later.Body = io.NopCloser(bytes.NewReader(body))
			time.AfterFunc(20*time.Second, func() {
				if answer, err := next.RoundTrip(later); err == nil {
					_ = answer.Body.Close()
				}
			})
			return page(r, http.StatusGatewayTimeout), nil
		})
		all, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 5)})
		require.NoError(t, err)
		requireVerdicts(t, 0, all)
		require.Equal(t, 1, s.Executions("addItem"))
	})
}

// A question that fails for ever ends with the grace time, and concerns one file.
func TestInspectWithOneItemOutOfOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := newService(t)
		s.AddModel(hacarus.Model{})
		c := proxied(s, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
			if path.Base(r.URL.Path) == "plate-00003" {
				return page(r, http.StatusInternalServerError), nil
			}
			return next.RoundTrip(r)
		})
		began := time.Now()
		all, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 5), Grace: time.Minute})
		require.NoError(t, err)
		require.ErrorIs(t, all[3].Err, hacarus.ErrServer)
		requireVerdicts(t, 0, all[:3])
		requireVerdicts(t, 4, all[4:])
		require.Less(t, time.Since(began), 5*time.Minute)
	})
}

// Without an active model nothing more is uploaded.
func TestInspectWithoutAnActiveModel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		all, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 1000)})
		require.ErrorIs(t, err, hacarus.ErrBadRequest)
		require.Len(t, all, 1000)
		require.LessOrEqual(t, len(s.Calls("addItem")), 10)
		require.LessOrEqual(t, len(s.Calls("predictItems")), 10)
	})
}

// A prediction that is asked for again counts once.
func TestInspectProgressOfRepeatedPredictions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{})
		s.Inject("predictItems", hacarustest.ResetConnection().Before())
		var last hacarus.InspectProgress
		all, err := outcomes(t, c, hacarus.InspectRequest{
			Files: pictures(0, 10), Grace: time.Minute, Progress: func(p hacarus.InspectProgress) { last = p },
		})
		require.NoError(t, err)
		requireVerdicts(t, 0, all)
		require.Equal(t, hacarus.InspectProgress{Total: 10, Uploaded: 10, Predicted: 10, Assessed: 10}, last)
	})
}

// A journal of a clock that was ahead does not make anybody wait for that time.
func TestJournalFromTheFuture(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{})
		s.Inject("predictItems", hacarustest.ResetConnection().Before())
		request := hacarus.InspectRequest{Files: pictures(0, 3), Grace: time.Minute, Journal: filepath.Join(t.TempDir(), "shift")}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := outcomesIn(ctx, t, c, request)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		text, err := os.ReadFile(request.Journal)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(request.Journal, bytes.ReplaceAll(text, []byte(`"2000-01-01T`), []byte(`"2000-01-03T`)), 0o600))
		began := time.Now()
		all, err := outcomes(t, c, request)
		require.NoError(t, err)
		requireVerdicts(t, 0, all)
		require.Less(t, time.Since(began), 2*time.Minute)
		require.Equal(t, 1, s.Executions("addItem"))
	})
}

// A file that panics has an outcome like one that cannot be opened.
func TestInspectFileThatPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{})
		broken := hacarus.File{Name: "a.png", Open: func() (io.ReadCloser, error) { panic("no camera") }}
		all, err := outcomes(t, c, hacarus.InspectRequest{Files: append(pictures(0, 3), broken)})
		require.NoError(t, err)
		requireVerdicts(t, 0, all[:3])
		require.ErrorIs(t, all[3].Err, hacarus.ErrInvalidArgument)
		require.ErrorContains(t, all[3].Err, "no camera")
	})
}

func TestInspectRefusesAnyNumberOfCalls(t *testing.T) {
	t.Parallel()
	_, c := newService(t)
	_, err := outcomes(t, c, hacarus.InspectRequest{Concurrency: 1001})
	require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
}
