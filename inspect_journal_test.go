package hacarus_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit/plates"
)

// A second run with the same files sends nothing again, and has all verdicts.
func TestJournalResumes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		m := s.AddModel(hacarus.Model{})
		req := hacarus.InspectRequest{ModelID: m.ModelID, Files: pictures(0, 50), Journal: filepath.Join(t.TempDir(), "journal")}
		for range 3 {
			all, err := outcomes(t, c, req)
			require.NoError(t, err)
			requireVerdicts(t, 0, all)
			plates.RequireOnce(t, 50, plates.Uploads(s))
			plates.RequireOnce(t, 50, plates.Predictions(t, s))
		}
		// Some new ones beside the old ones.
		req.Files = append(pictures(50, 60), req.Files[10:20]...)
		all, err := outcomes(t, c, req)
		require.NoError(t, err)
		requireVerdicts(t, 50, all[:10])
		requireVerdicts(t, 10, all[10:])
		plates.RequireOnce(t, 60, plates.Uploads(s))
	})
}

// A run that ended in the middle of anything is taken up where it was.
func TestJournalAfterAnEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t, hacarustest.WithPredictionTime(30*time.Second))
		s.AddModel(hacarus.Model{})
		req := hacarus.InspectRequest{
			Files: pictures(0, 120), BatchSize: 10, Grace: time.Minute, Journal: filepath.Join(t.TempDir(), "journal"),
		}
		s.Inject("addItem", hacarustest.Repeat(20, hacarustest.Delay(3*time.Second))...)
		s.Inject("predictItems", hacarustest.Repeat(20, hacarustest.Delay(2*time.Second))...)
		for ended := 1; ; ended++ {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(5+ended)*time.Second)
			all, err := outcomesIn(ctx, t, c, req)
			cancel()
			if err == nil {
				requireVerdicts(t, 0, all)
				require.Greater(t, ended, 5)
				break
			}
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Less(t, ended, 100)
		}
		plates.RequireOnce(t, 120, plates.Uploads(s))
		plates.RequireOnce(t, 120, plates.Predictions(t, s))
	})
}

// A name that comes again with another content is another item, and files of
// one name and content are as many items.
func TestJournalKnowsContent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{})
		journal := filepath.Join(t.TempDir(), "journal")
		latest := func(numbers ...int) (files []hacarus.File) {
			for _, n := range numbers {
				files = append(files, hacarus.FileFromBytes("latest.png", plates.Picture(n)))
			}
			return files
		}
		ids := map[string]bool{}
		for _, numbers := range [][]int{{0}, {4}, {0, 4}, {5, 4, 0}, {4, 4, 4}} {
			for range 2 {
				all, err := outcomes(t, c, hacarus.InspectRequest{Files: latest(numbers...), Journal: journal})
				require.NoError(t, err)
				for n, result := range all {
					require.NoError(t, result.Err)
					require.Equal(t, plates.Verdict(numbers[n]), result.Verdict)
					ids[result.ItemID] = true
				}
			}
		}
		require.Len(t, ids, 5)
		plates.RequireOnce(t, 5, plates.Uploads(s))
		plates.RequireOnce(t, 5, plates.Predictions(t, s))
	})
}

