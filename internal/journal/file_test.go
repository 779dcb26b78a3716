package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// lines reads all lines of a store.
func lines(t *testing.T, s Store) (all []string, err error) {
	t.Helper()
	for line, err := range s.Lines(t.Context()) {
		if err != nil {
			return all, err
		}
		all = append(all, string(line))
	}
	return all, nil
}

const head = headerStart + `1,"model":"m"}`

// What a crash left behind the last whole line is cut off; a file that is no
// journal is left as it is.
func TestFileLines(t *testing.T) {
	t.Parallel()
	whole := head + "\n" + `{"n":1}` + "\n" + `{"n":2}` + "\n"
	two := []string{head, `{"n":1}`, `{"n":2}`}
	for name, test := range map[string]struct {
		content string
		want    []string // nil: no journal
	}{
		"whole":                        {whole, two},
		"empty":                        {"", []string{}},
		"torn":                         {whole + `{"n":`, two},
		"torn, with an end":            {whole + "{\"n\":\n", two},
		"zeros":                        {whole + strings.Repeat("\x00", 100), two},
		"a hole":                       {whole + strings.Repeat("\x00", 600) + `{"n":3}` + "\n" + `{"n":4}` + "\n", two},
		"a hole of megabytes":          {whole + strings.Repeat("\x00", 3<<20) + `{"n":3}` + "\n", two},
		"a hole in a line":             {whole + `{"n":` + strings.Repeat("\x00", 9) + "}\n" + `{"n":4}` + "\n", two},
		"a torn header":                {head[:12], []string{}},
		"a header of zeros":            {strings.Repeat("\x00", 4096), []string{}},
		"a header of megabytes":        {strings.Repeat("\x00", 3<<20), []string{}},
		"zeros, and something":         {strings.Repeat("\x00", 4096) + `{"n":3}` + "\n", nil},
		"a photograph":                 {"\xff\xd8\xff\xe0\x00\x10JFIF", nil},
		"a line":                       {"a photograph\n", nil},
		"a first line without an end":  {strings.Repeat("x", 2*maxLine), nil},
		"a second line without an end": {whole + strings.Repeat("x", 2*maxLine), nil},
	} {
		path := filepath.Join(t.TempDir(), "journal")
		require.NoError(t, os.WriteFile(path, []byte(test.content), 0o600))
		f, err := OpenFile(path)
		require.NoError(t, err, name)
		got, err := lines(t, f)
		if test.want == nil {
			require.ErrorIs(t, err, ErrInvalid, name)
			require.NoError(t, f.Close())
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, test.content, string(after), name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, test.want, append([]string{}, got...), name)
		require.NoError(t, f.Append(t.Context(), true, []byte(`{"n":5}`)), name)
		require.NoError(t, f.Close())
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, strings.Join(append(test.want, `{"n":5}`), "\n")+"\n", string(after), name)
	}
}

// Other kinds of files are refused without waiting for what never comes.
func TestFileOfAnotherKind(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	pipe := filepath.Join(folder, "pipe")
	require.NoError(t, makePipe(pipe))
	for _, path := range []string{pipe, os.DevNull, folder} {
		_, err := OpenFile(path)
		require.ErrorIs(t, err, ErrInvalid, path)
		for _, err := range Read(path) {
			require.ErrorIs(t, err, ErrInvalid, path)
		}
	}
}

// A journal whose successor could not have a name would grow without an end.
func TestFileOfALongName(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	f, err := OpenFile(filepath.Join(folder, strings.Repeat("n", 251)))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	_, err = OpenFile(filepath.Join(folder, strings.Repeat("n", 252)))
	require.ErrorIs(t, err, ErrInvalid)
}

