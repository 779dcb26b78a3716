package line

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// backedUp is a backup of a folder with some files.
func backedUp(t *testing.T) (path string, files map[string]string) {
	t.Helper()
	data := t.TempDir()
	files = map[string]string{"record.jsonl": "a record", "spool/cam-7/1.json": "{}", "page-token": "a token"}
	for name, content := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(data, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(data, name), []byte(content), 0o600))
	}
	path = filepath.Join(t.TempDir(), "line.tar")
	require.NoError(t, backup(t.Context(), data, path))
	return path, files
}

func TestRestore(t *testing.T) {
	t.Parallel()
	path, files := backedUp(t)
	data := t.TempDir()
	require.NoError(t, restore(t.Context(), data, path))
	for name, content := range files {
		got, err := os.ReadFile(filepath.Join(data, name))
		require.NoError(t, err)
		require.Equal(t, content, string(got))
	}
	require.NoFileExists(t, filepath.Join(data, endName))
	require.ErrorContains(t, restore(t.Context(), data, path), "not empty")
}

// A backup that is not whole is none, wherever it was cut off; nothing of it stays.
func TestRestoreCutOff(t *testing.T) {
	t.Parallel()
	path, _ := backedUp(t)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for size := 0; size < len(whole)-3*512; size += 256 {
		data := t.TempDir()
		cut := filepath.Join(t.TempDir(), "cut.tar")
		require.NoError(t, os.WriteFile(cut, whole[:size], 0o600))
		require.ErrorContains(t, restore(t.Context(), data, cut), "not whole", "%d of %d bytes", size, len(whole))
		left, err := os.ReadDir(data)
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

// No name in a backup leads out of the folder.
func TestRestoreOutside(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"../outside", "/outside", "spool/../../outside"} {
		var archive bytes.Buffer
		w := tar.NewWriter(&archive)
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o600}))
		require.NoError(t, w.Close())
		dir := t.TempDir()
		data, path := filepath.Join(dir, "data"), filepath.Join(dir, "line.tar")
		require.NoError(t, os.Mkdir(data, 0o755))
		require.NoError(t, os.WriteFile(path, archive.Bytes(), 0o600))
		require.Error(t, restore(t.Context(), data, path), name)
		require.NoFileExists(t, filepath.Join(dir, "outside"), name)
	}
}
