//go:build !windows

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// patience is how long a test waits for what must come: it ends only what hangs,
// whatever else the machine has to do.
const patience = 5 * time.Minute

// process is the program while it runs.
type process struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
}

// start starts the program with a service in its environment.
func start(t *testing.T, s *hacarustest.Server, args ...string) *process {
	t.Helper()
	p := prepared(t, s, args...)
	require.NoError(t, p.Start())
	return p
}

func prepared(t *testing.T, s *hacarustest.Server, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // for one that does not end
	t.Cleanup(cancel)
	p := &process{Cmd: exec.CommandContext(ctx, "hacarus", args...)}
	p.Env = append(os.Environ(), "LANG=C", "HACARUS_BASE_URL="+s.URL, "HACARUS_CLIENT_ID="+s.ClientID, "HACARUS_CLIENT_SECRET="+s.ClientSecret)
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	return p
}

// end signals the program, and returns its exit code and how long it took to end.
func (p *process) end(t *testing.T, signals ...os.Signal) (code int, took time.Duration) {
	t.Helper()
	begun := time.Now()
	for _, signal := range signals {
		require.NoError(t, p.Process.Signal(signal))
	}
	_ = p.Wait() // ProcessState tells
	return p.ProcessState.ExitCode(), time.Since(begun)
}

// slowService never gives a verdict.
func slowService(t *testing.T) (s *hacarustest.Server, plates string) {
	t.Helper()
	s = hacarustest.NewServer(hacarustest.WithPredictionTime(time.Hour))
	t.Cleanup(s.Close)
	s.AddModel(hacarus.Model{ModelID: "slow"})
	return s, filepath.Join("..", "..", "testdata", "plates", "inspect")
}

func asked(s *hacarustest.Server) func() bool {
	return func() bool { return len(s.Calls("getItemById")) > 11 }
}

// Ctrl-C ends an inspection in order, and each image still has its line, and its row.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	s, plates := slowService(t)
	out := t.TempDir()
	p := start(t, s, "inspect", "--model", "slow", "--out", out, "-o", "jsonl", plates)
	require.Eventually(t, asked(s), patience, 10*time.Millisecond)
	code, took := p.end(t, os.Interrupt)
	require.Equal(t, 130, code, p.stderr.String())
	require.Less(t, took, 5*time.Second) // one, on a machine that has nothing else to do
	require.Equal(t, 11, strings.Count(p.stdout.String(), "\n"), p.stdout.String())
	require.Contains(t, p.stderr.String(), "without a verdict: 11")
	rows, err := os.ReadFile(filepath.Join(out, "results.csv"))
	require.NoError(t, err)
	require.Equal(t, 11, strings.Count(string(rows), ",unknown,"))
}

// The second Ctrl-C ends it at once.
func TestInterruptTwice(t *testing.T) {
	t.Parallel()
	s, plates := slowService(t)
	p := start(t, s, "inspect", "--model", "slow", plates)
	require.Eventually(t, asked(s), patience, 10*time.Millisecond)
	require.NoError(t, p.Process.Signal(os.Interrupt))
	code, _ := p.end(t, os.Interrupt)
	require.Equal(t, 130, code, p.stderr.String())
}

// A service manager that ends the stand-in sees that it ended as it should.
func TestTerminate(t *testing.T) {
	t.Parallel()
	s, _ := slowService(t)
	for signal, want := range map[os.Signal]int{syscall.SIGTERM: 0, os.Interrupt: 130} {
		p := prepared(t, s, "serve", "--addr", "127.0.0.1:0")
		r, w, err := os.Pipe()
		require.NoError(t, err)
		p.Stdout = w
		require.NoError(t, p.Start())
		url, err := bufio.NewReader(r).ReadString('\n')
		require.NoError(t, err)
		require.Contains(t, url, "http://127.0.0.1:")
		code, _ := p.end(t, signal)
		require.Equal(t, want, code, p.stderr.String())
		require.Equal(t, signal == os.Interrupt, strings.Contains(p.stderr.String(), "Ctrl-C"), p.stderr.String())
		require.NoError(t, errors.Join(r.Close(), w.Close()))
	}
}

// A response that was lost is an outcome that nobody knows.
func TestOutcomeUnknown(t *testing.T) {
	t.Parallel()
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	s.Inject("train", hacarustest.CloseConnection())
	p := start(t, s, "train", "--algorithm", "PM", "-o", "json", filepath.Join("..", "..", "testdata", "plates", "train"))
	code, _ := p.end(t)
	require.Equal(t, 3, code, p.stderr.String())
	require.Contains(t, p.stdout.String(), `"exit_code": 3`)
	require.Contains(t, p.stderr.String(), "look before you do it again")
	require.Contains(t, p.stderr.String(), "the connection was closed before the response to train came")
	require.NotContains(t, p.stderr.String(), "EOF")
}
