package hacarus_test

// Tests of callback_waits.go against the service in process, beside the polls of waits.

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
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

// The receiver that feeds a hub has its own URL.
const (
	hubToken = "tok-7Yq2mZb9RkVw4sXc"
	hubPath  = "/hacarus/" + hubToken
)

// A wait with callbacks has every verdict when it is there, and a callback that
// is missed, late, repeated or forged changes no verdict: it costs time at most.
func TestWaitWithCallbacks(t *testing.T) {
	t.Parallel()
	const poll = time.Hour
	for name, c := range map[string]struct {
		faults []hacarustest.Fault
		least  time.Duration // of the wait
		most   time.Duration
	}{
		"as usual": {nil, time.Minute, time.Minute},
		"repeated": {hacarustest.Repeat(2, hacarustest.RepeatedCallback(20)), time.Minute, time.Minute},
		"late":     {hacarustest.Repeat(2, hacarustest.Delay(time.Second)), 61 * time.Second, 61 * time.Second},
		"missed":   {hacarustest.Repeat(2, hacarustest.MissedCallback()), poll * 2 / 3, poll},
		"one lost": {[]hacarustest.Fault{hacarustest.MissedCallback()}, poll * 2 / 3, poll},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hub := hacarus.NewCallbacks()
				handler, err := hacarus.NewCallbackReceiver(hub.Received, hacarus.WithCallbackToken(hubToken))
				require.NoError(t, err)
				s := hacarustest.NewServer(hacarustest.WithInspector(plates.FirstPixel),
					hacarustest.WithPredictionTime(time.Minute), hacarustest.WithCallbackTransport(testkit.InMemory(handler)))
				defer s.Close()
				s.Inject(hacarustest.Callback, c.faults...)
				s.AddModel(hacarus.Model{ModelID: "m1"})
				client := s.Client()
				_, err = client.SetPredictCallback(t.Context(), "m1", hacarus.PredictCallback{URL: "http://line7" + hubPath, Method: hacarus.CallbackPost})
				require.NoError(t, err)
				var ids []string
				for n := range 10 {
					id := fmt.Sprint("plate-", n)
					ids = append(ids, id)
					s.AddItem(hacarus.Item{ItemID: id}, plates.Picture(n))
				}
				for _, half := range [][]string{ids[:5], ids[5:]} {
					_, err := client.PredictItems(t.Context(), "m1", half...)
					require.NoError(t, err)
				}
				time.AfterFunc(time.Second, func() { forge(t.Context(), handler, ids) })

				begun := time.Now()
				verdicts := map[string]hacarus.Verdict{}
				for item, err := range client.WaitForItems(t.Context(), "m1", ids, hacarus.WithCallbacks(hub), hacarus.WithPollInterval(poll, poll)) {
					require.NoError(t, err)
					verdicts[item.ItemID] = item.Verdict("m1")
				}
				took := time.Since(begun)
				require.GreaterOrEqual(t, took, c.least)
				require.LessOrEqual(t, took, c.most)
				for n, id := range ids {
					require.Equal(t, plates.Verdict(n), verdicts[id], id)
				}
				require.NoError(t, handler.Close())
			})
		})
	}
}

// forge sends callbacks with the opposite of every truth, and for what nobody has.
func forge(ctx context.Context, h http.Handler, ids []string) {
	for n, id := range append(ids, "nobody") {
		label := map[hacarus.Verdict]string{hacarus.VerdictOK: "NG", hacarus.VerdictNG: "OK"}[plates.Verdict(n)]
		body := fmt.Sprintf(`{"items":[{"item_id":%q,"status":"done","assessments":[{"model_id":"m1","label":%q}]}]}`, id, label)
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, hubPath, strings.NewReader(body)))
	}
}

// An inspection waits with callbacks, too.
func TestInspectWithCallbacks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := hacarus.NewCallbacks()
		handler, err := hacarus.NewCallbackReceiver(hub.Received, hacarus.WithCallbackToken(hubToken))
		require.NoError(t, err)
		s := hacarustest.NewServer(hacarustest.WithInspector(plates.FirstPixel),
			hacarustest.WithPredictionTime(time.Minute), hacarustest.WithCallbackTransport(testkit.InMemory(handler)))
		defer s.Close()
		s.AddModel(hacarus.Model{ModelID: "m1"})
		client := s.Client()
		_, err = client.SetPredictCallback(t.Context(), "m1", hacarus.PredictCallback{URL: "http://line7" + hubPath, Method: hacarus.CallbackGet})
		require.NoError(t, err)
		req := hacarus.InspectRequest{
			ModelID: "m1", BatchSize: 5,
			Wait: []hacarus.WaitOption{hacarus.WithCallbacks(hub), hacarus.WithPollInterval(time.Hour, time.Hour)},
		}
		verdicts := map[string]hacarus.Verdict{}
		for n := range 20 {
			req.Files = append(req.Files, hacarus.FileFromBytes(fmt.Sprintf("plate-%d.png", n), plates.Picture(n)))
			verdicts[req.Files[n].Name] = plates.Verdict(n)
		}
		begun := time.Now()
		for inspected, err := range client.Inspect(t.Context(), req) {
			require.NoError(t, err)
			require.NoError(t, inspected.Err)
			require.Equal(t, verdicts[inspected.File], inspected.Verdict)
			delete(verdicts, inspected.File)
		}
		require.Empty(t, verdicts)
		require.Less(t, time.Since(begun), 3*time.Minute)
		require.NoError(t, handler.Close())
	})
}

func TestWithCallbacksRefusesNil(t *testing.T) {
	t.Parallel()
	s := hacarustest.NewServer()
	defer s.Close()
	_, err := s.Client().WaitForModel(t.Context(), "m1", hacarus.WithCallbacks(nil))
	require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
}