// A last line that was not written to its end is taken off; any other damage
// is refused, and a file that is no journal is left alone.
func TestJournalRepair(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		m := s.AddModel(hacarus.Model{})
		path := filepath.Join(t.TempDir(), "journal")
		req := hacarus.InspectRequest{ModelID: m.ModelID, Files: pictures(0, 3), Journal: path}
		_, err := outcomes(t, c, req)
		require.NoError(t, err)
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		lines := bytes.SplitAfter(whole, []byte("\n"))
		last := len(whole) - len(lines[len(lines)-2])

		for name, content := range map[string][]byte{
			"torn":          whole[:len(whole)-1],
			"nearly gone":   whole[:last+1],
			"zeros":         append(bytes.Clone(whole[:last]), make([]byte, 100)...),
			"zeros, ended":  append(bytes.Clone(whole[:last]), "\x00\x00\x00\n"...),
			"empty":         nil,
			"torn header":   whole[:12],
			"header alone":  lines[0],
			"a longer tail": append(bytes.Clone(whole), `{"time":"2026-`...),
		} {
			require.NoError(t, os.WriteFile(path, content, 0o644), name)
			all, err := outcomes(t, c, req)
			require.NoError(t, err, name)
			requireVerdicts(t, 0, all)
			repaired, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, bytes.HasPrefix(repaired, lines[0]), name)
			require.True(t, bytes.HasSuffix(repaired, []byte("\n")), name)
			require.NotContains(t, string(repaired), "\x00")
		}
		for name, content := range map[string][]byte{
			"damaged inside": bytes.Replace(whole, lines[2], []byte("{}\n"), 1),
			"cut inside":     bytes.Replace(whole, lines[2], lines[2][5:], 1),
			"another kind":   []byte("a photograph, with a\nline in it"),
			"without a line": []byte("a photograph"),
			"another format": []byte(`{"hacarus_journal":99,"model":"` + m.ModelID + "\"}\n"),
		} {
			require.NoError(t, os.WriteFile(path, content, 0o644))
			for _, err := range c.Inspect(t.Context(), req) {
				require.ErrorIs(t, err, hacarus.ErrInvalidArgument, name)
				require.ErrorContains(t, err, path)
			}
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, content, after, name)
		}
	})
}

// A journal belongs to one model, and to one inspection at a time.
func TestJournalIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{ModelID: "m1"})
		s.AddModel(hacarus.Model{ModelID: "m2"})
		req := hacarus.InspectRequest{ModelID: "m1", Files: pictures(0, 3), Journal: filepath.Join(t.TempDir(), "journal")}
		refused := func(req hacarus.InspectRequest, want error) (text string) {
			for result, err := range c.Inspect(t.Context(), req) {
				require.Nil(t, result)
				require.ErrorIs(t, err, want)
				text += err.Error()
			}
			return text
		}
		for _, err := range c.Inspect(t.Context(), req) {
			require.NoError(t, err)
			require.NotEmpty(t, refused(req, hacarus.ErrJournalLocked))
		}
		calls := len(s.Calls(""))
		req.ModelID = "m2"
		text := refused(req, hacarus.ErrInvalidArgument)
		require.Contains(t, text, `"m1"`)
		require.Contains(t, text, `"m2"`)
		req.Journal = filepath.Join(t.TempDir(), "no", "such", "folder")
		require.NotEmpty(t, refused(req, os.ErrNotExist))
		require.Len(t, s.Calls(""), calls, "nothing is sent")
	})
}

// A file that can be read once cannot be known again, and one that changes
// after it was looked at is not sent.
func TestJournalFiles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{})
		path := filepath.Join(t.TempDir(), "changing.png")
		require.NoError(t, os.WriteFile(path, plates.Picture(1), 0o644))
		changing := hacarus.FileFromPath(path)
		open := changing.Open
		reads := 0
		changing.Open = func() (io.ReadCloser, error) {
			if reads++; reads == 2 {
				require.NoError(t, os.WriteFile(path, plates.Picture(2), 0o644))
			}
			return open()
		}
		all, err := outcomes(t, c, hacarus.InspectRequest{
			Files: []hacarus.File{
				hacarus.FileFromReader("once.png", strings.NewReader("x"), 1), changing,
				hacarus.FileFromReader("pipe.png", iotest.OneByteReader(strings.NewReader("x")), 1),
			},
			Journal: filepath.Join(t.TempDir(), "journal"),
		})
		require.NoError(t, err)
		require.ErrorIs(t, all[0].Err, hacarus.ErrBadRequest)
		require.ErrorContains(t, all[1].Err, "changed")
		require.ErrorIs(t, all[2].Err, hacarus.ErrInvalidArgument)
		require.Empty(t, plates.Uploads(s))
	})
}

// A journal of a clock that was ahead does not make anybody wait for that time.
func TestJournalFromTheFuture(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{})
		s.Inject("predictItems", hacarustest.ResetConnection().Before())
		request := hacarus.InspectRequest{Files: pictures(0, 3), Grace: time.Minute, Journal: filepath.Join(t.TempDir(), "shift")}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := outcomesIn(ctx, t, c, request)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		text, err := os.ReadFile(request.Journal)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(request.Journal, bytes.ReplaceAll(text, []byte(`"2000-01-01T`), []byte(`"2000-01-03T`)), 0o600))
		began := time.Now()
		all, err := outcomes(t, c, request)
		require.NoError(t, err)
		requireVerdicts(t, 0, all)
		require.Less(t, time.Since(began), 2*time.Minute)
		require.Equal(t, 1, s.Executions("addItem"))
	})
}

