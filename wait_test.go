package hacarus_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit/plates"
)

// newService returns a server, and a client of it that tries once. In a bubble
// of testing/synctest all of it goes by the bubble's clock.
func newService(t *testing.T, opts ...hacarustest.Option) (*hacarustest.Server, *hacarus.Client) {
	t.Helper()
	s := hacarustest.NewServer(append([]hacarustest.Option{hacarustest.WithInspector(plates.FirstPixel)}, opts...)...)
	t.Cleanup(s.Close)
	return s, s.Client(hacarus.WithRetry(hacarus.RetryPolicy{MaxAttempts: 1}))
}

// refusal is an answer in place of the execution.
func refusal(status int) hacarustest.Fault { return hacarustest.Status(status, nil, "{}") }

// mixed are as many faults of all kinds that are no answer, or may pass.
func mixed(n int) []hacarustest.Fault {
	kinds := []hacarustest.Fault{
		refusal(503), hacarustest.ResetConnection(), refusal(425), refusal(429), hacarustest.Garbage(), hacarustest.HTML(502),
		hacarustest.CloseConnection(), refusal(408), refusal(500), hacarustest.Truncated(3), hacarustest.RevokedToken(),
	}
	faults := make([]hacarustest.Fault, n)
	for i := range faults {
		faults[i] = kinds[i%len(kinds)]
	}
	return faults
}

func TestWaitForModel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t, hacarustest.WithTrainingTime(time.Hour))
		begun := time.Now()
		var seen []hacarus.ModelStatus
		model, err := c.TrainAndWait(t.Context(), "PM", hacarus.TrainRequest{Name: "plates", ItemIDs: []string{goodItem(s)}},
			hacarus.WithProgress(func(p hacarus.WaitProgress) {
				assert.Equal(t, time.Since(begun), p.Elapsed)
				assert.NoError(t, p.Err)
				seen = append(seen, p.Model.Status)
			}))
		require.NoError(t, err)
		require.Equal(t, hacarus.ModelStatusActive, model.Status)
		require.Equal(t, "plates", model.Name)

		calls := len(s.Calls("getModelById"))
		require.Len(t, seen, calls)
		require.Equal(t, hacarus.ModelStatusCreating, seen[0])
		require.Equal(t, hacarus.ModelStatusActive, seen[calls-1])
		took := time.Since(begun)
		require.GreaterOrEqual(t, took, time.Hour)
		require.LessOrEqual(t, took, time.Hour+5*time.Second, "not much later than it was ready")
		require.Less(t, calls, 1200, "later questions come slowly")

		// Finished already: at once, with one question.
		begun = time.Now()
		again, err := c.WaitForModel(t.Context(), model.ModelID)
		require.NoError(t, err)
		require.Equal(t, model, again)
		require.Zero(t, time.Since(begun))
		require.Len(t, s.Calls("getModelById"), calls+1)
	})
}

// goodItem adds a training item, and returns its id.
func goodItem(s *hacarustest.Server) string {
	return s.AddItem(hacarus.Item{IsTrainingData: true}, plates.Picture(1)).ItemID
}

// What is quick is noticed quickly.
func TestWaitIsFastFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t, hacarustest.WithTrainingTime(300*time.Millisecond))
		begun := time.Now()
		_, err := c.TrainAndWait(t.Context(), "PM", hacarus.TrainRequest{ItemIDs: []string{goodItem(s)}})
		require.NoError(t, err)
		// Pauses are at most 150, 225 and 338 ms, and two may end just before it.
		require.Less(t, time.Since(begun), 300*time.Millisecond+338*time.Millisecond)
	})
}

