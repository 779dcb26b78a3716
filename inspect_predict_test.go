package hacarus_test

import (
	"context"
	"image"
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
	"github.com/hacarus/hacarus-check-go/internal/testkit/plates"
)

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
		s.Inject("addItem", hacarustest.Repeat(50, hacarustest.Delay(time.Second))...) // else it is the scheduler that says how many come first
		all, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 1000)})
		require.ErrorIs(t, err, hacarus.ErrBadRequest)
		require.Len(t, all, 1000)
		require.LessOrEqual(t, len(s.Calls("addItem")), 10)
		require.LessOrEqual(t, len(s.Calls("predictItems")), 20, "they pause longer and longer, by chance a little less")
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

// A prediction whose answer was lost is not asked for again while its
// assessment may come, and is after that.
func TestInspectGrace(t *testing.T) {
	t.Parallel()
	const grace = 3 * time.Minute
	run := func(t *testing.T, faults ...hacarustest.Fault) (took time.Duration, s *hacarustest.Server, all []*hacarus.Inspection) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			server, c := newService(t, hacarustest.WithPredictionTime(2*time.Minute))
			s = server
			s.AddModel(hacarus.Model{})
			s.Inject("predictItems", faults...)
			begun := time.Now()
			var err error
			all, err = outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 10), Grace: grace})
			require.NoError(t, err)
			took = time.Since(begun)
		})
		return took, s, all
	}
	t.Run("executed", func(t *testing.T) {
		t.Parallel()
		took, s, all := run(t, hacarustest.ResetConnection())
		requireVerdicts(t, 0, all)
		plates.RequireOnce(t, 10, plates.Predictions(t, s))
		require.Less(t, took, grace)
	})
	t.Run("not executed", func(t *testing.T) {
		t.Parallel()
		took, s, all := run(t, hacarustest.ResetConnection().Before())
		requireVerdicts(t, 0, all)
		plates.RequireOnce(t, 10, plates.Predictions(t, s))
		require.GreaterOrEqual(t, took, grace+2*time.Minute)
		require.Less(t, took, grace+2*time.Minute+10*time.Second)
	})
	t.Run("not executed twice", func(t *testing.T) {
		t.Parallel()
		took, s, all := run(t, hacarustest.ResetConnection().Before(), hacarustest.CloseConnection().Before())
		requireVerdicts(t, 0, all)
		plates.RequireOnce(t, 10, plates.Predictions(t, s))
		require.GreaterOrEqual(t, took, 2*grace)
	})
	t.Run("never executed", func(t *testing.T) {
		t.Parallel()
		took, s, all := run(t, hacarustest.Repeat(9, hacarustest.ResetConnection().Before())...)
		require.ErrorIs(t, all[0].Err, hacarus.ErrNoAssessment)
		require.Len(t, s.Calls("predictItems"), 3)
		require.GreaterOrEqual(t, took, 3*grace)
	})
}

// squeamish is an inspector that fails on bad pictures.
func squeamish(ctx context.Context, img image.Image, p hacarustest.Parameters) (hacarustest.Finding, error) {
	if f, err := plates.FirstPixel(ctx, img, p); err != nil || !f.NG {
		return f, err
	}
	return hacarustest.Finding{}, hacarus.ErrNoAssessment
}

// A prediction that failed leaves no assessment. It is not waited for without
// end, not asked for again, and does not hold up the others.
func TestInspectWithoutAssessment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t, hacarustest.WithInspector(hacarustest.InspectorFunc(squeamish)))
		s.AddModel(hacarus.Model{})
		begun, late := time.Now(), 0
		for result, err := range c.Inspect(t.Context(), hacarus.InspectRequest{Files: pictures(0, 100), Grace: 10 * time.Minute}) {
			require.NoError(t, err)
			if plates.Verdict(result.Index) == hacarus.VerdictOK {
				require.Equal(t, hacarus.VerdictOK, result.Verdict)
				require.Less(t, time.Since(begun), time.Minute)
				continue
			}
			late++
			require.ErrorIs(t, result.Err, hacarus.ErrNoAssessment)
			var waited *hacarus.WaitError
			require.ErrorAs(t, result.Err, &waited)
			require.Equal(t, hacarus.ItemStatusDone, waited.ItemStatus)
		}
		require.Equal(t, 20, late)
		plates.RequireOnce(t, 100, plates.Predictions(t, s))
	})
}

