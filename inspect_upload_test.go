package hacarus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
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
		requireVerdicts(t, 0, all)
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

// What was uploaded is not uploaded again, and what was not is.
func TestInspectReconcilesUploads(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]hacarustest.Fault{
		"executed":     {hacarustest.ResetConnection(), hacarustest.CloseConnection(), hacarustest.Garbage(), hacarustest.Truncated(3), hacarustest.HTML(502).After()},
		"not executed": {hacarustest.ResetInBody(10), hacarustest.ResetConnection().Before(), hacarustest.HTML(502), refusal(500), refusal(408)},
		"mixed":        mixed(11),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, c := newService(t)
				s.AddModel(hacarus.Model{})
				s.Inject("addItem", faults...)
				s.Inject("getItemById", mixed(20)...)
				all, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 100), BatchSize: 10})
				require.NoError(t, err)
				requireVerdicts(t, 0, all)
				requireOnce(t, 100, uploads(s))
				requireOnce(t, 100, predictions(t, s))
			})
		})
	}
}

// An item that was there before is not mistaken for the upload that got lost.
func TestInspectDoesNotTakeOldItems(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		m := s.AddModel(hacarus.Model{})
		s.AddItem(hacarus.Item{ItemID: "plate-00000", Assessments: []hacarus.Assessment{{ModelID: m.ModelID, Label: "NG"}}})
		s.AddItem(hacarus.Item{ItemID: "plate-00001", Images: []hacarus.ImageMeta{{FileSize: 7}}})
		s.Inject("addItem", hacarustest.ResetConnection().Before())
		all, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 3)})
		require.NoError(t, err)
		for n := range 2 {
			require.ErrorIs(t, all[n].Err, hacarus.ErrOutcomeUnknown)
			require.Equal(t, fmt.Sprintf("plate-%05d", n), all[n].ItemID, "the id to look for")
		}
		requireVerdicts(t, 2, all[2:])
		requireOnce(t, 1, uploads(s))
	})
}