func TestWaitForModelEndsWithoutAModel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		malformed := []hacarus.OverrideParam{{AlgorithmParameterID: 202, Value: "-1"}}
		_, err := c.TrainAndWait(t.Context(), "PM", hacarus.TrainRequest{ItemIDs: []string{goodItem(s)}, OverrideParams: malformed})
		require.ErrorIs(t, err, hacarus.ErrTrainingFailed)
		require.ErrorContains(t, err, "Malformed parameters")
		var failed *hacarus.TrainingError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, hacarus.ModelStatusFailed, failed.Model.Status)
		require.Contains(t, failed.Model.StatusText, "Malformed parameters")

		s.AddModel(hacarus.Model{ModelID: "gone", Status: hacarus.ModelStatusDeleted})
		_, err = c.WaitForModel(t.Context(), "gone")
		require.ErrorAs(t, err, &failed)
		require.Equal(t, hacarus.ModelStatusDeleted, failed.Model.Status)
	})
}

// Statuses that nobody documented are not the end.
func TestWaitForModelUnknownStatus(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{ModelID: "m", Status: "queued"})
		time.AfterFunc(time.Minute, func() { s.AddModel(hacarus.Model{ModelID: "m", Status: "optimising"}) })
		time.AfterFunc(2*time.Minute, func() { s.AddModel(hacarus.Model{ModelID: "m"}) })
		begun := time.Now()
		model, err := c.WaitForModel(t.Context(), "m")
		require.NoError(t, err)
		require.Equal(t, hacarus.ModelStatusActive, model.Status)
		require.GreaterOrEqual(t, time.Since(begun), 2*time.Minute)
	})
}

// A model that is deleted while it is waited for ends the wait.
func TestWaitForModelDeleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{ModelID: "m", Status: hacarus.ModelStatusCreating})
		time.AfterFunc(time.Minute, func() {
			_, err := c.DeleteModels(t.Context(), "m")
			assert.NoError(t, err)
		})
		begun := time.Now()
		_, err := c.WaitForModel(t.Context(), "m")
		require.ErrorIs(t, err, hacarus.ErrNotFound)
		require.Less(t, time.Since(begun), time.Minute+21*time.Second)
		var waited *hacarus.WaitError
		require.ErrorAs(t, err, &waited)
		require.Equal(t, "m", waited.ModelID)
		require.Equal(t, hacarus.ModelStatusCreating, waited.Model.Status, "as it was last seen")
	})
}

// What may be over at the next attempt does not end a wait.
func TestWaitOutlastsFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{ModelID: "m"})
		s.AddItem(hacarus.Item{ItemID: "a", Assessments: []hacarus.Assessment{{ModelID: "m", Label: "OK"}}})
		faults := mixed(40)
		s.Inject("getModelById", faults...)
		s.Inject("login", mixed(10)...)
		_, err := c.WaitForModel(t.Context(), "m")
		require.NoError(t, err)
		require.Greater(t, len(s.Calls("getModelById")), len(faults))

		s.Inject("getItemById", faults...)
		require.Equal(t, []string{"a"}, ready(t, c.WaitForItems(t.Context(), "m", []string{"a"})))
		require.Greater(t, len(s.Calls("getItemById")), len(faults))

		// A service that says when is asked then.
		begun := time.Now()
		s.Inject("getModelById", hacarustest.Status(429, http.Header{"Retry-After": {"40"}}, "{}"))
		_, err = c.WaitForModel(t.Context(), "m")
		require.NoError(t, err)
		require.Equal(t, 40*time.Second, time.Since(begun))
	})
}

// What was just created may not be found for a moment.
func TestWaitToleratesNotFoundBriefly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{ModelID: "m"})
		s.Inject("getModelById", hacarustest.Repeat(3, refusal(404))...)
		_, err := c.WaitForModel(t.Context(), "m")
		require.NoError(t, err)

		begun := time.Now()
		_, err = c.WaitForModel(t.Context(), "nobody")
		require.ErrorIs(t, err, hacarus.ErrNotFound)
		require.ErrorContains(t, err, "never seen")
		require.Less(t, time.Since(begun), 16*time.Second)
	})
}

