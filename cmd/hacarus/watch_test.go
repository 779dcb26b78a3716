//go:build !windows

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

var kills = flag.Int("kills", 15, "how often the watch is killed")

// deliver puts an image into a folder as a camera does: whole.
func deliver(t *testing.T, dir, name string, shade byte) {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 8, 8))
	for i := range img.Pix {
		img.Pix[i] = byte(rand.IntN(128))
	}
	img.SetGray(0, 0, color.Gray{Y: shade})
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	part := filepath.Join(dir, "."+name)
	require.NoError(t, os.WriteFile(part, b.Bytes(), 0o600))
	require.NoError(t, os.Rename(part, filepath.Join(dir, name)))
}

// Killed at any point, it inspects each image once, writes one line for it, and puts
// it where it belongs, with its sidecar, on the same disk and on another one.
func TestWatchKilled(t *testing.T) {
	t.Parallel()
	if testkit.Race {
		*kills = min(*kills, 5)
	}
	t.Run("one disk", func(t *testing.T) {
		t.Parallel()
		testKilled(t, t.TempDir())
	})
	t.Run("two disks", func(t *testing.T) {
		t.Parallel()
		elsewhere, err := os.MkdirTemp("/dev/shm", "hacarus-test-") //nolint:usetesting // another disk than that of t.TempDir
		if err != nil {
			t.Skip("there is no second disk")
		}
		t.Cleanup(func() { _ = os.RemoveAll(elsewhere) })
		testKilled(t, elsewhere)
	})
}

// testKilled has images put into folders on a disk.
func testKilled(t *testing.T, elsewhere string) {
	t.Helper()
	bright := func(_ context.Context, img image.Image, _ hacarustest.Parameters) (hacarustest.Finding, error) {
		r, _, _, _ := img.At(0, 0).RGBA()
		return hacarustest.Finding{NG: r > 0x8000}, nil
	}
	s := hacarustest.NewServer(hacarustest.WithInspector(hacarustest.InspectorFunc(bright)))
	t.Cleanup(s.Close)
	s.AddModel(hacarus.Model{ModelID: "m"})
	dir := t.TempDir()
	in, ng, failed, done := filepath.Join(dir, "in"), filepath.Join(elsewhere, "ng"), filepath.Join(elsewhere, "failed"), filepath.Join(elsewhere, "done")
	require.NoError(t, os.Mkdir(in, 0o700))
	args := []string{
		"watch", in, "--model", "m", "--ng", ng, "--failed", failed, "--done", done, "--move", "--sidecar", "json",
		"--journal", filepath.Join(dir, "journal"), "--record", filepath.Join(dir, "record"), "--every", "20ms", "--settle", "1ms", "--grace", "10s",
	}
	total := 0
	next := func(name string) {
		deliver(t, in, name, byte(255*(total%2)))
		require.NoError(t, os.WriteFile(filepath.Join(in, name+".json"), fmt.Appendf(nil, `{"serial": %d}`, total), 0o600))
		total++
	}
	for range *kills {
		for range 4 {
			next(fmt.Sprintf("%04d.png", total))
		}
		p := start(t, s, args...)
		time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond) // any point will do
		require.NoError(t, p.Process.Kill())
		_ = p.Wait()
	}
	p := start(t, s, append(args, "-o", "json")...)
	next("last.png") // for which it has to run
	settled := func() bool {
		return count(in)+count(failed) == 0 && count(ng)+count(done) == 2*total
	}
	require.Eventually(t, settled, patience, 10*time.Millisecond)
	code, _ := p.end(t, syscall.SIGTERM)
	require.Equal(t, 0, code, p.stderr.String())
	require.True(t, json.Valid(p.stdout.Bytes()), p.stdout.String())

	raw, err := os.ReadFile(filepath.Join(dir, "record"))
	require.NoError(t, err)
	verdicts, serials := map[string]string{}, map[string]bool{}
	for line := range strings.Lines(string(raw)) {
		var e struct{ File, Verdict, To, Serial string }
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		require.Empty(t, verdicts[e.File], "a second line for %s", e.File)
		verdicts[e.File], serials[e.Serial] = e.Verdict, true
		require.FileExists(t, e.To)
		require.FileExists(t, e.To+".json")
	}
	require.Len(t, verdicts, total)
	require.Len(t, serials, total)
	require.Equal(t, 2*(total/2), count(ng))
	uploaded := map[string]int{}
	for _, call := range s.Calls("addItem") {
		if call.Executed {
			for _, name := range call.Files {
				uploaded[name]++
			}
		}
	}
	require.Len(t, uploaded, total)
	for name, times := range uploaded {
		require.Equal(t, 1, times, name)
	}
}

