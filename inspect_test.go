package hacarus_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
	"github.com/hacarus/hacarus-check-go/internal/testkit/plates"
)

// pictures are files with the pictures of some numbers.
func pictures(from, to int) (files []hacarus.File) {
	for n := from; n < to; n++ {
		files = append(files, hacarus.FileFromBytes(fmt.Sprintf("plate-%05d.png", n), plates.Picture(n)))
	}
	return files
}

// outcomes ranges to the end, and returns the outcome of each file, and what
// ended the range. Every file has to have exactly one.
func outcomes(t *testing.T, c *hacarus.Client, req hacarus.InspectRequest) ([]*hacarus.Inspection, error) {
	t.Helper()
	return outcomesIn(t.Context(), t, c, req)
}

func outcomesIn(ctx context.Context, t *testing.T, c *hacarus.Client, req hacarus.InspectRequest) (all []*hacarus.Inspection, end error) {
	t.Helper()
	all = make([]*hacarus.Inspection, len(req.Files))
	for result, err := range c.Inspect(ctx, req) {
		require.NoError(t, end, "an error is the last thing")
		if err != nil {
			require.Nil(t, result)
			end = err
			continue
		}
		require.Nil(t, all[result.Index], "%s has two outcomes", result.File)
		all[result.Index] = result
		if result.Err != nil {
			require.Nil(t, result.Item)
			require.Equal(t, hacarus.VerdictUnknown, result.Verdict)
			continue
		}
		require.Equal(t, result.ItemID, result.Item.ItemID)
	}
	for n, result := range all {
		require.NotNil(t, result, "file %d has no outcome: %v", n, end)
	}
	return all, end
}

// requireVerdicts checks that all pictures from a number on have their verdicts.
func requireVerdicts(t *testing.T, from int, all []*hacarus.Inspection) {
	t.Helper()
	for n, result := range all {
		require.NoError(t, result.Err, result.File)
		require.Equal(t, plates.Verdict(from+n), result.Verdict, result.File)
	}
}

func TestInspect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t, hacarustest.WithPredictionTime(time.Minute))
		m := s.AddModel(hacarus.Model{})
		var last hacarus.InspectProgress
		all, err := outcomes(t, c, hacarus.InspectRequest{
			ModelID: m.ModelID, Files: pictures(0, 95),
			Progress: func(p hacarus.InspectProgress) {
				assert.GreaterOrEqual(t, p.Uploaded, p.Predicted)
				assert.GreaterOrEqual(t, p.Predicted, p.Assessed)
				last = p
			},
		})
		require.NoError(t, err)
		requireVerdicts(t, 0, all)
		require.Equal(t, "plate-00004.png", all[4].File)
		require.Equal(t, "plate-00004", all[4].ItemID)
		plates.RequireOnce(t, 95, plates.Uploads(s))
		plates.RequireOnce(t, 95, plates.Predictions(t, s))
		require.Len(t, s.Calls("addItem"), 5)
		require.Len(t, s.Calls("predictItems"), 5)
		require.Equal(t, hacarus.InspectProgress{Total: 95, Uploaded: 95, Predicted: 95, Assessed: 95}, last)

		// With the active model, and of nothing.
		all, err = outcomes(t, c, hacarus.InspectRequest{Files: pictures(100, 101)})
		require.NoError(t, err)
		requireVerdicts(t, 100, all)
		require.Equal(t, "/api/v1/models/active/predict", s.Calls("predictItems")[5].Path)
		_, err = outcomes(t, c, hacarus.InspectRequest{})
		require.NoError(t, err)
	})
}

// Verdicts come while later files are still on their way, and no more files
// are under way than there is room for, however slow the range is.
func TestInspectStreams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{})
		n := 0
		for _, err := range c.Inspect(t.Context(), hacarus.InspectRequest{Files: pictures(0, 400), BatchSize: 5, Concurrency: 2}) {
			require.NoError(t, err)
			if n == 0 {
				time.Sleep(time.Hour)
				require.LessOrEqual(t, len(plates.Uploads(s)), 80)
			}
			n++
		}
		require.Equal(t, 400, n)
		plates.RequireOnce(t, 400, plates.Uploads(s))
	})
}

