package hacarustest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// Each fault, as a client without retries sees it, and whether the service
// executed what was asked.
func TestFaults(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault    hacarustest.Fault
		kind     error // of the client's error; nil for none in particular
		status   int   // of the client's error; 0 for no answer
		executed bool
	}{
		"status":       {hacarustest.Status(http.StatusConflict, http.Header{"X-Test": {"1"}}, `{"errors":{"title":"x"}}`), nil, 409, false},
		"status after": {hacarustest.Status(http.StatusBadGateway, nil, "").After(), hacarus.ErrServer, 502, true},
		"busy":         {hacarustest.Status(http.StatusTooEarly, nil, "{}"), hacarus.ErrBusy, 425, false},
		"page":         {hacarustest.HTML(http.StatusServiceUnavailable), hacarus.ErrServer, 503, false},
		"early":        {hacarustest.EarlyReply(http.StatusRequestEntityTooLarge), hacarus.ErrTooLarge, 413, false},
		"reset":        {hacarustest.ResetConnection(), syscall.ECONNRESET, 0, true},
		// While it still writes, a client may see a reset as the end of its own connection.
		"reset before":       {hacarustest.ResetConnection().Before(), nil, 0, false},
		"reset in body":      {hacarustest.ResetInBody(1), nil, 0, false},
		"close":              {hacarustest.CloseConnection(), nil, 0, true},
		"close before":       {hacarustest.CloseConnection().Before(), nil, 0, false},
		"garbage":            {hacarustest.Garbage(), nil, 0, true},
		"raw":                {hacarustest.Raw([]byte("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")), nil, 0, true},
		"truncated":          {hacarustest.Truncated(10), hacarus.ErrDecode, 0, true},
		"truncated chunks":   {hacarustest.TruncatedChunks(10), hacarus.ErrDecode, 0, true},
		"page after success": {hacarustest.HTML(http.StatusOK).After(), hacarus.ErrDecode, 0, true},
		"bomb":               {hacarustest.GzipBomb(65 << 20), hacarus.ErrResponseTooLarge, 0, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			s.Inject("train", test.fault)
			c := s.Client(once())
			_, err := c.Train(t.Context(), "PM", hacarus.TrainRequest{})
			require.Error(t, err)
			if test.kind != nil {
				require.ErrorIs(t, err, test.kind)
			}
			var answered *hacarus.BaseError
			if test.status != 0 {
				require.ErrorAs(t, err, &answered)
				require.Equal(t, test.status, answered.StatusCode)
			}
			calls := s.Calls("train")
			require.Len(t, calls, 1)
			require.Equal(t, test.executed, calls[0].Executed)

			_, err = c.Train(t.Context(), "PM", hacarus.TrainRequest{})
			require.NoError(t, err, "one fault, one request")
		})
	}
}

// A fault of one's own may answer itself, change the request or the response, or
// come when all is done.
func TestFunc(t *testing.T) {
	t.Parallel()
	teapot := func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { w.WriteHeader(http.StatusTeapot) }
	tests := map[string]struct {
		fault      hacarustest.Fault
		status     int // of the error
		executions int
	}{
		"answers itself": {hacarustest.Func(teapot), http.StatusTeapot, 0},
		"serves as usual": {hacarustest.Func(func(w http.ResponseWriter, r *http.Request, service http.Handler) {
			service.ServeHTTP(w, r)
		}), 0, 1},
		"serves and answers itself": {hacarustest.Func(func(w http.ResponseWriter, r *http.Request, service http.Handler) {
			service.ServeHTTP(httptest.NewRecorder(), r)
			teapot(w, r, nil)
		}), http.StatusTeapot, 1},
		"serves another request": {hacarustest.Func(func(w http.ResponseWriter, r *http.Request, service http.Handler) {
			r.SetPathValue("algorithm_id", "none")
			service.ServeHTTP(w, r)
		}), http.StatusNotFound, 0},
		"comes after": {hacarustest.Func(teapot).After(), http.StatusTeapot, 1},
		"comes after, and passes on": {hacarustest.Func(func(w http.ResponseWriter, r *http.Request, service http.Handler) {
			service.ServeHTTP(w, r)
		}).After(), 0, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			s.Inject("train", test.fault)
			_, err := s.Client(once()).Train(t.Context(), "PM", hacarus.TrainRequest{})
			var refused *hacarus.BaseError
			if test.status == 0 {
				require.NoError(t, err)
			} else {
				require.ErrorAs(t, err, &refused)
				require.Equal(t, test.status, refused.StatusCode)
			}
			models, err := s.Client().ListModels(t.Context(), nil)
			require.NoError(t, err)
			require.Len(t, models, test.executions)
			require.Equal(t, test.executions, s.Executions("train"))
			require.Len(t, s.Calls("train"), 1)
		})
	}
	require.Panics(t, func() { hacarustest.Func(nil) })
}

