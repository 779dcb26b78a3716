package line

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What was taken in leaves the folder, but not what has taken its place, also where
// a process was killed in between.
func TestRemoveTaken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "1.png")
	f := &folder{dir: dir, seen: map[string]sighting{}}
	write := func(text string) (s sighting) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		info, err := os.Stat(path)
		require.NoError(t, err)
		return sighting{size: info.Size(), written: info.ModTime()}
	}
	require.NoError(t, f.remove("1.png", write("one")))
	require.NoFileExists(t, path)
	taken := write("one")
	write("another")
	require.NoError(t, f.remove("1.png", taken))
	require.FileExists(t, path)
	require.NoError(t, os.Rename(path, filepath.Join(dir, asidePrefix+"1.png")))
	require.NoError(t, f.giveBack())
	require.FileExists(t, path)
}