// What cannot pass ends the wait at once.
func TestWaitEndsWithPermanentErrors(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		faults []hacarustest.Fault
		want   error
	}{
		"forbidden":    {[]hacarustest.Fault{refusal(403)}, hacarus.ErrForbidden},
		"unauthorized": {hacarustest.Repeat(2, refusal(401)), hacarus.ErrUnauthorized},
		"bad request":  {[]hacarustest.Fault{refusal(400)}, hacarus.ErrBadRequest},
		"no such call": {[]hacarustest.Fault{refusal(501)}, hacarus.ErrServer},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, c := newService(t)
				s.AddModel(hacarus.Model{ModelID: "m", Status: hacarus.ModelStatusCreating})
				begun := time.Now()
				s.Inject("getModelById", test.faults...)
				_, err := c.WaitForModel(t.Context(), "m")
				require.ErrorIs(t, err, test.want)
				require.Zero(t, time.Since(begun))
			})
		})
	}
}

// What may pass by itself, but does not, ends the wait too. A proxy's page has more
// time, whatever its status: while what is behind it is exchanged.
func TestWaitEndsWithDoubtfulResponses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		response    hacarustest.Fault
		least, most time.Duration
	}{
		"unreadable":           {hacarustest.Status(200, nil, `{"data":{}}`), 4 * time.Second, 10 * time.Second},
		"a web page":           {hacarustest.Status(200, nil, "<html>"), time.Minute, 70 * time.Second},
		"a page of not found":  {hacarustest.Status(404, nil, "<html>"), time.Minute, 70 * time.Second},
		"a page of no methods": {hacarustest.Status(405, nil, "<html>"), time.Minute, 70 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, c := newService(t)
				s.Inject("getModelById", hacarustest.Repeat(1000, test.response)...)
				begun := time.Now()
				_, err := c.WaitForModel(t.Context(), "m")
				require.Error(t, err)
				require.NotErrorIs(t, err, context.DeadlineExceeded)
				require.GreaterOrEqual(t, time.Since(begun), test.least)
				require.Less(t, time.Since(begun), test.most)
			})
		})
	}
}

// The end of the context keeps what was last seen, and what went wrong before.
func TestWaitEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{ModelID: "m", Status: hacarus.ModelStatusCreating})
		s.Inject("getModelById", append([]hacarustest.Fault{{}}, hacarustest.Repeat(1000, refusal(503))...)...)
		cause := errors.New("the shift is over")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, cause)
		defer cancel()
		begun := time.Now()
		_, err := c.WaitForModel(ctx, "m")
		require.Equal(t, time.Minute, time.Since(begun))
		for _, want := range []error{context.DeadlineExceeded, cause, hacarus.ErrServer} {
			require.ErrorIs(t, err, want)
		}
		var waited *hacarus.WaitError
		require.ErrorAs(t, err, &waited)
		require.Equal(t, hacarus.ModelStatusCreating, waited.Model.Status)
		require.ErrorContains(t, err, "model m (creating)")

		ended, cancel := context.WithCancel(t.Context())
		cancel()
		calls := len(s.Calls(""))
		_, err = c.WaitForModel(ended, "m")
		require.ErrorIs(t, err, context.Canceled)
		require.Len(t, s.Calls(""), calls)
	})
}

// ready ranges to the end, without an error, and returns the ids in their order.
func ready(t *testing.T, items func(func(*hacarus.Item, error) bool)) []string {
	t.Helper()
	var ids []string
	for item, err := range items {
		require.NoError(t, err)
		ids = append(ids, item.ItemID)
	}
	return ids
}

