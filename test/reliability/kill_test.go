//go:build unix

package reliability

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit/plates"
)

const (
	killedFiles = 500
	kills       = 50
	// bytesBetweenKills bounds what a process may send before it is killed.
	// All of the job takes about half a megabyte.
	bytesBetweenKills = 20 << 10
)

// A process that inspects files over a bad network to a bad service is killed
// again and again, in the middle of whatever it is doing. In the end each file
// was uploaded once and predicted once, and has its verdict.
func TestKilledInspection(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 2026))
	s := hacarustest.NewServer(hacarustest.WithInspector(plates.FirstPixel))
	t.Cleanup(s.Close)
	m := s.AddModel(hacarus.Model{})
	for operation, n := range map[string]int{"addItem": 40, "predictItems": 20, "getItemById": 200, "login": 10} {
		for range n {
			s.Inject(operation, badDay(random))
		}
	}
	folder := t.TempDir()
	for n := range killedFiles {
		require.NoError(t, os.WriteFile(filepath.Join(folder, fmt.Sprintf("plate-%05d.png", n)), plates.Picture(n), 0o644))
	}
	r := newRelay(t, strings.TrimPrefix(s.URL, "http://"))
	job := killedJob{
		URL: "http://" + r.address(), ClientID: s.ClientID, ClientSecret: s.ClientSecret, ModelID: m.ModelID,
		Folder: folder, Journal: filepath.Join(t.TempDir(), "journal"), Output: filepath.Join(t.TempDir(), "verdicts"),
	}
	killed := 0
	for killed < kills {
		child := job.command(t)
		var output bytes.Buffer
		child.Stdout, child.Stderr = &output, &output
		require.NoError(t, child.Start())
		r.killAfter(random.IntN(bytesBetweenKills), child.Process, s.RevokeTokens)
		err := child.Wait()
		if status, ok := child.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			killed++
		} else {
			require.NoError(t, err, output.String())
		}
		r.settle(t)
	}
	child := job.command(t)
	output, err := child.CombinedOutput()
	require.NoError(t, err, string(output))

	plates.RequireOnce(t, killedFiles, plates.Uploads(s))
	plates.RequireOnce(t, killedFiles, plates.Predictions(t, s))
	verdicts := job.verdicts(t)
	requireCount(t, killedFiles, len(verdicts))
	for n := range killedFiles {
		require.Equal(t, string(plates.Verdict(n)), verdicts[filepath.Join(folder, fmt.Sprintf("plate-%05d.png", n))])
	}
}

// badDay is something that goes wrong, or nothing.
func badDay(random *rand.Rand) hacarustest.Fault {
	faults := []hacarustest.Fault{
		{}, {}, {},
		hacarustest.ResetConnection(), hacarustest.ResetConnection().Before(), hacarustest.ResetInBody(random.Int64N(2000)),
		hacarustest.CloseConnection(), hacarustest.Truncated(random.IntN(20)), hacarustest.TruncatedChunks(random.IntN(20)),
		hacarustest.HTML(502), hacarustest.HTML(502).After(), hacarustest.Garbage(),
		hacarustest.Status(425, nil, "{}"), hacarustest.Status(429, nil, "{}"), hacarustest.Status(500, nil, "{}"), hacarustest.Status(503, nil, "{}").After(),
		hacarustest.Delay(time.Duration(random.IntN(10)) * time.Millisecond),
	}
	return faults[random.IntN(len(faults))]
}

// killedJob is what the process to be killed is told.
type killedJob struct {
	URL, ClientID, ClientSecret, ModelID string
	Folder, Journal, Output              string
}

const killedJobVariable = "HACARUS_TEST_KILLED_JOB"

// command runs the job in a process of its own, which is this test binary.
func (j killedJob) command(t *testing.T) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(j)
	require.NoError(t, err)
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledInspectionChild$")
	child.Env = append(os.Environ(), killedJobVariable+"="+string(text))
	return child
}

// verdicts are those that the process has written.
func (j killedJob) verdicts(t *testing.T) (verdicts map[string]string) {
	t.Helper()
	text, err := os.ReadFile(j.Output)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &verdicts))
	return verdicts
}

