package hacarustest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// callbackTimeout bounds one callback, which is tried once.
const callbackTimeout = 10 * time.Second

type callbackBody struct {
	Items []itemView `json:"items"`
}

// callBack tells a user's URL what was predicted, as far as nothing goes wrong.
// A delay counts from when the prediction ended, before anyone could see that.
func (s *Server) callBack(ctx context.Context, to hacarus.PredictCallback, predicted []itemView, finished time.Time) {
	f := s.faults.next(Callback)
	if f.missed || s.clock.sleepUntil(ctx, finished.Add(f.delay)) != nil {
		return
	}
	for range 1 + f.repeats {
		s.sendCallback(ctx, to, predicted)
	}
}

// sendCallback sends one callback. Nobody hears of a failure.
func (s *Server) sendCallback(ctx context.Context, to hacarus.PredictCallback, predicted []itemView) {
	ctx, cancel := context.WithTimeout(ctx, callbackTimeout)
	defer cancel()
	body, err := json.Marshal(callbackBody{predicted})
	if err != nil {
		panic("hacarustest: " + err.Error()) // a value of this package that has no JSON form
	}
	r, err := http.NewRequestWithContext(ctx, strings.ToUpper(to.Method), to.URL, bytes.NewReader(body))
	if err != nil {
		return
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := s.callbacks.Do(r)
	if err != nil {
		return
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20)) // so that the connection is reused
}