// An item that is done need not have been predicted by this model.
func TestWaitForItemsOfThisModel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		by := func(models ...string) (list []hacarus.Assessment) {
			for _, m := range models {
				list = append(list, hacarus.Assessment{ModelID: m, Label: hacarus.LabelNG})
			}
			return list
		}
		s.AddItem(hacarus.Item{ItemID: "done", Status: hacarus.ItemStatusDone})
		s.AddItem(hacarus.Item{ItemID: "other", Assessments: by("m2")})
		s.AddItem(hacarus.Item{ItemID: "mine", Assessments: by("m2", "m1")})
		s.AddItem(hacarus.Item{ItemID: "empty", Status: hacarus.ItemStatusPending, Assessments: []hacarus.Assessment{{ModelID: "m1"}}})
		s.AddItem(hacarus.Item{ItemID: "odd", Assessments: []hacarus.Assessment{{ModelID: "m1", Label: "MAYBE"}}})
		s.AddItem(hacarus.Item{ItemID: "person", UserAssessment: &hacarus.UserAssessment{Label: hacarus.LabelOK}})
		all := []string{"done", "other", "mine", "empty", "odd", "person"}
		for model, want := range map[string][]string{
			"m1":                {"mine", "odd"},
			"m2":                {"mine", "other"},
			hacarus.ActiveModel: {"mine", "odd", "other"},
			"":                  {"mine", "odd", "other"},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			var got, rest []string
			for item, err := range c.WaitForItems(ctx, model, all) {
				if err != nil {
					var waited *hacarus.WaitError
					require.ErrorAs(t, err, &waited)
					require.ErrorIs(t, err, context.DeadlineExceeded)
					rest = append(rest, waited.ItemID)
					continue
				}
				got = append(got, item.ItemID)
			}
			cancel()
			slices.Sort(got)
			require.Equal(t, want, got, model)
			require.Len(t, rest, len(all)-len(want), "one outcome for each")
		}
	})
}

// Each id has one outcome, and one that fails does not stop the others.
func TestWaitForItemsOneOutcomeEach(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t, hacarustest.WithPredictionTime(30*time.Second))
		m := s.AddModel(hacarus.Model{})
		ids := []string{"nobody", "a b/c"}
		for i := range 40 {
			ids = append(ids, s.AddItem(hacarus.Item{ItemID: fmt.Sprint("i", i)}, plates.Picture(i)).ItemID)
		}
		time.AfterFunc(10*time.Second, func() {
			_, err := c.PredictItems(t.Context(), m.ModelID, ids[2:]...)
			assert.NoError(t, err)
		})
		var last hacarus.WaitProgress
		failed, got := map[string]error{}, map[string]int{}
		items := c.WaitForItems(t.Context(), m.ModelID, append(ids, ids...),
			hacarus.WithProgress(func(p hacarus.WaitProgress) { last = p }))
		for item, err := range items {
			var waited *hacarus.WaitError
			if errors.As(err, &waited) {
				failed[waited.ItemID] = err
				continue
			}
			require.NoError(t, err)
			n, err := strconv.Atoi(item.ItemID[1:])
			require.NoError(t, err)
			require.Equal(t, plates.Verdict(n), item.Verdict(m.ModelID))
			got[item.ItemID]++
		}
		require.Len(t, got, 40)
		for id, n := range got {
			require.Equal(t, 1, n, id)
		}
		require.Len(t, failed, 2)
		require.ErrorIs(t, failed["nobody"], hacarus.ErrNotFound)
		require.ErrorIs(t, failed["a b/c"], hacarus.ErrInvalidArgument)
		require.Equal(t, 40, last.Ready)
		require.Equal(t, 42, last.Total)
	})
}

// Questions are asked by a few goroutines at a time, and end with the range.
func TestWaitForItemsIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := newService(t)
		var traffic gauge
		c := s.Client(hacarus.WithHTTPClient(&http.Client{Transport: traffic.around(s.Transport())}))
		s.Inject("getItemById", hacarustest.Repeat(1000, hacarustest.Delay(time.Second))...)
		var ids []string
		for i := range 200 {
			ids = append(ids, s.AddItem(hacarus.Item{ItemID: fmt.Sprint("i", i), Assessments: []hacarus.Assessment{{ModelID: "m", Label: "OK"}}}).ItemID)
		}
		n := 0
		for _, err := range c.WaitForItems(t.Context(), "m", ids) {
			require.NoError(t, err)
			if n++; n == 100 {
				break
			}
		}
		require.Equal(t, int64(8), traffic.most.Load())
		require.Zero(t, traffic.now.Load(), "nothing goes on")
		require.LessOrEqual(t, len(s.Calls("getItemById")), 120)
	})
}

