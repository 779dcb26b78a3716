//go:build !windows

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// coarse is a service with a model whose verdicts do not follow from its scores:
// defects have to have some size, too. Home is where the program keeps its notes.
func coarse(t *testing.T) (s *hacarustest.Server, model, set, home string) {
	t.Helper()
	s = hacarustest.NewServer()
	t.Cleanup(s.Close)
	plates := filepath.Join("..", "..", "testdata", "plates")
	train := prepared(t, s, "train", "--algorithm", "PM", "--name", "coarse", "--param", "min_detected_area=3000", filepath.Join(plates, "train"), "-o", "json")
	require.NoError(t, train.Run(), train.stderr.String())
	var trained struct {
		ModelID string `json:"model_id"`
	}
	require.NoError(t, json.Unmarshal(train.stdout.Bytes(), &trained))
	set = t.TempDir()
	for folder, names := range map[string][]string{"good": {"OK-01.jpg", "OK-02.jpg"}, "bad": {"NG-02-scratch.jpg", "NG-03-dent.jpg"}} {
		require.NoError(t, os.Mkdir(filepath.Join(set, folder), 0o700))
		for _, name := range names {
			content, err := os.ReadFile(filepath.Join(plates, "inspect", name))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(set, folder, name), content, 0o600))
		}
	}
	return s, trained.ModelID, set, t.TempDir()
}

// sweeping is the program, ready to sweep that model.
func sweeping(t *testing.T, s *hacarustest.Server, home string, args ...string) *process {
	t.Helper()
	p := prepared(t, s, append([]string{"evaluate"}, args...)...)
	p.Env = append(p.Env, "HOME="+home, "XDG_CONFIG_HOME="+home)
	return p
}

// threshold is the one that the model has now.
func threshold(t *testing.T, s *hacarustest.Server, model string) float64 {
	t.Helper()
	set, err := s.Client().SetPredictParameters(t.Context(), model, hacarus.PredictParameters{MinDetectedArea: new(3000.0)})
	require.NoError(t, err)
	require.NotNil(t, set.Threshold, "nobody has set one")
	return *set.Threshold
}

// trying tells whether this is the value that the model was given last.
func trying(s *hacarustest.Server, value string) bool {
	for _, call := range slices.Backward(s.Calls("setModelPredictParameters")) {
		if call.Executed {
			return bytes.Contains(call.Body, []byte(value))
		}
	}
	return false
}

// tried waits until the model was given a value.
func tried(t *testing.T, s *hacarustest.Server, value string) {
	t.Helper()
	require.Eventually(t, func() bool { return trying(s, value) }, patience, 10*time.Millisecond)
}

// wrongIf has the requests of an operation go wrong while something holds, until it is
// mended.
func wrongIf(s *hacarustest.Server, operation string, holds func() bool, wrong http.HandlerFunc) (mend func()) {
	var mended atomic.Bool
	s.Inject(operation, hacarustest.Repeat(1000, hacarustest.Func(func(w http.ResponseWriter, r *http.Request, service http.Handler) {
		if mended.Load() || !holds() {
			service.ServeHTTP(w, r)
			return
		}
		wrong(w, r)
	}))...)
	return func() { mended.Store(true) }
}

// stuck lets the predictions wait for ever while a value is tried.
func stuck(t *testing.T, s *hacarustest.Server, value string) (mend func()) {
	t.Helper()
	return wrongIf(s, "predictItems", func() bool { return trying(s, value) }, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only after that, the end of the connection ends the context
		<-r.Context().Done()
	})
}

// Signals end a sweep in order, that of a terminal which is closed included: the
// parameter is put back, and the exit code tells that it was interrupted.
func TestSweepInterrupted(t *testing.T) {
	t.Parallel()
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}
	if testkit.Race {
		signals = signals[:1] // what they do is the same
	}
	for _, sent := range signals {
		t.Run(sent.String(), func(t *testing.T) {
			t.Parallel()
			if sent == syscall.SIGHUP && signal.Ignored(sent) {
				t.Skip("whoever has started the tests ignores it, and so does the program then")
			}
			s, model, set, home := coarse(t)
			stuck(t, s, "0.7")
			p := sweeping(t, s, home, "--model", model, "--set", set, "--sweep", "0.7", "--was", "default", "--yes", "-o", "json")
			require.NoError(t, p.Start())
			tried(t, s, "0.7")
			code, took := p.end(t, sent)
			require.Equal(t, 130, code, p.stderr.String())
			require.Less(t, took, 10*time.Second)
			require.InDelta(t, 0.1, threshold(t, s, model), 0)
			require.Contains(t, p.stdout.String(), `"put_back": true`)
			require.Contains(t, p.stdout.String(), `"n_bad": 2`, "what was found before is told")
		})
	}
}

