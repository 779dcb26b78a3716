package hacarus

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const deviceFull = "/dev/full"

// A disk that is full leaves what was there before.
func TestSaveFileOnAFullDisk(t *testing.T) {
	t.Parallel()
	for name, get := range map[string]func(*Client) (*Download, error){
		"results": func(c *Client) (*Download, error) { return c.GetModelResults(t.Context(), "m1") },
		"export":  func(c *Client) (*Download, error) { return c.ExportModels(t.Context(), "m1") },
		"logs":    func(c *Client) (*Download, error) { return c.GetLogs(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "saved")
			require.NoError(t, os.WriteFile(path, []byte("before"), 0o600))
			d, err := get(overMemory(t, &fakeAPI{next: ok("contents")}))
			require.NoError(t, err)
			err = d.saveFile(path, fullDisk)
			require.Error(t, err)
			if _, missing := os.Stat(deviceFull); missing == nil {
				require.ErrorIs(t, err, syscall.ENOSPC)
			}
			require.Equal(t, []string{"saved"}, namesIn(t, filepath.Dir(path)))
			left, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, "before", string(left))
		})
	}
}

// fullDisk makes temporary files that take nothing: their writes end on a
// device that is always full, or, where there is none, fail otherwise.
func fullDisk(dir, pattern string) (*os.File, error) {
	made, err := os.CreateTemp(dir, pattern)
	if err != nil {
		return nil, err
	}
	name := made.Name()
	if _, err := os.Stat(deviceFull); err != nil {
		return os.Open(name)
	}
	if err := errors.Join(made.Close(), os.Remove(name), os.Symlink(deviceFull, name)); err != nil {
		return nil, err
	}
	return os.OpenFile(name, os.O_WRONLY, 0)
}