// No more calls than asked for are under way.
func TestInspectConcurrency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := newService(t)
		s.AddModel(hacarus.Model{})
		var uploading, predicting gauge
		next := uploading.of("/api/v1/items/", predicting.of("/api/v1/models/active/predict", s.Transport()))
		c := s.Client(hacarus.WithHTTPClient(&http.Client{Transport: next}))
		s.Inject("addItem", hacarustest.Repeat(100, hacarustest.Delay(time.Second))...)
		s.Inject("predictItems", hacarustest.Repeat(100, hacarustest.Delay(time.Second))...)
		all, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 200), BatchSize: 10, Concurrency: 3})
		require.NoError(t, err)
		requireVerdicts(t, 0, all)
		require.Equal(t, int64(3), uploading.most.Load())
		require.Equal(t, int64(3), predicting.most.Load())
	})
}

// Batches are split by bytes, and halved where the service refuses their size.
func TestInspectSplitsBatches(t *testing.T) {
	t.Parallel()
	size := int64(len(plates.Picture(0)))
	t.Run("by bytes", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := newService(t)
			s.AddModel(hacarus.Model{})
			files := pictures(0, 30)
			files[7] = hacarus.FileFromBytes("plate-00007.png", append(plates.Picture(7), make([]byte, 4*size)...)) // alone
			all, err := outcomes(t, c, hacarus.InspectRequest{Files: files, BatchBytes: 3*size + size/2})
			require.NoError(t, err)
			requireVerdicts(t, 0, all)
			for _, call := range s.Calls("addItem") {
				require.LessOrEqual(t, len(call.Files), 4)
				if call.Files[0] == "plate-00007.png" {
					require.Len(t, call.Files, 1)
				}
			}
		})
	})
	t.Run("by refusal", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := newService(t, hacarustest.WithUploadLimit(2500))
			s.AddModel(hacarus.Model{})
			files := pictures(0, 200)
			files[50] = hacarus.FileFromBytes("huge.png", append(plates.Picture(50), make([]byte, 5000)...))
			all, err := outcomes(t, c, hacarus.InspectRequest{Files: files, Concurrency: 1})
			require.NoError(t, err)
			require.ErrorIs(t, all[50].Err, hacarus.ErrTooLarge)
			require.Empty(t, all[50].ItemID)
			requireVerdicts(t, 0, all[:50])
			requireVerdicts(t, 51, all[51:])
			plates.RequireOnce(t, 199, plates.Uploads(s))
			refused := 0
			for _, call := range s.Calls("addItem") {
				if !call.Executed {
					refused++
				}
			}
			require.LessOrEqual(t, refused, 5, "later batches are small from the start, and those that wait become so")
		})
	})
}

// A file that is not taken, or cannot be read, does not concern the others.
func TestInspectBadFiles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{})
		broken := errors.New("the disk is gone")
		files := pictures(0, 40)
		files[3] = hacarus.FileFromBytes("text.png", []byte("no image"))
		files[11] = hacarus.FileFromPath(filepath.Join("no", "such.png"))
		files[17] = hacarus.FileFromReader("camera.png", iotest.ErrReader(broken), 100)
		files[23] = hacarus.File{Name: "nothing.png"}
		files[29] = hacarus.FileFromBytes("", plates.Picture(29))
		files[31] = hacarus.FileFromReader("stream.png", iotest.OneByteReader(strings.NewReader(string(plates.Picture(31)))), int64(len(plates.Picture(31))))
		all, err := outcomes(t, c, hacarus.InspectRequest{Files: files})
		require.NoError(t, err)
		for n, want := range map[int]error{
			3: hacarus.ErrBadRequest, 11: fs.ErrNotExist, 17: broken, 23: hacarus.ErrInvalidArgument, 29: hacarus.ErrInvalidArgument,
		} {
			require.ErrorIs(t, all[n].Err, want, n)
			require.Empty(t, all[n].ItemID)
			all[n] = &hacarus.Inspection{Verdict: plates.Verdict(n)} // the others have theirs
		}
		requireVerdicts(t, 0, all)
	})
}

