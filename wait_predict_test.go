package hacarus_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
	"github.com/hacarus/hacarus-check-go/internal/testkit/plates"
)

// An assessment that was there before a prediction is not taken for its result.
func TestPredictAndWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t, hacarustest.WithPredictionTime(time.Minute))
		m := s.AddModel(hacarus.Model{})
		for n := range 3 {
			s.AddItem(hacarus.Item{ItemID: string(rune('a' + n))}, plates.Picture(n+2))
		}
		s.AddItem(hacarus.Item{ItemID: "old", Status: hacarus.ItemStatusDone, Assessments: []hacarus.Assessment{
			{ModelID: m.ModelID, Label: hacarus.LabelNG}, {ModelID: "other", Label: hacarus.LabelNG},
		}}, plates.Picture(0))
		ids := []string{"a", "b", "c", "old", "a"}
		for _, model := range []string{m.ModelID, hacarus.ActiveModel, ""} {
			if model == "" {
				model = m.ModelID
			}
			begun, got := time.Now(), map[string]hacarus.Verdict{}
			for item, err := range c.PredictAndWait(t.Context(), model, ids) {
				require.NoError(t, err)
				require.GreaterOrEqual(t, time.Since(begun), time.Minute)
				got[item.ItemID] = item.Verdict(m.ModelID)
			}
			require.Equal(t, map[string]hacarus.Verdict{"a": "OK", "b": "OK", "c": "NG", "old": "OK"}, got)
		}
		require.Len(t, s.Calls("predictItems"), 3)
	})
}

func TestPredictAndWaitFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		m := s.AddModel(hacarus.Model{})
		s.AddItem(hacarus.Item{ItemID: "a"}, plates.Picture(0))
		for name, test := range map[string]struct {
			model string
			ids   []string
			want  error
		}{
			"no such item":  {m.ModelID, []string{"a", "nobody"}, hacarus.ErrNotFound},
			"no such model": {"nobody", []string{"a"}, hacarus.ErrBadRequest},
			"no items":      {m.ModelID, nil, hacarus.ErrInvalidArgument},
			"no id":         {m.ModelID, []string{".."}, hacarus.ErrInvalidArgument},
		} {
			n := 0
			for item, err := range c.PredictAndWait(t.Context(), test.model, test.ids) {
				require.Nil(t, item, name)
				require.ErrorIs(t, err, test.want, name)
				n++
			}
			require.Equal(t, 1, n, name)
		}
		for _, err := range c.PredictAndWait(t.Context(), m.ModelID, []string{"a"}, nil) {
			require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
		}

		// The old assessment again, and never a new one.
		next := s.Transport()
		deaf := s.Client(hacarus.WithHTTPClient(&http.Client{Transport: testkit.RoundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPost && r.URL.Path != "/api/auth/token" {
				answer := page(r, http.StatusAccepted)
				answer.Body = http.NoBody
				return answer, nil
			}
			return next.RoundTrip(r)
		})}))
		s.AddItem(hacarus.Item{ItemID: "old", Status: hacarus.ItemStatusDone, Assessments: []hacarus.Assessment{{ModelID: m.ModelID, Label: hacarus.LabelNG}}}, plates.Picture(0))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for _, err := range deaf.PredictAndWait(ctx, m.ModelID, []string{"old"}) {
			require.True(t, errors.Is(err, context.DeadlineExceeded) || errors.Is(err, hacarus.ErrDecode), err)
		}
	})
}

// An assessment from before is not taken for a new one either where a proxy is in
// the way when it is looked for, and the service begins late.
func TestPredictAndWaitBehindAProxysPage(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusNotFound, http.StatusForbidden, http.StatusServiceUnavailable} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := newService(t)
			m := s.AddModel(hacarus.Model{})
			s.AddItem(hacarus.Item{ItemID: "old", Status: hacarus.ItemStatusDone, Assessments: []hacarus.Assessment{{ModelID: m.ModelID, Label: hacarus.LabelNG}}}, plates.Picture(0))
			looks := 0
			c := proxied(s, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
				if r.Method == http.MethodGet {
					if looks++; looks == 1 {
						return page(r, status), nil
					}
					return next.RoundTrip(r)
				}
				if path.Base(r.URL.Path) != "predict" {
					return next.RoundTrip(r)
				}
				deliverLater(t, s, r, 10*time.Second)
				accepted := page(r, http.StatusAccepted)
				accepted.Body = io.NopCloser(strings.NewReader(`{"data":{"item_ids":["old"]}}`))
				return accepted, nil
			})
			for item, err := range c.PredictAndWait(t.Context(), m.ModelID, []string{"old"}) {
				require.NoError(t, err)
				require.Equal(t, plates.Verdict(0), item.Verdict(m.ModelID))
			}
		})
	}
}

// The response that is captured is that of the prediction, and not one of those that
// come at the same time.
func TestPredictAndWaitCaptured(t *testing.T) {
	t.Parallel()
	s, c := newService(t)
	m := s.AddModel(hacarus.Model{})
	var ids []string
	for n := range 10 {
		ids = append(ids, string(rune('a'+n)))
		s.AddItem(hacarus.Item{ItemID: ids[n]}, plates.Picture(n))
	}
	var info hacarus.ResponseInfo
	for _, err := range c.PredictAndWait(hacarus.CaptureResponse(t.Context(), &info), m.ModelID, ids) {
		require.NoError(t, err)
	}
	require.Contains(t, string(info.Body), "item_ids")
}