// A sweep of which nobody reads what it says puts the parameter back like others.
func TestSweepUnread(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "images are compared for long, and TestSweepInterrupted does the same")
	s, model, set, home := coarse(t)
	p := sweeping(t, s, home, "--model", model, "--set", set, "--sweep", "0.7", "--was", "default", "--yes")
	r, w, err := os.Pipe()
	require.NoError(t, err)
	p.Stdout, p.Stderr = w, w
	require.NoError(t, errors.Join(p.Start(), w.Close(), r.Close())) // as of a "2>&1 | head -0"
	code, _ := p.end(t)
	require.InDelta(t, 0.1, threshold(t, s, model), 0)
	require.Equal(t, 141, code)
	require.Contains(t, string(s.Calls("setModelPredictParameters")[1].Body), "0.7", "it was tried")
}

// After kill -9 the model keeps what was tried, until the next evaluation of the
// model, with or without a sweep, puts it back before it looks at anything.
func TestSweepKilled(t *testing.T) {
	t.Parallel()
	s, model, set, home := coarse(t)
	mend := stuck(t, s, "0.7")
	p := sweeping(t, s, home, "--model", model, "--set", set, "--sweep", "0.7", "--was", "default", "--yes")
	require.NoError(t, p.Start())
	tried(t, s, "0.7")

	second := sweeping(t, s, home, "--model", model, "--set", set)
	code, _ := started(t, second).end(t)
	require.Equal(t, 2, code, "while the sweep lasts, verdicts are not the model's")
	require.Contains(t, second.stderr.String(), "another program is trying parameters")

	_, _ = p.end(t, os.Kill)
	require.InDelta(t, 0.7, threshold(t, s, model), 0)
	mend()
	next := sweeping(t, s, home, "--model", "active", "--set", set, "-o", "json")
	code, _ = started(t, next).end(t)
	require.Equal(t, 0, code, next.stderr.String())
	require.Contains(t, next.stderr.String(), "put back to 0.1")
	require.InDelta(t, 0.1, threshold(t, s, model), 0)
	require.Contains(t, next.stdout.String(), `"escapes": 1`, "as the model judges")

	before := s.Executions("setModelPredictParameters")
	again := sweeping(t, s, home, "--model", model, "--set", set)
	code, _ = started(t, again).end(t)
	require.Equal(t, 0, code, again.stderr.String())
	require.NotContains(t, again.stderr.String(), "put back")
	require.Equal(t, before, s.Executions("setModelPredictParameters"))
}

func started(t *testing.T, p *process) *process {
	t.Helper()
	require.NoError(t, p.Start())
	return p
}

// A parameter that may not have been put back is told loudly, with the command that
// does it; the next evaluation does it as well, unless the command was run.
func TestSweepNotPutBack(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "images are compared for long, and TestSweepInterrupted does the same")
	for _, mended := range []bool{true, false} {
		t.Run(strconv.FormatBool(mended), func(t *testing.T) {
			t.Parallel()
			s, model, set, home := coarse(t)
			over := wrongIf(s, "setModelPredictParameters", func() bool { return trying(s, "0.7") }, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
			p := sweeping(t, s, home, "--model", model, "--set", set, "--sweep", "0.7", "--was", "0.1", "--yes", "-o", "json")
			code, _ := started(t, p).end(t)
			require.Equal(t, 3, code, p.stderr.String())
			require.Contains(t, p.stdout.String(), `"put_back": false`)
			require.Contains(t, p.stderr.String(), "MAY STILL HAVE ANOTHER threshold")
			_, command, found := strings.Cut(p.stderr.String(), "\nPut it back: hacarus ")
			require.True(t, found, p.stderr.String())
			over()
			if mended {
				mend := prepared(t, s, strings.Fields(command)...)
				mend.Env = append(mend.Env, "HOME="+home, "XDG_CONFIG_HOME="+home)
				require.NoError(t, mend.Run(), mend.stderr.String())
				require.InDelta(t, 0.1, threshold(t, s, model), 0)
			}
			next := sweeping(t, s, home, "--model", model, "--set", set)
			code, _ = started(t, next).end(t)
			require.Equal(t, 0, code, next.stderr.String())
			require.Equal(t, !mended, strings.Contains(next.stderr.String(), "put back to 0.1"), next.stderr.String())
			require.InDelta(t, 0.1, threshold(t, s, model), 0)
		})
	}
}