// TestKilledInspectionChild is the process that is killed. It fails if a file has no verdict.
func TestKilledInspectionChild(t *testing.T) {
	t.Parallel()
	text := os.Getenv(killedJobVariable)
	if text == "" {
		t.Skip("runs in a process of TestKilledInspection")
	}
	var j killedJob
	require.NoError(t, json.Unmarshal([]byte(text), &j))
	c, err := hacarus.New(j.URL, hacarus.WithCredentials(j.ClientID, j.ClientSecret),
		hacarus.WithRetry(hacarus.RetryPolicy{MinWait: time.Millisecond, MaxWait: 10 * time.Millisecond}))
	require.NoError(t, err)
	defer c.Close()
	paths, err := filepath.Glob(filepath.Join(j.Folder, "*.png"))
	require.NoError(t, err)
	files := make([]hacarus.File, len(paths))
	for n, path := range paths {
		files[n] = hacarus.FileFromPath(path)
	}
	verdicts := map[string]string{}
	for result, err := range c.Inspect(t.Context(), hacarus.InspectRequest{
		ModelID: j.ModelID, Files: files, Journal: j.Journal, BatchSize: 10, Grace: 2 * time.Second,
		Wait: []hacarus.WaitOption{hacarus.WithPollInterval(2*time.Millisecond, 100*time.Millisecond)},
	}) {
		require.NoError(t, err)
		require.NoError(t, result.Err, result.File)
		verdicts[result.File] = string(result.Verdict)
	}
	written, err := json.Marshal(verdicts)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(j.Output, written, 0o644))
}

// relay forwards connections to a service, and kills who sent too much.
type relay struct {
	listener net.Listener
	target   string
	work     sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond // a connection has ended
	conns   int
	latest  string // the address that the last connection came from
	left    int
	midway  int
	meddle  func()
	victim  *os.Process
}

func newRelay(t *testing.T, target string) *relay {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{listener: l, target: target}
	r.changed = sync.NewCond(&r.mu)
	r.work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.begin(conn)
			r.work.Go(func() { defer r.end(); r.forward(conn.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() { assert.NoError(t, l.Close()); r.work.Wait() })
	return r
}

func (r *relay) address() string { return r.listener.Addr().String() }

// killAfter kills a process when some bytes were forwarded for it, and meddles
// when half of them were.
func (r *relay) killAfter(bytes int, victim *os.Process, meddle func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left, r.midway, r.victim, r.meddle = bytes, bytes/2, victim, meddle
}

// settle waits until the service has ended what it was asked for, and lets the next
// process live. Connections come in their order: when one of settle's own has
// come, all of the dead process's have.
func (r *relay) settle(t *testing.T) {
	t.Helper()
	own, err := new(net.Dialer).DialContext(t.Context(), "tcp", r.address())
	require.NoError(t, err)
	require.NoError(t, own.Close())
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.latest != own.LocalAddr().String() || r.conns > 0 {
		r.changed.Wait()
	}
	r.victim = nil
}

func (r *relay) begin(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns, r.latest = r.conns+1, conn.RemoteAddr().String()
}

func (r *relay) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns--
	r.changed.Broadcast()
}

// spend is how many of the bytes are forwarded. The process is killed when those are not all.
func (r *relay) spend(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.victim == nil {
		return n
	}
	r.left -= n
	if r.left < r.midway && r.meddle != nil {
		r.meddle()
		r.meddle = nil
	}
	if r.left >= 0 {
		return n
	}
	_ = r.victim.Kill() // it may have ended
	return max(0, n+r.left)
}

// forward copies both ways until the service has no more to say.
func (r *relay) forward(conn *net.TCPConn) {
	defer func() { _ = conn.Close() }()
	onward, err := new(net.Dialer).DialContext(context.Background(), "tcp", r.target)
	if err != nil {
		return
	}
	service := onward.(*net.TCPConn)
	defer func() { _ = service.Close() }()
	r.work.Go(func() {
		buffer := make([]byte, 512)
		for {
			n, err := conn.Read(buffer)
			_, broken := service.Write(buffer[:r.spend(n)])
			if err != nil || broken != nil {
				_ = service.CloseWrite()
				return
			}
		}
	})
	if _, err := conn.ReadFrom(service); err != nil { // a reset is passed on
		_ = conn.SetLinger(0)
	}
}
