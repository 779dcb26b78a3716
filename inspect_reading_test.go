package hacarus_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// stuck is content that never comes, until it is let go.
type stuck struct{ free chan struct{} }

func (s stuck) Read([]byte) (int, error) { <-s.free; return 0, io.EOF }

func (s stuck) Close() error { return nil }

// A file that never comes holds up no other, and the context ends the wait for it.
func TestInspectFileThatNeverComes(t *testing.T) {
	t.Parallel()
	for name, place := range map[string]func(t *testing.T) string{
		"with a journal":    func(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "journal") },
		"without a journal": func(*testing.T) string { return "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			journal := place(t)
			synctest.Test(t, func(t *testing.T) {
				s, c := newService(t)
				s.AddModel(hacarus.Model{})
				free := make(chan struct{})
				defer close(free)
				files := pictures(0, 100)
				files[0] = hacarus.File{Name: "a.png", Open: func() (io.ReadCloser, error) { <-free; return nil, io.EOF }}
				files[20] = hacarus.File{Name: "b.png", Size: 100, Open: func() (io.ReadCloser, error) { return stuck{free}, nil }}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				verdicts := 0
				for result, err := range c.Inspect(ctx, hacarus.InspectRequest{Files: files, Journal: journal}) {
					if err != nil {
						require.ErrorIs(t, err, context.DeadlineExceeded)
						continue
					}
					if result.Err == nil {
						verdicts++
					} else {
						require.ErrorIs(t, result.Err, context.DeadlineExceeded, result.File)
					}
				}
				// Without a journal, those that share the batch with it share its fate.
				require.GreaterOrEqual(t, verdicts, 79)
			})
		})
	}
}

// Other things than files are refused, each as itself, and content that does not
// end where it should is.
func TestInspectWhatIsNoFile(t *testing.T) {
	t.Parallel()
	s, c := newService(t)
	s.AddModel(hacarus.Model{})
	zeros := hacarus.File{Name: "zeros.png", Size: 100, Open: func() (io.ReadCloser, error) { return io.NopCloser(endlessZeros{}), nil }}
	for _, journal := range []string{"", filepath.Join(t.TempDir(), "journal")} {
		files := append(pictures(0, 5), hacarus.FileFromPath(pipe(t)), hacarus.FileFromPath(os.DevNull), hacarus.FileFromPath(t.TempDir()), zeros)
		results, err := outcomes(t, c, hacarus.InspectRequest{Files: files, Journal: journal})
		require.NoError(t, err)
		requireVerdicts(t, 0, results[:5])
		require.ErrorContains(t, results[5].Err, "not a regular file")
		require.ErrorContains(t, results[6].Err, "not a regular file")
		require.ErrorContains(t, results[7].Err, "folder")
		require.ErrorContains(t, results[8].Err, "changed")
	}
}

type endlessZeros struct{}

func (endlessZeros) Read(p []byte) (int, error) { return len(p), nil }