// An error while a value is tried puts back what was, and tells what was found.
func TestSweepFails(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "images are compared for long, and TestSweepInterrupted does the same")
	s, model, set, home := coarse(t)
	pass := hacarustest.Func(func(w http.ResponseWriter, r *http.Request, service http.Handler) { service.ServeHTTP(w, r) })
	s.Inject("setModelPredictParameters", append(hacarustest.Repeat(2, pass), hacarustest.Status(http.StatusBadRequest, nil, "{}"))...)
	p := sweeping(t, s, home, "--model", model, "--set", set, "--sweep", "0.05,0.7", "--was", "0.1", "--yes", "-o", "json")
	code, _ := started(t, p).end(t)
	require.Equal(t, 2, code, p.stderr.String())
	require.InDelta(t, 0.1, threshold(t, s, model), 0)
	var o struct {
		Sweep struct {
			PutBack bool              `json:"put_back"`
			Points  []json.RawMessage `json:"points"`
			Error   string            `json:"error"`
		} `json:"sweep"`
	}
	require.NoError(t, json.Unmarshal(p.stdout.Bytes(), &o))
	require.True(t, o.Sweep.PutBack)
	require.Len(t, o.Sweep.Points, 2)
	require.NotEmpty(t, o.Sweep.Error)
}

// An image that gets no verdict with a value counts as a mistake there, never as good.
func TestSweepWithoutVerdicts(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "images are compared for long, and TestSweepInterrupted does the same")
	s, model, set, home := coarse(t)
	wrongIf(s, "predictItems", func() bool { return trying(s, "0.001") }, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "{}", http.StatusUnprocessableEntity) })
	p := sweeping(t, s, home, "--model", model, "--set", set, "--sweep", "0.001", "--was", "0.1", "--yes", "-o", "json")
	code, _ := started(t, p).end(t)
	require.Equal(t, 0, code, p.stderr.String())
	var o struct {
		Sweep struct {
			Points []struct {
				Value     float64
				Undecided int
				Escape    struct{ Count, N int }
				Overkill  struct{ Count, N int }
			} `json:"points"`
		} `json:"sweep"`
	}
	require.NoError(t, json.Unmarshal(p.stdout.Bytes(), &o), p.stdout.String())
	require.Len(t, o.Sweep.Points, 2)
	failed := o.Sweep.Points[0]
	require.InDelta(t, 0.001, failed.Value, 0)
	require.Equal(t, []int{4, 2, 2, 2, 2}, []int{failed.Undecided, failed.Escape.Count, failed.Escape.N, failed.Overkill.Count, failed.Overkill.N})
	require.Zero(t, o.Sweep.Points[1].Undecided)
	require.InDelta(t, 0.1, threshold(t, s, model), 0)
}

// A model that is not in use needs no --yes.
func TestSweepNotInUse(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "images are compared for long, and TestSweepInterrupted does the same")
	s, model, set, home := coarse(t)
	idle := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		response := httptest.NewRecorder()
		s.Handler().ServeHTTP(response, r)
		for name, values := range response.Header() {
			w.Header()[name] = values
		}
		w.Header().Del("Content-Length")
		w.WriteHeader(response.Code)
		_, _ = io.WriteString(w, strings.ReplaceAll(response.Body.String(), `"active":true`, `"active":false`))
	}))
	t.Cleanup(idle.Close)
	p := sweeping(t, s, home, "--model", model, "--set", set, "--sweep", "0.7", "--was", "0.1", "--base-url", idle.URL)
	code, _ := started(t, p).end(t)
	require.Equal(t, 0, code, p.stderr.String())
	require.Contains(t, p.stdout.String(), "The model has threshold 0.1 again.")
	require.InDelta(t, 0.1, threshold(t, s, model), 0)
}
