package hacarustest

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/internal/journal"
)

// The SDK's own stores keep all promises, and so does one that another owner can
// take over.
func TestJournalStoresKeepTheirPromises(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	memory := hacarus.NewMemoryJournal()
	for name, open := range map[string]func() (hacarus.JournalStore, error){
		"file":   func() (hacarus.JournalStore, error) { return hacarus.NewFileJournal(path) },
		"memory": func() (hacarus.JournalStore, error) { return memory, nil },
		"table":  new(table).open,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, TestJournalStore(open))
		})
	}
}

// A folder that knows neither locks nor fsync keeps all that one owner is promised,
// and nobody from taking a journal over without a word.
func TestJournalStoreOnAShare(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	err := TestJournalStore(func() (hacarus.JournalStore, error) { return journal.OpenFileOn(share{}, path) })
	for _, p := range journalPromises {
		switch p.name {
		case "a former owner is refused":
			require.ErrorContains(t, err, p.name)
		case "nothing is added behind the back of a new owner", "a compaction during which another one takes over has not been",
			"a former owner's Close is nothing to the new one":
		default:
			require.NotContains(t, err.Error(), p.name)
		}
	}
}

// share is such a folder.
type share struct{}

type shareFile struct{ *os.File }

func (shareFile) Sync() error { return syscall.EINVAL }

func (share) Open(path string) (journal.Handle, bool, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	return shareFile{file}, false, err
}

func (share) Close(file journal.Handle) error { return file.Close() }

func (share) Replace(old journal.Handle, path string, by journal.Handle, byPath string) (journal.Handle, error) {
	if err := errors.Join(old.Close(), by.Close(), os.Rename(byPath, path)); err != nil {
		return nil, err
	}
	file, _, err := share{}.Open(path)
	return file, err
}

func (share) Stat(path string) (os.FileInfo, error) { return os.Stat(path) }

func (share) SyncFolder(string) error { return syscall.EINVAL }

// Each promise is broken by a store at least, and the check says which one it is.
func TestJournalStoreFindsBrokenPromises(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for name, test := range brokenStores {
		found[test.promise] = true
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				shared := new(table)
				err := TestJournalStore(func() (hacarus.JournalStore, error) { return &broken{session: session{table: shared}, how: test}, nil })
				require.ErrorContains(t, err, "journal store: "+test.promise+": ")
			})
		})
	}
	for _, p := range journalPromises {
		require.True(t, found[p.name], "no store breaks this: %s", p.name)
	}
}

// letOthersCome waits until all other goroutines of the bubble can go no further,
// so that what comes in between does so in each run.
func letOthersCome() { time.Sleep(time.Nanosecond) }

// What open does wrong is told, too.
func TestJournalStoreThatDoesNotOpen(t *testing.T) {
	t.Parallel()
	mine := errors.New("mine")
	require.ErrorIs(t, TestJournalStore(func() (hacarus.JournalStore, error) { return nil, mine }), mine)
	require.ErrorContains(t, TestJournalStore(func() (hacarus.JournalStore, error) { return nil, nil }), "neither a store nor an error")
	require.ErrorIs(t, TestJournalStore(func() (hacarus.JournalStore, error) { return nil, hacarus.ErrJournalLocked }), hacarus.ErrJournalLocked)
	require.ErrorContains(t, TestJournalStore(func() (hacarus.JournalStore, error) { return hacarus.NewMemoryJournal(), nil }), "next owner")
	shared := new(table)
	require.ErrorIs(t, TestJournalStore(func() (hacarus.JournalStore, error) {
		return &broken{session{table: shared}, brokenStore{close: func(*session) error { return mine }}}, nil
	}), mine)
}

// table is a journal in a place that several stores can reach: each may take it
// over from the one before.
type table struct {
	mu    sync.Mutex
	lines [][]byte
	owner *session
}

func (b *table) open() (hacarus.JournalStore, error) { return &session{table: b}, nil }