// Any name will do, and the outcome carries it as it was given.
func TestInspectNames(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	at := func(name string, n int) hacarus.File {
		path := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, plates.Picture(n), 0o644))
		return hacarus.FileFromPath(path)
	}
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{})
		names := []string{"検査1.jpg", "a b.png", "2019-05-24 at 3.27.11 PM.png", "plain.png", "plain.jpg", "plain.png", "..", "line1/x.png"}
		var files []hacarus.File
		for n, name := range names {
			files = append(files, hacarus.FileFromBytes(name, plates.Picture(n)))
		}
		files = append(files, at("line1/a.png", 8), at("line2/a.png", 9), hacarus.FileFromFS(os.DirFS(folder), "line1/a.png"))
		all, err := outcomes(t, c, hacarus.InspectRequest{Files: files})
		require.NoError(t, err)
		names = append(names, filepath.Join(folder, "line1/a.png"), filepath.Join(folder, "line2/a.png"), "line1/a.png")
		ids := map[string]bool{}
		for n, result := range all {
			require.NoError(t, result.Err)
			require.Equal(t, names[n], result.File)
			ids[result.ItemID] = true
			want := n
			if n == 10 {
				want = 8
			}
			require.Equal(t, plates.Verdict(want), result.Verdict)
			if original, ok := hacarus.OriginalName(result.ItemID); result.ItemID != "plain" && result.ItemID != "a" {
				require.True(t, ok)
				require.Equal(t, files[n].Name, original)
			}
		}
		require.Len(t, ids, len(all))
		require.Equal(t, "plain", all[3].ItemID)
	})
}

// What concerns every file ends the run, with an outcome for each all the same.
func TestInspectEnds(t *testing.T) {
	t.Parallel()
	t.Run("without a license", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := newService(t, hacarustest.WithoutLicense())
			s.AddModel(hacarus.Model{})
			all, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 1000)})
			require.ErrorIs(t, err, hacarus.ErrLicense)
			require.NotErrorIs(t, err, hacarus.ErrUnfinished)
			for _, result := range all {
				require.ErrorIs(t, result.Err, hacarus.ErrLicense)
				require.ErrorIs(t, result.Err, hacarus.ErrUnfinished)
			}
			require.LessOrEqual(t, len(s.Calls("addItem")), 4)
		})
	})
	t.Run("without a model", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := newService(t)
			s.AddModel(hacarus.Model{ModelID: "broken", Status: hacarus.ModelStatusFailed})
			for model, want := range map[string]error{"nobody": hacarus.ErrNotFound, "broken": hacarus.ErrTrainingFailed} {
				all, err := outcomes(t, c, hacarus.InspectRequest{ModelID: model, Files: pictures(0, 50)})
				require.ErrorIs(t, err, want)
				require.ErrorIs(t, all[49].Err, want)
				require.ErrorIs(t, all[49].Err, hacarus.ErrUnfinished)
			}
			require.Empty(t, s.Calls("addItem"), "nothing is uploaded for it")
		})
	})
	t.Run("with the model", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := newService(t)
			m := s.AddModel(hacarus.Model{})
			time.AfterFunc(10*time.Second, func() {
				_, err := c.DeleteModels(t.Context(), m.ModelID)
				assert.NoError(t, err)
			})
			s.Inject("addItem", hacarustest.Repeat(50, hacarustest.Delay(3*time.Second))...)
			_, err := outcomes(t, c, hacarus.InspectRequest{ModelID: m.ModelID, Files: pictures(0, 300), BatchSize: 5})
			require.ErrorIs(t, err, hacarus.ErrNotFound)
			require.Less(t, len(s.Calls("addItem")), 40)
		})
	})
	t.Run("with the credentials", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, _ := newService(t)
			c := s.Client(hacarus.WithCredentials("nobody", "a secret of nobody's"))
			_, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 100)})
			require.ErrorIs(t, err, hacarus.ErrUnauthorized)
		})
	})
	t.Run("with the context", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := newService(t, hacarustest.WithPredictionTime(time.Hour))
			s.AddModel(hacarus.Model{})
			over := errors.New("the shift is over")
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, over)
			defer cancel()
			begun := time.Now()
			all, err := outcomesIn(ctx, t, c, hacarus.InspectRequest{Files: pictures(0, 200), BatchSize: 5})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, over)
			require.Equal(t, time.Minute, time.Since(begun))
			for _, result := range all {
				require.ErrorIs(t, result.Err, context.DeadlineExceeded)
				require.ErrorIs(t, result.Err, hacarus.ErrUnfinished)
			}
			require.NotEmpty(t, all[0].ItemID)
			require.Empty(t, all[199].ItemID)
		})
	})
}

