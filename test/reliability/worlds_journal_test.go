package reliability

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/internal/journal"
)

// keeping is where the journal of a world is kept from one life of the program
// to the next.
type keeping interface {
	// open is what a life of the program has of it.
	open(*life) (hacarus.JournalStore, error)
	// crash loses what a power failure may lose.
	crash(*dice)
	// edit changes what is there.
	edit(func(text []byte) []byte)
	text() []byte
}

var timeInJournal = regexp.MustCompile(`"time":"([^"]+)"`)

// shifted is a journal as it would be if it had been written by a clock that was
// behind by so much.
func shifted(text []byte, by time.Duration) []byte {
	return timeInJournal.ReplaceAllFunc(text, func(field []byte) []byte {
		written, err := time.Parse(time.RFC3339Nano, string(timeInJournal.FindSubmatch(field)[1]))
		if err != nil { // a power failure has spoilt it
			return field
		}
		return []byte(`"time":"` + written.Add(-by).Format(time.RFC3339Nano) + `"`)
	})
}

// saysStrange is in a journal that knows that ids do not follow from names.
var saysStrange = regexp.MustCompile(`"strange":true.*\n`)

// keptLines are the lines of a journal that is not a file.
type keptLines struct {
	mu    sync.Mutex
	lines [][]byte
	sure  int // lines that outlast a power failure
}

func (k *keptLines) open(l *life) (hacarus.JournalStore, error) { return &linesOfLife{k, l}, nil }

func (k *keptLines) crash(d *dice) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lines = k.lines[:k.sure+d.below(len(k.lines)-k.sure+1)]
	k.sure = len(k.lines)
}

func (k *keptLines) edit(change func([]byte) []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for n, line := range k.lines {
		k.lines[n] = change(line)
	}
}

func (k *keptLines) text() (text []byte) {
	for _, line := range k.lines {
		text = append(append(text, line...), '\n')
	}
	return text
}

// linesOfLife is what one life of the program has of them.
type linesOfLife struct {
	*keptLines
	life *life
}

func (s *linesOfLife) Lines(context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		s.mu.Lock()
		lines := slices.Clone(s.lines)
		s.mu.Unlock()
		for _, line := range lines {
			if !yield(line, nil) {
				return
			}
		}
	}
}

func (s *linesOfLife) Append(_ context.Context, durable bool, lines ...[]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.life.system(func() error {
		for _, line := range lines {
			s.lines = append(s.lines, bytes.Clone(line))
		}
		if durable {
			s.sure = len(s.lines)
		}
		return nil
	})
}

func (s *linesOfLife) Compact(_ context.Context, lines iter.Seq[[]byte]) error {
	var all [][]byte
	for line := range lines {
		all = append(all, bytes.Clone(line))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.life.system(func() error {
		s.lines, s.sure = all, len(all)
		return nil
	})
}

func (s *linesOfLife) Close() error { return nil }

// keptFile is a journal in a file, on a disk of which it is known what a power
// failure leaves.
type keptFile struct {
	path    string
	forbids bool // the folder knows no fsync and no locks; there is no power failure then

	inUse  *fileOfLife
	former []byte // what stood at the path before it was replaced, as long as that may come back; nil: nothing
}

func (k *keptFile) open(l *life) (hacarus.JournalStore, error) {
	return journal.OpenFileOn(&systemOfLife{k, l}, k.path)
}

func (k *keptFile) text() []byte {
	text, err := os.ReadFile(k.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		panic(err)
	}
	return text
}

func (k *keptFile) edit(change func([]byte) []byte) {
	if len(k.text()) == 0 {
		return
	}
	if err := os.WriteFile(k.path, change(k.text()), 0o600); err != nil {
		panic(err)
	}
	k.inUse, k.former = nil, nil // all of this is there
}

// sector is what a disk writes whole or not at all, in bytes.
const sector = 512

// crash leaves what was synced, and of the rest some bytes, or zeros in their place.
func (k *keptFile) crash(d *dice) {
	if k.forbids || k.inUse == nil {
		return
	}
	k.edit(func(text []byte) []byte {
		sure := k.inUse.sure
		if k.former != nil && d.chance(0.5) {
			return k.former
		}
		kept := text[:sure+d.below(len(text)-sure+1)]
		if at := (sure + sector - 1) / sector * sector; at < len(kept) && d.chance(0.3) {
			at += sector * d.below((len(kept)-at+sector-1)/sector)
			clear(kept[at:min(at+sector, len(kept))]) // written later than those behind it
		}
		return kept
	})
}

// systemOfLife is the operating system that one life of the program runs on.
type systemOfLife struct {
	*keptFile
	life *life
}

func (s *systemOfLife) Open(path string) (journal.Handle, bool, error) {
	var file *os.File
	err := s.life.system(func() (err error) {
		file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		return err
	})
	if err != nil {
		if file != nil {
			err = errors.Join(err, file.Close())
		}
		return nil, false, err
	}
	size, err := file.Seek(0, io.SeekEnd)
	opened := &fileOfLife{file, s, int(size)}
	if path == s.path {
		s.inUse, s.former = opened, nil
	}
	s.life.opened.Add(1)
	return opened, !s.forbids, err
}

func (s *systemOfLife) Close(file journal.Handle) error {
	s.life.opened.Add(-1)
	return file.(*fileOfLife).Close()
}

func (s *systemOfLife) Replace(old journal.Handle, path string, by journal.Handle, byPath string) (journal.Handle, error) {
	err := s.life.system(func() error {
		if s.former == nil {
			s.former = s.text()
		}
		s.inUse = by.(*fileOfLife)
		return os.Rename(byPath, path)
	})
	if err != nil {
		return old, errors.Join(err, s.Close(by))
	}
	return by, s.Close(old)
}

func (s *systemOfLife) Stat(path string) (os.FileInfo, error) { return os.Stat(path) }

func (s *systemOfLife) SyncFolder(string) error {
	return s.life.system(func() error {
		if s.forbids {
			return syscall.EINVAL
		}
		s.former = nil
		return nil
	})
}

// fileOfLife is an open file.
type fileOfLife struct {
	*os.File
	system *systemOfLife
	sure   int // bytes that outlast a power failure
}

// WriteAt writes in two parts: the life may end between them.
func (f *fileOfLife) WriteAt(p []byte, at int64) (n int, err error) {
	middle := f.system.life.world.dice.below(len(p) + 1)
	for _, part := range [][]byte{p[:middle], p[middle:]} {
		err = f.system.life.system(func() error {
			written, err := f.File.WriteAt(part, at+int64(n))
			n += written
			return err
		})
		if err != nil {
			break
		}
	}
	return n, err
}

func (f *fileOfLife) Sync() error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return f.system.life.system(func() error {
		if f.system.forbids {
			return syscall.ENOTSUP
		}
		f.sure = int(info.Size())
		return nil
	})
}

func (f *fileOfLife) Truncate(size int64) error {
	return f.system.life.system(func() error {
		f.sure = min(f.sure, int(size))
		return f.File.Truncate(size)
	})
}