// session is a store of a table.
type session struct {
	*table
	buffering sync.Mutex
	buffer    [][]byte // of those that are buffered
}

func (s *session) Lines(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		s.mu.Lock()
		s.owner = s
		lines := slices.Clone(s.lines)
		s.mu.Unlock()
		for _, line := range lines {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(line, nil) {
				return
			}
		}
	}
}

func (s *session) Append(ctx context.Context, _ bool, lines ...[]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owner != s {
		return hacarus.ErrJournalLocked
	}
	for _, line := range lines {
		s.lines = append(s.lines, bytes.Clone(line))
	}
	return ctx.Err()
}

func (s *session) Compact(ctx context.Context, lines iter.Seq[[]byte]) error {
	var all [][]byte
	for line := range lines {
		all = append(all, bytes.Clone(line))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owner != s {
		return hacarus.ErrJournalLocked
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.lines = all
	return nil
}

func (s *session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owner == s {
		s.owner = nil
	}
	return nil
}

// brokenStore is how a store breaks a promise; nil fields do as a session does.
type brokenStore struct {
	promise string
	lines   func(ctx context.Context, s *session, yield func([]byte, error) bool)
	append  func(ctx context.Context, s *session, durable bool, lines [][]byte) error
	compact func(ctx context.Context, s *session, lines iter.Seq[[]byte]) error
	close   func(s *session) error
}

type broken struct {
	session
	how brokenStore
}

func (b *broken) Lines(ctx context.Context) iter.Seq2[[]byte, error] {
	if b.how.lines == nil {
		return b.session.Lines(ctx)
	}
	return func(yield func([]byte, error) bool) { b.how.lines(ctx, &b.session, yield) }
}

func (b *broken) Append(ctx context.Context, durable bool, lines ...[]byte) error {
	if b.how.append == nil {
		return b.session.Append(ctx, durable, lines...)
	}
	return b.how.append(ctx, &b.session, durable, lines)
}

func (b *broken) Compact(ctx context.Context, lines iter.Seq[[]byte]) error {
	if b.how.compact == nil {
		return b.session.Compact(ctx, lines)
	}
	return b.how.compact(ctx, &b.session, lines)
}

func (b *broken) Close() error {
	if b.how.close == nil {
		return b.session.Close()
	}
	return b.how.close(&b.session)
}

// yielding yields something else than the lines of a session.
func yielding(promise string, change func(lines [][]byte) [][]byte) brokenStore {
	return brokenStore{promise: promise, lines: func(ctx context.Context, s *session, yield func([]byte, error) bool) {
		var all [][]byte
		for line, err := range s.Lines(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			all = append(all, line)
		}
		for _, line := range change(all) {
			if !yield(line, nil) {
				return
			}
		}
	}}
}

// rewriting yields something else in the place of each line.
func rewriting(change func(line []byte) []byte) brokenStore {
	return yielding("lines come back as they were, in their order", func(lines [][]byte) [][]byte {
		for n := range lines {
			lines[n] = change(lines[n])
		}
		return lines
	})
}

// set makes lines those of the table, whoever owns it, and whoever may change them.
func (b *table) set(lines ...[]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = lines
}

func (b *table) all() [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lines)
}

func (b *table) ownedBy(s *session) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.owner == s
}

func clones(lines iter.Seq[[]byte]) (all [][]byte) {
	for line := range lines {
		all = append(all, bytes.Clone(line))
	}
	return all
}