// Leaving the range ends the work.
func TestInspectStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := newService(t)
		var traffic gauge
		c := s.Client(hacarus.WithHTTPClient(&http.Client{Transport: traffic.around(s.Transport())}))
		s.AddModel(hacarus.Model{})
		s.Inject("addItem", append(make([]hacarustest.Fault, 3), hacarustest.Repeat(50, hacarustest.Delay(time.Hour))...)...)
		n := 0
		for _, err := range c.Inspect(t.Context(), hacarus.InspectRequest{Files: pictures(0, 1000), Journal: filepath.Join(t.TempDir(), "journal")}) {
			require.NoError(t, err)
			if n++; n == 7 {
				break
			}
		}
		require.Zero(t, traffic.now.Load())
		calls := len(s.Calls(""))
		time.Sleep(time.Hour)
		require.Len(t, s.Calls(""), calls)
	})
}

func TestInspectArguments(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		files := pictures(0, 1)
		for name, req := range map[string]hacarus.InspectRequest{
			"batch size":  {Files: files, BatchSize: -1},
			"huge batch":  {Files: files, BatchSize: 200_000},
			"batch bytes": {Files: files, BatchBytes: -1},
			"concurrency": {Files: files, Concurrency: -1},
			"grace":       {Files: files, Grace: -1},
			"model":       {Files: files, ModelID: "a/b"},
			"wait":        {Files: files, Wait: []hacarus.WaitOption{nil}},
		} {
			n := 0
			for result, err := range c.Inspect(t.Context(), req) {
				require.Nil(t, result, name)
				require.ErrorIs(t, err, hacarus.ErrInvalidArgument, name)
				n++
			}
			require.Equal(t, 1, n, name)
		}
		require.Empty(t, s.Calls(""))
	})
}

func TestInspectRefusesAnyNumberOfCalls(t *testing.T) {
	t.Parallel()
	_, c := newService(t)
	_, err := outcomes(t, c, hacarus.InspectRequest{Concurrency: 1001})
	require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
}

// A service that is busy is left alone by all calls at once, for as long as it
// says.
func TestInspectHoldsBack(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"addItem", "predictItems"} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, _ := newService(t)
				s.AddModel(hacarus.Model{})
				const pause = 40 * time.Second
				var until time.Time // no call before that
				broken := 0
				watched := testkit.Proxy(s.Transport(), func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
					// What went out in the same moment was on its way already.
					if now := time.Now(); now.Before(until) && now.After(until.Add(-pause)) {
						broken++
					}
					answer, err := next.RoundTrip(r)
					if err == nil && (answer.StatusCode == http.StatusTooEarly || answer.StatusCode == http.StatusTooManyRequests) {
						until = time.Now().Add(pause)
					}
					return answer, err
				})
				c := s.Client(hacarus.WithHTTPClient(&http.Client{Transport: watched}))
				after := http.Header{"Retry-After": {"40"}}
				s.Inject(operation, hacarustest.Fault{}, hacarustest.Status(425, after, "{}"), hacarustest.Status(429, after, "{}"), hacarustest.Fault{}, hacarustest.Status(429, after, "{}"))
				all, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 300), BatchSize: 10})
				require.NoError(t, err)
				requireVerdicts(t, 0, all)
				require.Zero(t, broken)
			})
		})
	}
}