// A journal whose path leads elsewhere by now is not relied upon.
func TestFileThatWasMoved(t *testing.T) {
	t.Parallel()
	for name, move := range map[string]func(path string) error{
		"removed":  os.Remove,
		"renamed":  func(path string) error { return os.Rename(path, path+".old") },
		"replaced": func(path string) error { return errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)) },
	} {
		path := filepath.Join(t.TempDir(), "journal")
		f, err := OpenFile(path)
		require.NoError(t, err)
		_, err = lines(t, f)
		require.NoError(t, err)
		require.NoError(t, f.Append(t.Context(), true, []byte(head)))
		require.NoError(t, move(path))
		require.ErrorIs(t, f.Append(t.Context(), true, []byte(`{}`)), ErrLocked, name)
		require.ErrorIs(t, f.Append(t.Context(), false, []byte(`{}`)), ErrLocked, name)
		require.NoError(t, f.Close())
	}
}

// One owner at a time, also after the file was replaced by a shorter one, and
// also through a link.
func TestFileHasOneOwner(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Symlink(path, link))
	f, err := OpenFile(link)
	require.NoError(t, err)
	require.True(t, f.Locked())
	_, err = lines(t, f)
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, f.Append(t.Context(), true, []byte(head), []byte(`{}`)))
		_, err = OpenFile(path)
		require.ErrorIs(t, err, ErrLocked)
		require.NoError(t, f.Compact(t.Context(), slices.Values([][]byte{[]byte(head)})))
	}
	require.NoError(t, f.Close())
	info, err := os.Lstat(link)
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&os.ModeSymlink)
	f, err = OpenFile(path)
	require.NoError(t, err)
	got, err := lines(t, f)
	require.NoError(t, err)
	require.Equal(t, []string{head}, got)
	require.NoError(t, f.Close())
}

// faultySystem is the operating system with a mind of its own.
type faultySystem struct {
	System
	fail func(call string) error // nil: none
}

func (s faultySystem) Open(path string) (Handle, bool, error) {
	if err := s.fail("open"); err != nil {
		return nil, false, err
	}
	file, locked, err := s.System.Open(path)
	if err != nil {
		return nil, false, err
	}
	if s.fail("lock") != nil {
		locked = false
	}
	return &faultyHandle{file, s.fail}, locked, nil
}

func (s faultySystem) Close(file Handle) error { return s.System.Close(file.(*faultyHandle).Handle) }

func (s faultySystem) Stat(path string) (os.FileInfo, error) { return s.System.Stat(path) }

func (s faultySystem) SyncFolder(path string) error {
	return cmpError(s.fail("sync folder"), func() error { return s.System.SyncFolder(path) })
}

func (s faultySystem) Replace(old Handle, path string, by Handle, byPath string) (Handle, error) {
	if err := s.fail("replace"); err != nil {
		return old, errors.Join(err, s.Close(by))
	}
	file, err := s.System.Replace(old.(*faultyHandle).Handle, path, by.(*faultyHandle).Handle, byPath)
	if err != nil {
		return nil, err
	}
	if err := s.fail("replaced"); err != nil {
		return nil, errors.Join(err, s.System.Close(file))
	}
	return &faultyHandle{file, s.fail}, nil
}

func cmpError(err error, otherwise func() error) error {
	if err != nil {
		return err
	}
	return otherwise()
}

type faultyHandle struct {
	Handle
	fail func(call string) error
}

// WriteAt writes a part of what it should when it fails.
func (h *faultyHandle) WriteAt(p []byte, at int64) (int, error) {
	if err := h.fail("write"); err != nil {
		n, _ := h.Handle.WriteAt(p[:len(p)/2], at)
		return n, err
	}
	return h.Handle.WriteAt(p, at)
}

func (h *faultyHandle) Sync() error { return cmpError(h.fail("sync"), h.Handle.Sync) }

func (h *faultyHandle) Truncate(size int64) error {
	return cmpError(h.fail("truncate"), func() error { return h.Handle.Truncate(size) })
}

