// Package program runs the examples in their tests, each as a process of its own. The
// binary of a test is the example too: so it is built once, and is tested as it is now.
package program

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/hacarustest"
)

const isProgram = "EXAMPLE_IS_PROGRAM"

// Main is the TestMain of an example, whose main it is given.
func Main(m *testing.M, main func()) {
	if os.Getenv(isProgram) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Program is an example that runs, from the root of the repository.
type Program struct {
	*exec.Cmd
	Temp           string // the folder of its temporary files
	stdout, stderr buffer
}

// Start starts the example. The environment names the service, or none if it is nil.
func Start(t *testing.T, service *hacarustest.Server, stdin string, args ...string) *Program {
	t.Helper()
	executable, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // for one that does not end
	t.Cleanup(cancel)
	p := &Program{Cmd: exec.CommandContext(ctx, executable, args...), Temp: t.TempDir()} //nolint:gosec // this very binary
	p.Dir = filepath.Join("..", "..")
	p.Stdin, p.Stdout, p.Stderr = strings.NewReader(stdin), &p.stdout, &p.stderr
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "HACARUS_") {
			p.Env = append(p.Env, variable)
		}
	}
	p.Env = append(p.Env, isProgram+"=1", "TMPDIR="+p.Temp, "TMP="+p.Temp, "TEMP="+p.Temp)
	if service != nil {
		p.Env = append(p.Env, "HACARUS_BASE_URL="+service.URL, "HACARUS_CLIENT_ID="+service.ClientID, "HACARUS_CLIENT_SECRET="+service.ClientSecret)
	}
	require.NoError(t, p.Start())
	t.Cleanup(func() { p.Kill(t) })
	return p
}

// Run runs the example until it ends.
func Run(t *testing.T, service *hacarustest.Server, stdin string, args ...string) *Program {
	t.Helper()
	p := Start(t, service, stdin, args...)
	p.End()
	return p
}

// End waits until the example has ended, and returns its exit code.
func (p *Program) End() int {
	_ = p.Wait() // ProcessState tells
	return p.ProcessState.ExitCode()
}

// Kill ends the example as a power failure does.
func (p *Program) Kill(t *testing.T) {
	t.Helper()
	if p.ProcessState == nil {
		require.NoError(t, p.Process.Kill())
		p.End()
	}
}

// Code is the exit code of an example that has ended.
func (p *Program) Code() int { return p.ProcessState.ExitCode() }

// Printed is what the example has written to stdout.
func (p *Program) Printed() string { return p.stdout.String() }

// Complaints are what the example has written to stderr.
func (p *Program) Complaints() string { return p.stderr.String() }

// buffer is one that can be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