func count(dir string) int {
	entries, _ := os.ReadDir(dir) // none where there is no folder yet
	return len(entries)
}

// Across disks, nothing is removed before its copy is on the disk, name and all.
func TestMovesAreDurable(t *testing.T) {
	t.Parallel()
	elsewhere, err := os.MkdirTemp("/dev/shm", "hacarus-test-") //nolint:usetesting // another disk than that of t.TempDir
	if err != nil {
		t.Skip("there is no second disk")
	}
	t.Cleanup(func() { _ = os.RemoveAll(elsewhere) })
	trace := filepath.Join(t.TempDir(), "trace")
	if err := exec.CommandContext(t.Context(), "strace", "-f", "-o", trace, "true").Run(); err != nil {
		t.Skip("system calls cannot be seen")
	}
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	s.AddModel(hacarus.Model{ModelID: "m"})
	dir := t.TempDir()
	in, done := filepath.Join(dir, "in"), filepath.Join(elsewhere, "done")
	require.NoError(t, os.Mkdir(in, 0o700))
	deliver(t, in, "a.png", 0)
	p := prepared(t, s, "watch", in, "--model", "m", "--ng", filepath.Join(elsewhere, "ng"), "--failed", filepath.Join(elsewhere, "failed"), "--done", done, "--move",
		"--journal", filepath.Join(dir, "journal"), "--record", filepath.Join(dir, "record"), "--every", "20ms", "--settle", "1ms")
	program := p.Path
	p.Path, err = exec.LookPath("strace")
	require.NoError(t, err)
	p.WaitDelay = 10 * time.Second
	p.Args = append([]string{"strace", "-D", "-f", "-y", "-e", "trace=fsync,rename,renameat,renameat2,unlink,unlinkat", "-o", trace, program}, p.Args[1:]...)
	require.NoError(t, p.Start())
	require.Eventually(t, func() bool { return count(in) == 0 && count(done)+count(filepath.Join(elsewhere, "ng")) == 1 }, patience, 10*time.Millisecond)
	_, _ = p.end(t, syscall.SIGTERM)
	var raw []byte
	require.Eventually(t, func() bool {
		raw, _ = os.ReadFile(trace)
		return bytes.Contains(raw, []byte("+++ exited"))
	}, patience, 10*time.Millisecond)
	at := 0
	for _, call := range []string{`fsync\(\d+<\S+/\.hacarus-part-`, `rename\w*\(.*/\.hacarus-part-.*/a\.png"`, `fsync\(\d+<\S+/(done|ng)>`, `unlink\w*\(.*/\.hacarus-removing-`} {
		found := regexp.MustCompile(call).FindIndex(raw[at:])
		require.NotNil(t, found, "no %s in its place: %s", call, raw)
		at += found[1]
	}
}

