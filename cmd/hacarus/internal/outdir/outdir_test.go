package outdir

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(raw)
}

func open(t *testing.T, dir string, images ...string) *Folder {
	t.Helper()
	f, err := Open(dir, images)
	require.NoError(t, err)
	t.Cleanup(f.Close)
	return f
}

// What the program wrote it replaces, in later runs too; nothing else.
func TestWrite(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	require.NoError(t, open(t, dir).Write("a.csv", text("one")))
	f := open(t, dir)
	require.NoError(t, f.Write("a.csv", text("two")))
	require.NoError(t, f.Write("a.csv", text("three")))
	require.Equal(t, "three", content(t, f.Path("a.csv")))

	require.NoError(t, os.WriteFile(f.Path("a.csv"), []byte("edited by somebody"), 0o600))
	require.ErrorContains(t, f.Write("a.csv", text("four")), "not overwritten")
	require.Equal(t, "edited by somebody", content(t, f.Path("a.csv")))

	elsewhere := filepath.Join(t.TempDir(), "precious")
	require.NoError(t, os.WriteFile(elsewhere, []byte("precious"), 0o600))
	if os.Symlink(elsewhere, f.Path("link.csv")) == nil {
		require.ErrorContains(t, f.Write("link.csv", text("x")), "not overwritten")
		require.Equal(t, "precious", content(t, elsewhere))
	}
	require.NoError(t, os.Mkdir(f.Path("folder.csv"), 0o700))
	require.Error(t, f.Write("folder.csv", text("x")))
}

// A file is whole or not there.
func TestWriteFails(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir())
	full := errors.New("the disk is full")
	half := func(w io.Writer) error {
		_, err := io.WriteString(w, "half")
		return errors.Join(err, full)
	}
	require.ErrorIs(t, f.Write("a.csv", half), full)
	require.NoFileExists(t, f.Path("a.csv"))
	entries, err := os.ReadDir(f.dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "the record only")
}

// A folder of images is none for results, under whatever name.
func TestApart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := Open(filepath.Join(dir, ".", "x", ".."), []string{filepath.Join(dir, "a.png")})
	require.ErrorContains(t, err, "where the images are")
	link := filepath.Join(t.TempDir(), "link")
	if os.Symlink(dir, link) == nil {
		_, err = Open(link, []string{filepath.Join(dir, "a.png")})
		require.ErrorContains(t, err, "where the images are")
	}
	open(t, filepath.Join(dir, "results"), filepath.Join(dir, "a.png"))
}

// What is not kept goes, unless somebody has changed it or somebody else has put it there.
func TestPrune(t *testing.T) {
	t.Parallel()
	f := open(t, filepath.Join(t.TempDir(), "out"))
	require.NoError(t, errors.Join(f.Sub("good"), f.Sub("bad"), f.Sub("other")))
	for _, name := range []string{"good/kept", "good/old", "bad/old", "bad/edited", "other/old", "old"} {
		require.NoError(t, f.Write(name, text(name)))
	}
	require.NoError(t, os.WriteFile(f.Path("bad/edited"), []byte("by somebody"), 0o600))
	require.NoError(t, os.WriteFile(f.Path("good/own"), []byte("of somebody"), 0o600))
	again := open(t, f.Path("."))
	require.NoError(t, again.Prune(map[string]bool{"good/kept": true}, "good", "bad"))
	for name, there := range map[string]bool{"good/kept": true, "good/old": false, "bad/old": false, "bad/edited": true, "good/own": true, "other/old": true, "old": true} {
		_, err := os.Stat(f.Path(name))
		require.Equal(t, there, err == nil, name)
	}
	require.NoError(t, again.Prune(nil, "good", "bad"), "what is gone is no error")
}
