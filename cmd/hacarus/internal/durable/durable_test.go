package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(raw)
}

// A file is there whole or not at all, and nothing else is left.
func TestWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	require.NoError(t, Disk{}.Write(path, strings.NewReader("one")))
	require.NoError(t, Disk{}.Write(path, strings.NewReader("two")))
	failure := errors.New("half of it")
	require.ErrorIs(t, Disk{}.WriteBy(path, func(w io.Writer) error {
		_, err := io.WriteString(w, "three")
		return errors.Join(err, failure)
	}), failure)
	require.Error(t, Disk{}.Write(filepath.Join(dir, "none", "a"), strings.NewReader("x")))
	require.Equal(t, "two", read(t, path))
	require.Equal(t, []string{"a"}, testkit.Names(t, dir))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o644), info.Mode().Perm()|0o200)
	sum, err := Sum(path)
	require.NoError(t, err)
	require.Equal(t, "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3", sum)
}

// A folder that refuses to be synced is an error, or what its user makes of it; what
// was done is done.
func TestUnsynced(t *testing.T) {
	t.Parallel()
	refusal := errors.New("not supported")
	told := 0
	for want, unsynced := range map[error]func(error) error{
		refusal: nil,
		nil:     func(err error) error { require.ErrorIs(t, err, refusal); told++; return nil },
	} {
		dir := t.TempDir()
		disk := Disk{Unsynced: unsynced, sync: func(string) error { return refusal }}
		a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
		require.ErrorIs(t, disk.Write(a, strings.NewReader("x")), want)
		require.ErrorIs(t, disk.Move(a, b), want)
		require.Equal(t, "x", read(t, b))
		require.Equal(t, []string{"b"}, testkit.Names(t, dir))
	}
	require.Equal(t, 3, told, "of a write, and of two folders")
	require.Error(t, Disk{}.Sync(filepath.Join(t.TempDir(), "none")))
}

// A part takes a name that is free, and leaves nothing behind if it has none.
func TestPart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	create := func(content string) *Part {
		part, err := Create(dir, func(w io.Writer) error { _, err := io.WriteString(w, content); return err })
		require.NoError(t, err)
		return part
	}
	first, second := create("first"), create("second")
	require.NoError(t, first.Claim(path))
	require.ErrorIs(t, second.Claim(path), fs.ErrExist)
	first.Discard()
	second.Discard()
	require.Equal(t, "first", read(t, path))
	require.Equal(t, []string{"a"}, testkit.Names(t, dir))

	create("of a run that was killed")
	require.Len(t, testkit.Names(t, dir), 2)
	require.NoError(t, RemoveParts(dir))
	require.Equal(t, []string{"a"}, testkit.Names(t, dir))
	require.True(t, Exists(path))
	require.False(t, Exists(path+"-none"))
}