// A second watch of the same journal is refused, and so is what is missing.
func TestWatchUsage(t *testing.T) {
	t.Parallel()
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	s.AddModel(hacarus.Model{ModelID: "m"})
	dir := t.TempDir()
	whole := []string{"--model", "m", "--ng", dir + "/ng", "--failed", dir + "/failed", "--journal", dir + "/j", "--record", dir + "/r"}
	for message, args := range map[string][]string{
		"FOLDER":        {"watch"},
		"--model":       {"watch", dir},
		"--record":      append([]string{"watch", dir}, whole[:8]...),
		"no such file":  append([]string{"watch", dir + "/nowhere"}, whole...),
		"same folder":   append([]string{"watch", dir, "--done", dir}, whole...),
		"above zero":    append([]string{"watch", dir, "--every", "0s"}, whole...),
		"missing":       append([]string{"watch", dir, "--name-pattern", "(", "--model", ""}, whole[2:]...),
		"error parsing": append([]string{"watch", dir, "--name-pattern", "("}, whole...),
		"404":           append([]string{"watch", dir, "--model", "nobody"}, whole[2:]...),
	} {
		p := start(t, s, args...)
		code, _ := p.end(t)
		require.Equal(t, 2, code, "%v: %s", args, p.stderr.String())
		require.Contains(t, strings.ToLower(p.stderr.String()), strings.ToLower(message))
		require.Empty(t, p.stdout.String())
	}
	whole[7] = dir + "/no/such/folder/j"
	p := start(t, s, append([]string{"watch", dir}, whole...)...)
	code, _ := p.end(t)
	require.Equal(t, 2, code)
	require.Equal(t, 1, strings.Count(p.stderr.String(), "no such file"), p.stderr.String())

	whole[7] = dir + "/j2"
	s.ResetCalls()
	first := start(t, s, append([]string{"watch", dir}, whole...)...)
	require.Eventually(t, func() bool { return len(s.Calls("getModelById")) > 0 }, patience, 10*time.Millisecond)
	second := start(t, s, append([]string{"watch", dir}, whole...)...)
	code, _ = second.end(t)
	require.Equal(t, 2, code, second.stderr.String())
	code, _ = first.end(t, os.Interrupt)
	require.Equal(t, 130, code, first.stderr.String())
}

// A file that is the journal and the record at once would be neither after a restart.
func TestWatchJournalIsNotTheRecord(t *testing.T) {
	t.Parallel()
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	dir := t.TempDir()
	journal, record := filepath.Join(dir, "journal"), filepath.Join(dir, "record")
	require.NoError(t, os.Symlink(journal, record))
	for _, record := range []string{journal, record} {
		code, stdout, stderr := runProgram(t, s, "watch", t.TempDir(), "--model", "active", "--ng", filepath.Join(dir, "ng"), "--failed", filepath.Join(dir, "failed"),
			"--journal", journal, "--record", record, "-o", "json")
		require.Equal(t, 2, code)
		require.Contains(t, stderr, "cannot be the journal and the record")
		require.Contains(t, stdout, `"exit_code": 2`)
	}
}

// However a watch ends, what it has written is JSON as a whole.
func TestWatchWritesJSON(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		images int
		signal os.Signal
		code   int
	}{
		"terminated":                  {2, syscall.SIGTERM, 0},
		"terminated without an image": {0, syscall.SIGTERM, 0},
		"interrupted":                 {2, os.Interrupt, 130},
		"nobody may log in":           {2, nil, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := hacarustest.NewServer()
			t.Cleanup(s.Close)
			s.AddModel(hacarus.Model{})
			dir := t.TempDir()
			in, record := filepath.Join(dir, "in"), filepath.Join(dir, "record")
			require.NoError(t, os.Mkdir(in, 0o700))
			for n := range test.images {
				deliver(t, in, fmt.Sprintf("%d.png", n), byte(n))
			}
			p := start(t, s, "watch", in, "--model", "active", "--ng", filepath.Join(dir, "ng"), "--failed", filepath.Join(dir, "failed"),
				"--journal", filepath.Join(dir, "journal"), "--record", record, "--settle", "10ms", "--every", "10ms", "-o", "json")
			require.Eventually(t, func() bool {
				lines, err := os.ReadFile(record)
				return err == nil && bytes.Count(lines, []byte("\n")) == test.images
			}, time.Minute, time.Millisecond)
			var signals []os.Signal
			if test.signal != nil {
				signals = append(signals, test.signal)
			} else {
				s.Inject("addItem", hacarustest.Repeat(100, hacarustest.Status(http.StatusUnauthorized, nil, "{}"))...)
				deliver(t, in, "denied.png", 9)
			}
			code, _ := p.end(t, signals...)
			require.Equal(t, test.code, code, p.stderr.String())
			var written []map[string]any
			require.NoError(t, json.Unmarshal(p.stdout.Bytes(), &written), p.stdout.String())
			require.GreaterOrEqual(t, len(written), test.images)
		})
	}
}