// Two files whose names differ in bytes that are no text are two files, in every run.
func TestJournalKnowsRawNames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{})
		req := hacarus.InspectRequest{
			Files: []hacarus.File{
				hacarus.FileFromBytes("\x8c\x9f.png", plates.Picture(4)), hacarus.FileFromBytes("\x8d\xb8.png", plates.Picture(4)),
				hacarus.FileFromBytes("\ufffd.png", plates.Picture(4)), hacarus.FileFromBytes("\ufffd\ufffd.png", plates.Picture(4)),
			},
			Journal: filepath.Join(t.TempDir(), "journal"),
		}
		for range 3 {
			results, err := outcomes(t, c, req)
			require.NoError(t, err)
			requireVerdicts(t, 4, results[:1])
			ids := map[string]bool{}
			for _, result := range results {
				require.Equal(t, hacarus.VerdictNG, result.Verdict)
				ids[result.ItemID] = true
			}
			require.Len(t, ids, 4)
			plates.RequireOnce(t, 4, plates.Uploads(s))
		}
		var names []string
		for entry, err := range hacarus.ReadJournal(req.Journal) {
			require.NoError(t, err)
			names = append(names, entry.File)
		}
		require.ElementsMatch(t, []string{"\x8c\x9f.png", "\x8d\xb8.png", "\ufffd.png", "\ufffd\ufffd.png"}, names)
	})
}

// A journal tells what became of each file, also while it is in use.
func TestReadJournal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t)
		s.AddModel(hacarus.Model{})
		req := hacarus.InspectRequest{
			Files: append(pictures(0, 5), hacarus.FileFromBytes("bad one.png", []byte("no image"))), BatchSize: 5, Concurrency: 1,
			Journal: filepath.Join(t.TempDir(), "journal"),
		}
		seen := 0
		for _, err := range c.Inspect(t.Context(), req) {
			require.NoError(t, err)
			n := 0
			for _, err := range hacarus.ReadJournal(req.Journal) {
				require.NoError(t, err)
				n++
			}
			require.GreaterOrEqual(t, n, seen)
			seen = n
		}
		entries := map[string]hacarus.JournalEntry{}
		for entry, err := range hacarus.ReadJournal(req.Journal) {
			require.NoError(t, err)
			require.Less(t, time.Since(entry.Time), time.Minute)
			entries[entry.File] = entry
		}
		require.Len(t, entries, 6)
		require.Equal(t, "done", entries["plate-00004.png"].Step)
		require.Equal(t, hacarus.VerdictNG, entries["plate-00004.png"].Verdict)
		require.Equal(t, "plate-00004", entries["plate-00004.png"].ItemID)
		require.Empty(t, entries["bad one.png"].Step)
		require.Equal(t, hacarus.VerdictUnknown, entries["bad one.png"].Verdict)
		require.Equal(t, hacarus.SafeName("bad one.png"), entries["bad one.png"].Upload)

		other := filepath.Join(t.TempDir(), "photograph")
		require.NoError(t, os.WriteFile(other, []byte("\xff\xd8\xff"), 0o600))
		for _, err := range hacarus.ReadJournal(other) {
			require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
		}
		for _, err := range hacarus.ReadJournal(filepath.Join(other, "nothing")) {
			require.Error(t, err)
		}
	})
}

// A store is used in the place of a file, by one run after the other.
func TestJournalStores(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		file, err := hacarus.NewFileJournal(filepath.Join(t.TempDir(), "journal"))
		require.NoError(t, err)
		for _, store := range []hacarus.JournalStore{hacarus.NewMemoryJournal(), file} {
			s, c := newService(t)
			s.AddModel(hacarus.Model{})
			for range 3 {
				results, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 30), Store: store})
				require.NoError(t, err)
				requireVerdicts(t, 0, results)
				plates.RequireOnce(t, 30, plates.Uploads(s))
			}
			require.NoError(t, store.Close())
		}
		_, err = hacarus.NewFileJournal(t.TempDir())
		require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
	})
}