func TestWaitArguments(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		for name, opt := range map[string]hacarus.WaitOption{
			"negative":    hacarus.WithPollInterval(-1, 0),
			"reversed":    hacarus.WithPollInterval(2*time.Second, time.Second),
			"no progress": hacarus.WithProgress(nil),
			"nil":         nil,
		} {
			_, err := c.WaitForModel(t.Context(), "m", opt)
			require.ErrorIs(t, err, hacarus.ErrInvalidArgument, name)
			_, err = c.TrainAndWait(t.Context(), "PM", hacarus.TrainRequest{}, opt)
			require.ErrorIs(t, err, hacarus.ErrInvalidArgument, name)
			for item, err := range c.WaitForItems(t.Context(), "m", []string{"a"}, opt) {
				require.Nil(t, item)
				require.ErrorIs(t, err, hacarus.ErrInvalidArgument, name)
			}
		}
		_, err := c.WaitForModel(t.Context(), "..")
		require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
		require.Empty(t, ready(t, c.WaitForItems(t.Context(), "m", nil)))
		require.Empty(t, s.Calls(""))
	})
}

// The progress of a wait for a model has one, also before it was seen.
func TestWaitProgressHasItsModel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{ModelID: "m"})
		s.Inject("getModelById", hacarustest.Repeat(3, refusal(503))...)
		var seen []hacarus.ModelStatus
		_, err := c.WaitForModel(t.Context(), "m", hacarus.WithProgress(func(p hacarus.WaitProgress) {
			assert.Equal(t, "m", p.Model.ModelID)
			seen = append(seen, p.Model.Status)
		}))
		require.NoError(t, err)
		require.Equal(t, []hacarus.ModelStatus{"", "", "", hacarus.ModelStatusActive}, seen)
	})
}

// A proxy's page is not the service's word, for a while; that the proxy wants
// credentials ends a wait at once.
func TestWaitBehindAProxy(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403, 404, 407} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := newService(t)
			s.AddModel(hacarus.Model{ModelID: "m"})
			s.AddItem(hacarus.Item{ItemID: "a", Assessments: []hacarus.Assessment{{ModelID: "m", Label: hacarus.LabelOK}}})
			begun := time.Now()
			c := proxied(s, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
				if time.Since(begun) < 30*time.Second {
					return page(r, status), nil
				}
				return next.RoundTrip(r)
			})
			_, err := c.WaitForModel(t.Context(), "m")
			if status == http.StatusProxyAuthRequired {
				require.ErrorContains(t, err, "407")
				require.Zero(t, time.Since(begun))
				for _, err := range c.WaitForItems(t.Context(), "m", []string{"a"}) {
					require.ErrorContains(t, err, "407")
				}
				require.Zero(t, time.Since(begun))
				return
			}
			require.NoError(t, err)
			begun = time.Now()
			require.Equal(t, []string{"a"}, ready(t, c.WaitForItems(t.Context(), "m", []string{"a"})))
		})
	}
}

// What panics on a goroutine of a wait does so where it is ranged over.
func TestWaitForItemsPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := newService(t)
		s.AddItem(hacarus.Item{ItemID: "a"})
		c := s.Client(hacarus.WithObserver(func(_ context.Context, a hacarus.Attempt) {
			if a.Operation == "getItemById" {
				panic("mine")
			}
		}))
		require.PanicsWithValue(t, "mine", func() {
			for _, err := range c.WaitForItems(t.Context(), "m", []string{"a"}) {
				t.Error("nothing comes of it", err)
			}
		})
	})
}