var brokenStores = map[string]brokenStore{
	"one that begins by itself": yielding("a new journal has no lines", func(lines [][]byte) [][]byte {
		if len(lines) == 0 {
			return [][]byte{[]byte(`{"hacarus_journal":1,"model":"active"}`)}
		}
		return lines
	}),
	"a heap": yielding("lines come back as they were, in their order", func(lines [][]byte) [][]byte {
		slices.SortFunc(lines, bytes.Compare)
		return lines
	}),
	"a set": yielding("lines come back as they were, in their order", func(lines [][]byte) [][]byte {
		return slices.CompactFunc(lines, bytes.Equal)
	}),
	"a text file": rewriting(func(line []byte) []byte {
		return bytes.TrimSuffix(line, []byte("\r"))
	}),
	"a store of JSON": rewriting(func(line []byte) []byte {
		return bytes.ReplaceAll(line, []byte(`" : `), []byte(`":`))
	}),
	"a store of normalized text": rewriting(func(line []byte) []byte {
		return bytes.ReplaceAll(line, []byte("e\u0301"), []byte("\u00e9"))
	}),
	"a column of 64 KiB": rewriting(func(line []byte) []byte {
		return line[:min(len(line), 65_535)]
	}),
	"one line at a time": {
		promise: "lines come back as they were, in their order",
		append: func(ctx context.Context, s *session, durable bool, lines [][]byte) error {
			return s.Append(ctx, durable, lines[:min(len(lines), 1)]...)
		},
	},
	"the first page": yielding("many lines come back", func(lines [][]byte) [][]byte { return lines[:min(len(lines), 1000)] }),
	"keeps what it is given": {
		promise: "slices stay their caller's",
		append: func(ctx context.Context, s *session, durable bool, lines [][]byte) error {
			err := s.Append(ctx, durable)
			if err == nil {
				s.set(append(s.all(), lines...)...)
			}
			return err
		},
	},
	"changes what it is given": {
		promise: "slices stay their caller's",
		append: func(ctx context.Context, s *session, durable bool, lines [][]byte) error {
			err := s.Append(ctx, durable, lines...)
			for _, line := range lines {
				line[0] = 0
			}
			return err
		},
	},
	"keeps nothing": {
		promise: "lines come back as they were, in their order",
		close: func(s *session) error {
			s.set()
			return s.Close()
		},
	},
	"a buffer": {
		promise: "durable lines are there for the next owner",
		append: func(ctx context.Context, s *session, durable bool, lines [][]byte) error {
			if len(lines) == 0 || !s.ownedBy(s) {
				return s.Append(ctx, durable)
			}
			s.buffering.Lock()
			defer s.buffering.Unlock()
			s.buffer = append(s.buffer, clones(slices.Values(lines))...)
			if !durable {
				return nil
			}
			lines, s.buffer = s.buffer, nil
			return s.Append(ctx, true, lines...)
		},
		close: func(s *session) error {
			err := s.Append(context.Background(), true, s.buffer...)
			if errors.Is(err, hacarus.ErrJournalLocked) {
				err = nil
			}
			return errors.Join(err, s.Close())
		},
	},
	"yields on": {
		promise: "a range over the lines may be left",
		lines: func(ctx context.Context, s *session, yield func([]byte, error) bool) {
			for line, err := range s.Lines(ctx) {
				yield(line, err)
			}
		},
	},
	"ends with its context": {
		promise: "all lines, or an error",
		lines: func(ctx context.Context, s *session, yield func([]byte, error) bool) {
			for line, err := range s.Lines(ctx) {
				if err != nil || !yield(line, nil) {
					return
				}
			}
		},
	},
	"half a line": {
		promise: "an append whose context has ended leaves whole lines",
		append: func(ctx context.Context, s *session, durable bool, lines [][]byte) error {
			if ctx.Err() != nil {
				lines = [][]byte{lines[0][:5]}
			}
			return s.Append(ctx, durable, lines...)
		},
	},
	"nothing, and no error": {
		promise: "an append whose context has ended leaves whole lines",
		append: func(ctx context.Context, s *session, durable bool, lines [][]byte) error {
			if ctx.Err() != nil {
				return nil
			}
			return s.Append(ctx, durable, lines...)
		},
	},
	"line by line": {
		promise: "lines of one append stay together",
		append: func(ctx context.Context, s *session, durable bool, lines [][]byte) error {
			for _, line := range lines {
				if err := s.Append(ctx, durable, line); err != nil {
					return err
				}
				letOthersCome()
			}
			return s.Append(ctx, durable)
		},
	},
	"the last one wins": {
		promise: "lines of one append stay together",
		append: func(_ context.Context, s *session, _ bool, lines [][]byte) error {
			if !s.ownedBy(s) {
				return hacarus.ErrJournalLocked
			}
			all := s.all()
			letOthersCome()
			s.set(append(all, clones(slices.Values(lines))...)...)
			return nil
		},
	},
	"adds in place of replacing": {
		promise: "a compaction replaces all lines",
		compact: func(ctx context.Context, s *session, lines iter.Seq[[]byte]) error {
			return s.Append(ctx, true, clones(lines)...)
		},
	},
	"keeps what is compacted": {
		promise: "a compaction replaces all lines",
		compact: func(ctx context.Context, s *session, lines iter.Seq[[]byte]) error {
			return s.Compact(ctx, slices.Values(slices.Collect(lines)))
		},
	},
	"as far as it came": {
		promise: "a compaction whose context ends is whole or has not been",
		compact: func(ctx context.Context, s *session, lines iter.Seq[[]byte]) error {
			var all [][]byte
			for line := range lines {
				if ctx.Err() != nil {
					break
				}
				all = append(all, bytes.Clone(line))
			}
			return s.Compact(context.WithoutCancel(ctx), slices.Values(all))
		},
	},
	"writes over what is there": {
		promise: "a compaction that panics has not been",
		compact: func(ctx context.Context, s *session, lines iter.Seq[[]byte]) error {
			if !s.ownedBy(s) {
				return hacarus.ErrJournalLocked
			}
			s.set()
			return s.Append(ctx, true, clones(lines)...)
		},
	},
	"catches panics": {
		promise: "a compaction that panics has not been",
		compact: func(ctx context.Context, s *session, lines iter.Seq[[]byte]) error {
			defer func() { _ = recover() }()
			return s.Compact(ctx, lines)
		},
	},
	"everybody's": {
		promise: "a former owner is refused",
		append: func(_ context.Context, s *session, _ bool, lines [][]byte) error {
			s.set(append(s.all(), clones(slices.Values(lines))...)...)
			return nil
		},
	},
	"another error": {
		promise: "a former owner is refused",
		append: func(ctx context.Context, s *session, durable bool, lines [][]byte) error {
			if err := s.Append(ctx, durable, lines...); err != nil {
				return errors.New("somebody else's")
			}
			return nil
		},
	},
	"refused, and added": {
		promise: "a former owner is refused",
		append: func(ctx context.Context, s *session, durable bool, lines [][]byte) error {
			err := s.Append(ctx, durable, lines...)
			if errors.Is(err, hacarus.ErrJournalLocked) {
				s.set(append(s.all(), clones(slices.Values(lines))...)...)
			}
			return err
		},
	},
	"compacted by everybody": {
		promise: "a former owner is refused",
		compact: func(_ context.Context, s *session, lines iter.Seq[[]byte]) error {
			s.set(clones(lines)...)
			return nil
		},
	},
	"owned when it is read": {
		promise: "nothing is added behind the back of a new owner",
		lines: func(_ context.Context, s *session, yield func([]byte, error) bool) {
			for _, line := range s.all() {
				if !yield(line, nil) {
					return
				}
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.owner = s
		},
	},
	"asks whose it is too early": {
		promise: "a compaction during which another one takes over has not been",
		compact: func(_ context.Context, s *session, lines iter.Seq[[]byte]) error {
			if !s.ownedBy(s) {
				return hacarus.ErrJournalLocked
			}
			s.set(clones(lines)...)
			return nil
		},
	},
	"closes for everybody": {
		promise: "a former owner's Close is nothing to the new one",
		close: func(s *session) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.owner = nil
			return nil
		},
	},
	"open for ever": {
		promise: "after Close nothing is written",
		close:   func(*session) error { return nil },
	},
}