// A share that can put nothing on its disk, and locks nothing, is used as it is;
// a disk that fails is not.
func TestFileOnAShare(t *testing.T) {
	t.Parallel()
	for _, err := range []error{syscall.EINVAL, syscall.ENOTSUP, syscall.EOPNOTSUPP, syscall.ENOSYS, os.ErrPermission} {
		sys := faultySystem{systemCalls{}, func(call string) error {
			if call == "sync" || call == "sync folder" || call == "lock" {
				return err
			}
			return nil
		}}
		f, err := OpenFileOn(sys, filepath.Join(t.TempDir(), "journal"))
		require.NoError(t, err)
		require.False(t, f.Locked())
		_, err = lines(t, f)
		require.NoError(t, err)
		require.NoError(t, f.Append(t.Context(), true, []byte(head)))
		require.NoError(t, f.Compact(t.Context(), slices.Values([][]byte{[]byte(head)})))
		require.NoError(t, f.Close())
	}
	broken := false
	sys := faultySystem{systemCalls{}, func(call string) error {
		if call == "sync" && broken {
			return syscall.EIO
		}
		return nil
	}}
	f, err := OpenFileOn(sys, filepath.Join(t.TempDir(), "journal"))
	require.NoError(t, err)
	_, err = lines(t, f)
	require.NoError(t, err)
	broken = true
	require.ErrorIs(t, f.Append(t.Context(), true, []byte(head)), syscall.EIO)
	broken = false
	require.ErrorIs(t, f.Append(t.Context(), true, []byte(head)), syscall.EIO, "nobody knows what is on the disk")
	require.NoError(t, f.Close())
}

// A sequence that panics leaves nothing open, so that the next compaction is not
// locked out by it.
func TestFileCompactionThatPanics(t *testing.T) {
	t.Parallel()
	f, err := OpenFile(filepath.Join(t.TempDir(), "journal"))
	require.NoError(t, err)
	_, err = lines(t, f)
	require.NoError(t, err)
	require.NoError(t, f.Append(t.Context(), true, []byte(head), []byte(`{}`)))
	require.PanicsWithValue(t, "mine", func() {
		_ = f.Compact(t.Context(), func(func([]byte) bool) { panic("mine") })
	})
	got, err := lines(t, f)
	require.NoError(t, err)
	require.Equal(t, []string{head, `{}`}, got)
	require.NoError(t, f.Compact(t.Context(), slices.Values([][]byte{[]byte(head)})))
	require.NoError(t, f.Close())
}

var errKilled = errors.New("killed")

// A process may end at any system call, and in the middle of what it writes.
// Then the lines that were relied upon are there, each whole and in its order,
// whether the journal was just compacted or not.
func TestFileSurvivesKills(t *testing.T) {
	t.Parallel()
	for at := 1; ; at++ {
		path := filepath.Join(t.TempDir(), "journal")
		calls, killed := 0, false
		sys := faultySystem{systemCalls{}, func(string) error {
			calls++
			if killed = killed || calls == at; killed {
				return errKilled
			}
			return nil
		}}
		acknowledged, tried := 0, 0
		work := func() error {
			f, err := OpenFileOn(sys, path)
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }()
			if _, err = lines(t, f); err != nil {
				return err
			}
			for n := range 12 {
				tried = n + 1
				if err := f.Append(t.Context(), true, fmt.Appendf(nil, `%s,"n":%d}`, strings.TrimSuffix(head, "}"), n)); err != nil {
					return err
				}
				acknowledged = tried
				if n%4 != 3 {
					continue
				}
				all, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				err = f.Compact(t.Context(), slices.Values(bytes.Split(bytes.TrimSuffix(all, []byte("\n")), []byte("\n"))))
				if err != nil {
					return err
				}
			}
			return nil
		}
		ended := work()
		f, err := OpenFile(path)
		require.NoError(t, err)
		got, err := lines(t, f)
		require.NoError(t, err, "killed at call %d", at)
		require.NoError(t, f.Close())
		require.GreaterOrEqual(t, len(got), acknowledged, "killed at call %d", at)
		require.LessOrEqual(t, len(got), tried)
		for n, line := range got {
			require.Contains(t, line, fmt.Sprintf(`"n":%d}`, n))
		}
		if !killed {
			require.NoError(t, ended)
			require.Greater(t, at, 30)
			return
		}
	}
}