// However long it is busy.
func TestInspectOutlastsABusyService(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{})
		s.Inject("predictItems", hacarustest.Repeat(500, refusal(425))...)
		s.Inject("addItem", hacarustest.Repeat(100, refusal(429))...)
		all, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 60)})
		require.NoError(t, err)
		requireVerdicts(t, 0, all)
		plates.RequireOnce(t, 60, plates.Predictions(t, s))
	})
}

// all ranges to the end over files that come from a Source.
func all(ctx context.Context, t *testing.T, c *hacarus.Client, req hacarus.InspectRequest) (results []*hacarus.Inspection, end error) {
	t.Helper()
	for result, err := range c.Inspect(ctx, req) {
		require.NoError(t, end, "an error is the last thing")
		if err != nil {
			end = err
			continue
		}
		results = append(results, result)
	}
	return results, end
}

// A Source may pause: what it gave before goes on its way, and what it gives
// later has the same room. Its files bring their tags with them.
func TestInspectSource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t, hacarustest.WithPredictionTime(time.Second))
		s.AddModel(hacarus.Model{})
		begun := time.Now()
		source := func(yield func(hacarus.File) bool) {
			for n, file := range pictures(0, 100) {
				if n%33 == 32 {
					time.Sleep(time.Hour)
				}
				file.Tag = n
				if !yield(file) {
					return
				}
			}
		}
		var last hacarus.InspectProgress
		n := 0
		for result, err := range c.Inspect(t.Context(), hacarus.InspectRequest{
			Source: source, Progress: func(p hacarus.InspectProgress) { last = p },
		}) {
			require.NoError(t, err)
			require.NoError(t, result.Err)
			number := result.Tag.(int)
			require.Equal(t, result.Index, number)
			require.Equal(t, plates.Verdict(number), result.Verdict)
			require.Less(t, time.Since(begun)-time.Duration((number+1)/33)*time.Hour, 10*time.Second, "not held back by what comes later")
			n++
		}
		require.Equal(t, 100, n)
		require.Equal(t, hacarus.InspectProgress{Uploaded: 100, Predicted: 100, Assessed: 100}, last)
		require.LessOrEqual(t, len(s.Calls("addItem")), 10, "batches, all the same")
	})
}

// The end of the context ends an inspection whose Source never comes back, and
// leaving the range does.
func TestInspectSourceThatBlocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{})
		forever := make(chan struct{})
		source := func(yield func(hacarus.File) bool) {
			for _, file := range pictures(0, 3) {
				if !yield(file) {
					return
				}
			}
			<-forever
			yield(pictures(3, 4)[0]) // nobody takes it
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		results, err := all(ctx, t, c, hacarus.InspectRequest{Source: source})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Len(t, results, 3)
		for _, err := range c.Inspect(t.Context(), hacarus.InspectRequest{Source: source}) {
			require.NoError(t, err)
			break
		}
		close(forever)
	})
}

// A label that is neither OK nor NG is no verdict: nil means that there is one.
func TestInspectWithoutVerdict(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := newService(t)
		m := s.AddModel(hacarus.Model{})
		next := s.Transport()
		c := s.Client(hacarus.WithHTTPClient(&http.Client{Transport: testkit.RoundTrip(func(r *http.Request) (*http.Response, error) {
			answer, err := next.RoundTrip(r)
			if err == nil && strings.HasSuffix(r.URL.Path, "plate-00000") {
				text, err := io.ReadAll(answer.Body)
				require.NoError(t, err)
				text = bytes.ReplaceAll(text, []byte(`"label":"OK"`), []byte(`"label":"Defected"`))
				answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(text)), -1
				answer.Header.Del("Content-Length")
			}
			return answer, err
		})}))
		var last hacarus.InspectProgress
		for result, err := range c.Inspect(t.Context(), hacarus.InspectRequest{
			ModelID: m.ModelID, Files: pictures(0, 2), Progress: func(p hacarus.InspectProgress) { last = p },
		}) {
			require.NoError(t, err)
			if result.Index == 1 {
				require.NoError(t, result.Err)
				score, ok := result.Score()
				require.True(t, ok)
				require.Zero(t, score)
				continue
			}
			require.ErrorIs(t, result.Err, hacarus.ErrNoVerdict)
			require.ErrorContains(t, result.Err, `"Defected"`)
			require.Equal(t, hacarus.VerdictUnknown, result.Verdict)
			require.NotNil(t, result.Item, "to look at")
			text, err := json.Marshal(result)
			require.NoError(t, err)
			value, err := json.Marshal(*result)
			require.NoError(t, err)
			require.Equal(t, text, value)
			require.JSONEq(t, `{"file":"plate-00000.png","index":0,"item_id":"plate-00000","verdict":"unknown","score":0,
				"error":"hacarus: item plate-00000: neither OK nor NG: the label is \"Defected\""}`, string(text))
		}
		require.Equal(t, 1, last.Assessed)
		require.Equal(t, 1, last.Failed)
	})
}