// The ledger has the status of a response that never names one.
func TestFuncStatusInLedger(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Inject("getHashId", hacarustest.Func(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = w.Write([]byte(`{"data":{"hash_id":"6dfa37ec"}}`))
	}))
	id, err := s.Client().GetHashID(t.Context())
	require.NoError(t, err)
	require.Equal(t, "6dfa37ec", id)
	require.Equal(t, http.StatusOK, s.Calls("getHashId")[0].StatusCode)
}

func TestRevokedTokenFault(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.Client()
	s.Inject("getHashId", hacarustest.RevokedToken())
	_, err := c.GetHashID(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, s.Executions("login"))
	require.Equal(t, 1, s.Executions("getHashId"))
}

func TestRepeatedFaults(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.Client(hacarus.WithRetry(hacarus.RetryPolicy{MinWait: time.Microsecond, MaxWait: time.Microsecond}))
	s.AddModel(hacarus.Model{ModelID: "m"})
	s.AddItem(hacarus.Item{ItemID: "i"})
	s.Inject("predictItems", hacarustest.Repeat(3, hacarustest.Status(http.StatusTooEarly, nil, "{}"))...)
	_, err := c.PredictItems(t.Context(), "m", "i")
	require.NoError(t, err)
	require.Len(t, s.Calls("predictItems"), 4)
	require.Equal(t, 1, s.Executions("predictItems"))
}

// Stalls and delays take the bubble's time, and no other.
func TestSlowFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault hacarustest.Fault
		err   error
	}{
		"delay":          {hacarustest.Delay(20 * time.Second), nil},
		"stall":          {hacarustest.Stall(), context.DeadlineExceeded},
		"stall before":   {hacarustest.Stall().Before(), context.DeadlineExceeded},
		"stall in body":  {hacarustest.StallInBody(5), context.DeadlineExceeded},
		"delayed status": {hacarustest.Status(http.StatusNotFound, nil, "{}").Delayed(time.Second), hacarus.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := hacarustest.NewServer()
				defer s.Close()
				s.Inject("getHashId", test.fault)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				_, err := s.Client(once()).GetHashID(ctx)
				if test.err == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, test.err)
				}
			})
		})
	}
}

func TestCallbackFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault hacarustest.Fault
		calls int
	}{
		"usual":    {hacarustest.Fault{}, 1},
		"missed":   {hacarustest.MissedCallback(), 0},
		"repeated": {hacarustest.RepeatedCallback(2), 3},
		"late":     {hacarustest.Delay(time.Hour), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var calls atomic.Int32
				line := handlerTransport{http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					assert.Equal(t, "/done", r.URL.Path)
					calls.Add(1)
				})}
				s := hacarustest.NewServer(hacarustest.WithCallbackTransport(line), hacarustest.WithInspector(hacarustest.InspectorFunc(byBrightness)))
				defer s.Close()
				c := s.Client()
				s.AddModel(hacarus.Model{ModelID: "m"})
				s.AddItem(hacarus.Item{ItemID: "i"}, plate(0))
				_, err := c.SetPredictCallback(t.Context(), "m", hacarus.PredictCallback{URL: "http://line/done", Method: "post"})
				require.NoError(t, err)
				s.Inject(hacarustest.Callback, test.fault)
				_, err = c.PredictItems(t.Context(), "m", "i")
				require.NoError(t, err)
				time.Sleep(time.Minute)
				if name == "late" {
					require.Zero(t, calls.Load())
					time.Sleep(time.Hour)
				}
				require.EqualValues(t, test.calls, calls.Load())
			})
		})
	}
}

// handlerTransport serves requests by a handler.
type handlerTransport struct{ http.Handler }

func (h handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}
