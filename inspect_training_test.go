package hacarus_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit/plates"
)

// uploaded ranges to the end, and returns the outcome of each file. Every file
// has exactly one.
func uploaded(ctx context.Context, t *testing.T, c *hacarus.Client, req hacarus.UploadRequest) (results []*hacarus.Uploaded, end error) {
	t.Helper()
	results = make([]*hacarus.Uploaded, len(req.Files))
	for result, err := range c.Upload(ctx, req) {
		require.NoError(t, end)
		if err != nil {
			end = err
			continue
		}
		require.Nil(t, results[result.Index])
		results[result.Index] = result
	}
	for _, result := range results {
		require.NotNil(t, result)
	}
	return results, end
}

// A training set of any size and names becomes items, each file one, whatever
// happens to the responses.
func TestUpload(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]hacarustest.Fault{
		"well":         nil,
		"executed":     {hacarustest.ResetConnection(), hacarustest.CloseConnection(), hacarustest.Garbage(), hacarustest.HTML(502).After()},
		"not executed": {hacarustest.ResetConnection().Before(), hacarustest.HTML(502), refusal(500), refusal(429), refusal(408)},
		"too large":    {refusal(413)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, c := newService(t)
				s.Inject("addItem", faults...)
				files := pictures(0, 100)
				files[7] = hacarus.FileFromBytes("良品 (1).png", plates.Picture(7))
				files[8] = hacarus.FileFromBytes("良品 (1).png", plates.Picture(8))
				files[9] = hacarus.FileFromBytes("text.png", []byte("no image"))
				files[10].Tag = "lot 4711"
				var last hacarus.UploadProgress
				results, err := uploaded(t.Context(), t, c, hacarus.UploadRequest{
					Files: files, Training: true, Good: new(true), Progress: func(p hacarus.UploadProgress) { last = p },
				})
				require.NoError(t, err)
				ids := map[string]bool{}
				for n, result := range results {
					if n == 9 {
						require.ErrorIs(t, result.Err, hacarus.ErrBadRequest)
						require.Empty(t, result.ItemID)
						continue
					}
					require.NoError(t, result.Err)
					ids[result.ItemID] = true
					item, err := c.GetItem(t.Context(), result.ItemID, nil)
					require.NoError(t, err)
					require.True(t, item.IsTrainingData)
					require.Equal(t, hacarus.VerdictOK, item.Verdict(""))
				}
				require.Len(t, ids, 99)
				require.Equal(t, "lot 4711", results[10].Tag)
				require.Equal(t, hacarus.UploadProgress{Total: 100, Uploaded: 99, Failed: 1}, last)
				plates.RequireOnce(t, 99, plates.Uploads(s))
				require.Empty(t, s.Calls("predictItems"))
			})
		})
	}
}

// An upload with a journal goes on where it was, after any end.
func TestUploadResumes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{})
		req := hacarus.UploadRequest{
			Files: pictures(0, 120), Training: true, Good: new(false), BatchSize: 10, Journal: filepath.Join(t.TempDir(), "journal"),
		}
		s.Inject("addItem", hacarustest.Repeat(20, hacarustest.Delay(3*time.Second))...)
		for ended := 1; ; ended++ {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(5+20*ended)*time.Second)
			results, err := uploaded(ctx, t, c, req)
			cancel()
			if err == nil {
				for n, result := range results {
					require.NoError(t, result.Err)
					require.Equal(t, fmt.Sprintf("plate-%05d", n), result.ItemID)
				}
				break
			}
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Less(t, ended, 20)
		}
		plates.RequireOnce(t, 120, plates.Uploads(s))
		for _, err := range c.Inspect(t.Context(), hacarus.InspectRequest{Files: pictures(0, 1), Journal: req.Journal}) {
			require.ErrorIs(t, err, hacarus.ErrInvalidArgument, "it is another one's journal")
		}
	})
}

func TestUploadArguments(t *testing.T) {
	t.Parallel()
	s, c := newService(t)
	for name, req := range map[string]hacarus.UploadRequest{
		"batch size":  {BatchSize: -1},
		"batch bytes": {BatchBytes: -1},
		"concurrency": {Concurrency: 1001},
		"two feeds":   {Files: pictures(0, 1), Source: func(func(hacarus.File) bool) {}},
		"two places":  {Journal: "j", Store: hacarus.NewMemoryJournal()},
		"remember":    {Remember: -1},
	} {
		for result, err := range c.Upload(t.Context(), req) {
			require.Nil(t, result)
			require.ErrorIs(t, err, hacarus.ErrInvalidArgument, name)
			require.ErrorContains(t, err, "Upload", name)
		}
	}
	require.Empty(t, s.Calls(""))
}