// What ends the run is the outcome of the others, in one line, and not a
// cancellation that nobody asked for.
func TestInspectBlamesTheCause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t, hacarustest.WithPredictionTime(time.Hour))
		s.AddModel(hacarus.Model{})
		s.Inject("addItem", append(hacarustest.Repeat(6, hacarustest.Delay(time.Second)), refusal(403), hacarustest.Delay(time.Hour))...)
		results, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 200)})
		require.ErrorIs(t, err, hacarus.ErrForbidden)
		for _, result := range results {
			require.ErrorIs(t, result.Err, hacarus.ErrForbidden)
			require.NotErrorIs(t, result.Err, context.Canceled)
			require.NotContains(t, result.Err.Error(), "canceled")
			require.NotContains(t, result.Err.Error(), "\n")
		}
	})
}

// A file that is at fault itself is told from one that was under way when something
// ended the run, also where an upload was cut off and nobody knows its outcome.
func TestUnfinishedFiles(t *testing.T) {
	t.Parallel()
	files := append(pictures(0, 60), hacarus.FileFromBytes("text.png", []byte("no image")))
	ends := map[string]func(*hacarustest.Server) error{
		"license": func(s *hacarustest.Server) error {
			s.Inject("addItem", hacarustest.Fault{}, hacarustest.Stall(), hacarustest.Stall(), refusal(403).Delayed(time.Second/2))
			return hacarus.ErrForbidden
		},
		"context": func(s *hacarustest.Server) error {
			s.Inject("addItem", hacarustest.Fault{}, hacarustest.Stall())
			return context.DeadlineExceeded
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, c := newService(t)
				s.AddModel(hacarus.Model{})
				want := end(s)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				all, err := outcomesIn(ctx, t, c, hacarus.InspectRequest{Files: files, BatchSize: 5})
				require.ErrorIs(t, err, want)
				unknown, left := 0, 0
				for _, result := range all[:60] {
					if result.Err == nil {
						continue
					}
					require.ErrorIs(t, result.Err, hacarus.ErrUnfinished)
					left++
					if errors.Is(result.Err, hacarus.ErrOutcomeUnknown) {
						unknown++
					}
				}
				require.NotZero(t, left)
				require.NotZero(t, unknown)
			})
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := newService(t)
			s.AddModel(hacarus.Model{})
			all, err := outcomes(t, c, hacarus.InspectRequest{Files: files})
			require.NoError(t, err)
			require.ErrorIs(t, all[60].Err, hacarus.ErrBadRequest)
			require.NotErrorIs(t, all[60].Err, hacarus.ErrUnfinished)
		})
	})
	t.Run("upload", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			_, c := newService(t, hacarustest.WithoutLicense())
			left := 0
			for uploaded, err := range c.Upload(t.Context(), hacarus.UploadRequest{Files: files}) {
				if uploaded == nil {
					require.ErrorIs(t, err, hacarus.ErrLicense)
					continue
				}
				require.ErrorIs(t, uploaded.Err, hacarus.ErrUnfinished)
				left++
			}
			require.Len(t, files, left)
		})
	})
}

