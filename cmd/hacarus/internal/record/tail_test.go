package record

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTailReadsWhatIsNew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "record.jsonl")
	r, err := Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	tail := NewTail(path)
	next := func() (ids []string) {
		for line, err := range tail.Lines(nil) {
			require.NoError(t, err)
			if line.Entry != nil {
				ids = append(ids, line.Entry.ID)
			} else {
				ids = append(ids, "sending "+line.Sending.Image+" "+string(line.Sending.State))
			}
		}
		return ids
	}
	require.Empty(t, next())
	require.NoError(t, r.Append(Entry{ID: "1"}))
	require.NoError(t, r.Append(Sending{Image: "1", State: SendingDone}))
	require.Equal(t, []string{"1", "sending 1 sent"}, next())
	require.Empty(t, next())

	// A line that is being written is read once it is whole.
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = file.WriteString(`{"id":"2"`)
	require.NoError(t, err)
	require.Empty(t, next())
	_, err = file.WriteString("}\nno JSON\n{}\n")
	require.NoError(t, err)
	require.NoError(t, file.Close())
	past := 0
	for _, err := range tail.Past() {
		require.NoError(t, err)
		past++
	}
	require.Equal(t, 2, past, "what comes later is not past")
	require.Equal(t, []string{"2"}, next())

	// Lines about boxes are nothing to those who ask for entries.
	require.Len(t, read(t, path), 2)

	require.NoError(t, os.Truncate(path, 3))
	for _, err := range tail.Lines(nil) {
		require.ErrorContains(t, err, "another record")
	}
}

// A record that was put aside, and in whose place there is a longer one, is told of:
// what would be added to it would not be where it is looked for.
func TestTailOfAnotherRecord(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "record.jsonl")
	require.NoError(t, os.WriteFile(path, []byte("{\"id\":\"1\"}\n"), 0o600))
	tail := NewTail(path)
	for _, err := range tail.Lines(nil) {
		require.NoError(t, err)
	}
	require.NoError(t, os.Rename(path, path+".1"))
	require.NoError(t, os.WriteFile(path, []byte("{\"id\":\"other\"}\n{\"id\":\"2\"}\n"), 0o600))
	told := 0
	for _, err := range tail.Lines(nil) {
		require.ErrorContains(t, err, "another record")
		told++
	}
	require.Equal(t, 1, told)
}

// What was well is left out before it is read, unless it is about an image that is known.
func TestTailLeavesOut(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "record.jsonl")
	r, err := Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	tricky := `x","verdict":"OK","by":"model"`
	for _, e := range []Entry{
		{ID: "1", Verdict: "OK", By: Model},
		{ID: "2", Verdict: "NG", By: Model},
		{ID: "3", Verdict: "OK", By: "Sato"},
		{ID: "known", Verdict: "OK", By: Model},
		{ID: "4", Verdict: "NG", By: Model, File: tricky, Note: tricky},
		{ID: tricky, Verdict: "NG", By: Model},
		{ID: "5", Verdict: "unknown", By: Model},
	} {
		require.NoError(t, r.Append(e))
	}
	var ids []string
	for line, err := range NewTail(path).Lines(func(id string) bool { return id == "known" }) {
		require.NoError(t, err)
		ids = append(ids, line.Entry.ID)
	}
	require.Equal(t, []string{"2", "3", "known", "4", tricky, "5"}, ids)
}
