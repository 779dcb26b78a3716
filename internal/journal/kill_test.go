//go:build unix

package journal

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

const (
	killedVariable = "HACARUS_TEST_KILLED_JOURNAL"
	// killedFiles make a journal whose compaction takes about as long as what is
	// done between two of them.
	killedFiles = 2000
)

// A process is killed while it writes to a journal and compacts it, at any
// moment. What it was told to be on the disk is there, and the next process
// goes on with it.
func TestJournalSurvivesKills(t *testing.T) {
	t.Parallel()
	kills := 20
	if *testkit.Full {
		kills = 100
	}
	random := rand.New(rand.NewPCG(7, 2026))
	path := filepath.Join(t.TempDir(), "journal")
	f, err := OpenFile(path)
	require.NoError(t, err)
	j, err := Open(t.Context(), f, "m", 0)
	require.NoError(t, err)
	for n := range killedFiles {
		require.NoError(t, finish(t.Context(), j, n))
	}
	require.NoError(t, f.Close())
	compacting, acknowledged := 0, killedFiles
	for range kills {
		acknowledged = max(acknowledged, runKilled(t, path, time.Duration(random.IntN(40_000))*time.Microsecond))
		if _, err := os.Stat(path + ".new"); err == nil {
			compacting++
		}
		requireFiles(t, path, acknowledged)
	}
	t.Logf("%d kills, %d of them during a compaction, %d files", kills, compacting, acknowledged)
	require.Positive(t, compacting)
}

// runKilled lets a process write to a journal, kills it after some time, and
// returns how many files it was told to be on the disk.
func runKilled(t *testing.T, path string, after time.Duration) (acknowledged int) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestJournalSurvivesKillsChild$")
	child.Env = append(os.Environ(), killedVariable+"="+path)
	output, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	lines := bufio.NewScanner(output)
	require.True(t, lines.Scan(), "it has opened the journal")
	time.AfterFunc(after, func() { _ = child.Process.Kill() })
	for lines.Scan() {
		if acknowledged, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(lines.Text())
		}
	}
	var ended *exec.ExitError
	require.ErrorAs(t, child.Wait(), &ended)
	require.Equal(t, -1, ended.ExitCode(), "it was killed")
	return acknowledged
}

// requireFiles holds that a journal has the first files, each with its last step.
func requireFiles(t *testing.T, path string, files int) {
	t.Helper()
	n := 0
	for e, err := range Read(path) {
		require.NoError(t, err)
		require.Equal(t, keyOf(n), e.Key)
		if n++; n <= files {
			require.Equal(t, Done, e.Step)
		}
	}
	require.GreaterOrEqual(t, n, files)
}

// TestJournalSurvivesKillsChild is the process that is killed.
func TestJournalSurvivesKillsChild(t *testing.T) {
	t.Parallel()
	path := os.Getenv(killedVariable)
	if path == "" {
		t.Skip("runs in a process of TestJournalSurvivesKills")
	}
	f, err := OpenFile(path)
	require.NoError(t, err)
	j, err := Open(t.Context(), f, "m", 0)
	require.NoError(t, err)
	fmt.Println("opened")
	first := len(j.order)
	if j.order[first-1].step != Done { // the one before was killed at it
		first--
	}
	for n := first; ; n++ {
		require.NoError(t, errors.Join(j.Add(t.Context(), true, begin(n)), j.Add(t.Context(), true, step(n, Done))))
		fmt.Println(n + 1)
		if n%4 == 0 {
			j.writing.Lock()
			require.NoError(t, j.compact(t.Context()))
			j.writing.Unlock()
		}
	}
}