// Panics of what the user gives come to the goroutine that ranges, or are the
// outcome of the file that they are of.
func TestInspectPanics(t *testing.T) {
	t.Parallel()
	t.Run("of files", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := newService(t)
			s.AddModel(hacarus.Model{})
			files := pictures(0, 3)
			for _, what := range []string{"open", "read", "close"} {
				files = append(files, hacarus.File{Name: what + ".png", Size: int64(len(plates.Picture(0))), Open: func() (io.ReadCloser, error) {
					if what == "open" {
						panic(what)
					}
					return &panicking{plates.Picture(0), what}, nil
				}})
			}
			results, err := outcomes(t, c, hacarus.InspectRequest{Files: files})
			require.NoError(t, err)
			requireVerdicts(t, 0, results[:3])
			for _, result := range results[3:] {
				require.ErrorContains(t, result.Err, "panic")
			}
		})
	})
	for name, req := range map[string]hacarus.InspectRequest{
		"progress": {Files: pictures(0, 50), Progress: func(hacarus.InspectProgress) { panic("mine") }},
		"source":   {Source: func(func(hacarus.File) bool) { panic("mine") }},
		"store":    {Files: pictures(0, 50), Store: panickingStore{hacarus.NewMemoryJournal()}},
	} {
		t.Run("of "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, c := newService(t)
				s.AddModel(hacarus.Model{})
				require.PanicsWithValue(t, "mine", func() { _, _ = all(t.Context(), t, c, req) })
				calls := len(s.Calls(""))
				time.Sleep(time.Hour)
				require.Len(t, s.Calls(""), calls, "nothing goes on")
			})
		})
	}
	for _, operation := range []string{"addItem", "predictItems", "getItemById", "getModelById"} {
		t.Run("of the observer of "+operation, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, _ := newService(t)
				m := s.AddModel(hacarus.Model{})
				c := s.Client(hacarus.WithObserver(func(_ context.Context, a hacarus.Attempt) {
					if a.Operation == operation {
						panic("mine")
					}
				}))
				require.PanicsWithValue(t, "mine", func() {
					_, _ = all(t.Context(), t, c, hacarus.InspectRequest{ModelID: m.ModelID, Files: pictures(0, 50)})
				})
			})
		})
	}
}

// panicking is content of which one method panics.
type panicking struct {
	content []byte
	what    string
}

func (p *panicking) Read(b []byte) (int, error) {
	if p.what == "read" {
		panic("read")
	}
	n := copy(b, p.content)
	p.content = p.content[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (p *panicking) Close() error { panic("close") }

type panickingStore struct{ hacarus.JournalStore }

func (s panickingStore) Append(ctx context.Context, durable bool, lines ...[]byte) error {
	if len(lines) > 1 {
		panic("mine")
	}
	return s.JournalStore.Append(ctx, durable, lines...)
}

// A nil client, or more than one place to take something from, is refused.
func TestInspectRefusesContradictions(t *testing.T) {
	t.Parallel()
	s, c := newService(t)
	var none *hacarus.Client
	refused := func(c *hacarus.Client, req hacarus.InspectRequest) {
		t.Helper()
		_, err := all(t.Context(), t, c, req)
		require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
	}
	refused(none, hacarus.InspectRequest{})
	refused(c, hacarus.InspectRequest{Files: pictures(0, 1), Source: func(func(hacarus.File) bool) {}})
	refused(c, hacarus.InspectRequest{Journal: filepath.Join(t.TempDir(), "j"), Store: hacarus.NewMemoryJournal()})
	refused(c, hacarus.InspectRequest{Remember: -1})
	_, err := none.WaitForModel(t.Context(), "m")
	require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
	for _, err := range none.WaitForItems(t.Context(), "m", []string{"a"}) {
		require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
	}
	for _, err := range none.PredictAndWait(t.Context(), "m", []string{"a"}) {
		require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
	}
	for _, err := range none.Upload(t.Context(), hacarus.UploadRequest{}) {
		require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
	}
	require.Empty(t, s.Calls(""))
}