// A journal that was moved away, so that another run could begin a new one, ends
// the run: nothing is uploaded that nobody would know of.
func TestJournalThatWasMoved(t *testing.T) {
	t.Parallel()
	for name, move := range map[string]func(path string) error{
		"removed": os.Remove,
		"renamed": func(path string) error { return os.Rename(path, path+".old") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "journal")
			synctest.Test(t, func(t *testing.T) {
				s, c := newService(t)
				s.AddModel(hacarus.Model{})
				source := func(yield func(hacarus.File) bool) {
					for n, file := range pictures(0, 20) {
						if n == 10 {
							time.Sleep(time.Minute)
							require.NoError(t, move(path))
						}
						if !yield(file) {
							return
						}
					}
				}
				results, err := all(t.Context(), t, c, hacarus.InspectRequest{Source: source, Journal: path})
				require.ErrorIs(t, err, hacarus.ErrJournalLocked)
				require.ErrorContains(t, err, path)
				for n, result := range results {
					if n < 10 {
						require.Equal(t, plates.Verdict(result.Index), result.Verdict)
					} else {
						require.ErrorIs(t, result.Err, hacarus.ErrJournalLocked)
					}
				}
				plates.RequireOnce(t, 10, plates.Uploads(s))
				results, err = outcomes(t, c, hacarus.InspectRequest{Files: pictures(10, 20), Journal: path})
				require.NoError(t, err)
				requireVerdicts(t, 10, results)
				plates.RequireOnce(t, 20, plates.Uploads(s))
			})
		})
	}
}

// What is endless forgets what is old, in its journal and in memory.
func TestJournalRemembers(t *testing.T) {
	t.Parallel()
	source := func(yield func(hacarus.File) bool) {
		for _, file := range pictures(0, 200) {
			if !yield(file) {
				return
			}
			time.Sleep(10 * time.Minute)
		}
	}
	for name, run := range map[string]func(ctx context.Context, c *hacarus.Client, path string) (succeeded int){
		"Inspect": func(ctx context.Context, c *hacarus.Client, path string) (n int) {
			for result, err := range c.Inspect(ctx, hacarus.InspectRequest{Source: source, Journal: path, Remember: 2 * time.Hour}) {
				if err == nil && result.Err == nil {
					n++
				}
			}
			return n
		},
		"Upload": func(ctx context.Context, c *hacarus.Client, path string) (n int) {
			for result, err := range c.Upload(ctx, hacarus.UploadRequest{Source: source, Journal: path, Remember: 2 * time.Hour}) {
				if err == nil && result.Err == nil {
					n++
				}
			}
			return n
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, c := newService(t)
				s.AddModel(hacarus.Model{})
				path := filepath.Join(t.TempDir(), "journal")
				require.Equal(t, 200, run(t.Context(), c, path))
				n := 0
				for entry, err := range hacarus.ReadJournal(path) {
					require.NoError(t, err)
					require.Less(t, time.Since(entry.Time), 3*time.Hour)
					n++
				}
				require.Greater(t, n, 11)
				require.Less(t, n, 20)
			})
		})
	}
}

// A clock that was years ahead, or behind, of what it is now makes nobody ask
// again at once for what was asked for a moment ago.
func TestJournalOfAnotherClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := newService(t, hacarustest.WithPredictionTime(20*time.Second))
		s.AddModel(hacarus.Model{})
		req := hacarus.InspectRequest{Files: pictures(0, 3), Grace: time.Minute, Journal: filepath.Join(t.TempDir(), "shift")}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := outcomesIn(ctx, t, c, req)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		moveJournal(t, req.Journal, "1997")
		results, err := outcomes(t, c, req)
		require.NoError(t, err)
		requireVerdicts(t, 0, results)
		plates.RequireOnce(t, 3, plates.Predictions(t, s))
	})
}

// moveJournal makes a journal one of a year other than that of the bubbles.
func moveJournal(t *testing.T, path, year string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, bytes.ReplaceAll(text, []byte(`"2000-`), []byte(`"`+year+`-`)), 0o600))
}