// What an inspection waits for is told while it does, and when the context ends.
func TestInspectTellsWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	t.Run("the model", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := newService(t)
			s.AddModel(hacarus.Model{ModelID: "m", Status: hacarus.ModelStatusCreating})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var seen *hacarus.Model
			results, err := outcomesIn(ctx, t, c, hacarus.InspectRequest{
				ModelID: "m", Files: pictures(0, 3), Progress: func(p hacarus.InspectProgress) {
					if p.Model != nil {
						seen = p.Model
					}
				},
			})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "model m (creating)")
			require.ErrorContains(t, results[0].Err, "model m (creating)")
			require.Equal(t, hacarus.ModelStatusCreating, seen.Status)
		})
	})
	t.Run("a busy service", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := newService(t)
			s.AddModel(hacarus.Model{})
			s.Inject("predictItems", hacarustest.Repeat(1000, refusal(425))...)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var seen error
			_, err := outcomesIn(ctx, t, c, hacarus.InspectRequest{Files: pictures(0, 3), Progress: func(p hacarus.InspectProgress) {
				if p.Err != nil {
					seen = p.Err
				}
			}})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, hacarus.ErrBusy)
			require.ErrorIs(t, seen, hacarus.ErrBusy)
		})
	})
	for name, path := range map[string]string{"a proxy that wants credentials": "", "the same, later": "/api/v1/items/"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, _ := newService(t)
				m := s.AddModel(hacarus.Model{})
				c := proxied(s, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
					if path == "" || r.URL.Path == path {
						return page(r, http.StatusProxyAuthRequired), nil
					}
					return next.RoundTrip(r)
				})
				begun := time.Now()
				_, err := outcomes(t, c, hacarus.InspectRequest{ModelID: m.ModelID, Files: pictures(0, 3)})
				require.ErrorContains(t, err, "407")
				require.Zero(t, time.Since(begun).Truncate(time.Second))
			})
		})
	}
}

// A file without an assessment tells what is known of it.
func TestInspectTellsWhatWasLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{})
		s.Inject("predictItems", hacarustest.Repeat(9, hacarustest.Status(503, nil, `{"errors":{"title":"maintenance"}}`))...)
		results, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 3), Grace: 2 * time.Second})
		require.NoError(t, err)
		for _, result := range results {
			require.ErrorIs(t, result.Err, hacarus.ErrNoAssessment)
			require.ErrorIs(t, result.Err, hacarus.ErrServer)
			require.ErrorContains(t, result.Err, "3 times")
			require.ErrorContains(t, result.Err, "maintenance")
		}
	})
}

// No model is active for a moment, while another one takes over: by whatever
// words the service says so, neither the run nor a file ends.
func TestInspectWhileModelsChange(t *testing.T) {
	t.Parallel()
	for _, title := range []string{"There is no available model", "利用可能なモデルがありません"} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, _ := newService(t)
				m := s.AddModel(hacarus.Model{})
				begun := time.Now()
				c := proxied(s, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
					text, status := "", http.StatusOK
					switch path.Base(r.URL.Path) {
					case "predict":
						text, status = `{"errors":{"title":"`+title+`"}}`, http.StatusBadRequest
					case "models":
						text = `{"data":[{"model_id":"` + m.ModelID + `","active":false}]}`
					}
					if text == "" || time.Since(begun) > 3*time.Second {
						return next.RoundTrip(r)
					}
					answer := page(r, status)
					answer.Body = io.NopCloser(strings.NewReader(text))
					return answer, nil
				})
				results, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 100)})
				require.NoError(t, err)
				requireVerdicts(t, 0, results)
				plates.RequireOnce(t, 100, plates.Predictions(t, s))
			})
		})
	}
}

// A prediction that took long to be asked for, because the service was busy, is
// not asked for again by the next run as if that had been long ago.
func TestInspectRemembersWhenItAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t, hacarustest.WithPredictionTime(5*time.Minute))
		s.AddModel(hacarus.Model{})
		s.Inject("predictItems", hacarustest.Repeat(100, hacarustest.Status(http.StatusTooManyRequests, nil, "{}"))...)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		begun := time.Now()
		go func() {
			for s.Executions("predictItems") == 0 {
				time.Sleep(time.Second)
			}
			cancel()
		}()
		req := hacarus.InspectRequest{Files: pictures(0, 3), Store: hacarus.NewMemoryJournal()}
		_, err := outcomesIn(ctx, t, c, req)
		require.ErrorIs(t, err, context.Canceled)
		require.Greater(t, time.Since(begun), 10*time.Minute, "the grace time would be over")
		results, err := outcomes(t, c, req)
		require.NoError(t, err)
		requireVerdicts(t, 0, results)
		plates.RequireOnce(t, 3, plates.Predictions(t, s))
	})
}
