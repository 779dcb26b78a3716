package record

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEntriesComeAsTheyWere(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "record.jsonl")
	r, err := Open(path)
	require.NoError(t, err)
	entries := []Entry{
		{ID: "1", Time: time.Unix(1, 0).UTC(), File: "検査<1>.png", Verdict: "NG", Score: new(0.5), Boxes: [][4]int{{1, 2, 3, 4}}, By: Model},
		{ID: "1", Time: time.Unix(2, 0).UTC(), File: "検査<1>.png", Verdict: "OK", By: "Sato", Note: "dust\nnot a scratch"},
		{ID: "2", Time: time.Unix(3, 0).UTC(), Error: new("no verdict"), Verdict: "unknown", By: Model, To: "/failed/2.png"},
	}
	for _, e := range entries {
		require.NoError(t, r.Append(e))
	}
	require.NoError(t, r.Close())
	require.Equal(t, entries, read(t, path))
}

// Entries are selected by their ids and times, whichever program has written them.
func TestSelect(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "record.jsonl")
	lines := `{"id":"a","time":"2026-11-26T06:00:00Z","file":"1"}
{"time":"2026-11-26T06:00:00Z", "file":"2", "id":"a"}
{"id":"a","time":"2026-11-26T07:00:00Z","file":"late"}
{"id":"b","time":"2026-11-26T06:00:00Z","file":"other"}
{"id":"\u0061","time":"2026-11-26T06:00:00+00:00","file":"3"}
{"id":"a","time":"yesterday"}
{"id":"a","time":"2026-11-26T06:00:00Z","file":"torn
`
	require.NoError(t, os.WriteFile(path, []byte(lines), 0o600))
	var files []string
	for e, err := range Select(path, func(id string, at time.Time) bool { return id == "a" && at.UTC().Hour() == 6 }) {
		require.NoError(t, err)
		files = append(files, e.File)
	}
	require.Equal(t, []string{"1", "2", "3"}, files)
}

// What was cut off by a crash spoils no other line.
func TestTornLines(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "record.jsonl")
	for i := range 3 {
		r, err := Open(path)
		require.NoError(t, err)
		require.NoError(t, r.Append(Entry{ID: fmt.Sprint(i)}))
		require.NoError(t, r.Close())
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		require.NoError(t, err)
		_, err = file.WriteString(`{"id":"torn","ti`)
		require.NoError(t, err)
		require.NoError(t, file.Close())
	}
	entries := read(t, path)
	require.Len(t, entries, 3)
	for i, e := range entries {
		require.Equal(t, fmt.Sprint(i), e.ID)
	}
}

// What a power failure leaves is not taken into memory, however much it is.
func TestGarbage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "record.jsonl")
	file, err := os.Create(path)
	require.NoError(t, err)
	_, err = file.WriteString("{\"id\":\"1\"}\n")
	require.NoError(t, err)
	const hole = 1 << 28
	require.NoError(t, file.Truncate(hole)) // zeros
	require.NoError(t, file.Close())
	r, err := Open(path)
	require.NoError(t, err)
	require.NoError(t, r.Append(Entry{ID: "2"}))
	require.NoError(t, r.Close())

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var ids []string
	for _, e := range read(t, path) {
		ids = append(ids, e.ID)
	}
	for line, err := range NewTail(path).Lines(nil) {
		require.NoError(t, err)
		ids = append(ids, line.Entry.ID)
	}
	runtime.ReadMemStats(&after)
	require.Equal(t, []string{"1", "2", "1", "2"}, ids)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(hole))
}

// Two programs may add to a record, while a third reads it.
func TestRecordOfTwoPrograms(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "record.jsonl")
	var writers sync.WaitGroup
	for w := range 2 {
		r, err := Open(path)
		require.NoError(t, err)
		t.Cleanup(func() { _ = r.Close() })
		for g := range 2 {
			writers.Go(func() {
				for i := range 50 {
					assert.NoError(t, r.Append(Entry{ID: fmt.Sprintf("%d/%d/%d", w, g, i)}))
				}
			})
		}
	}
	writers.Wait()
	ids := map[string]bool{}
	for _, e := range read(t, path) {
		ids[e.ID] = true
	}
	require.Len(t, ids, 200)
}

func TestRecordsThatAreNoFiles(t *testing.T) {
	t.Parallel()
	_, err := Open(t.TempDir())
	require.Error(t, err)
	for _, err := range Entries(filepath.Join(t.TempDir(), "none")) {
		require.ErrorIs(t, err, os.ErrNotExist)
	}
}

func read(t *testing.T, path string) (entries []Entry) {
	t.Helper()
	for e, err := range Entries(path) {
		require.NoError(t, err)
		entries = append(entries, e)
	}
	return entries
}
