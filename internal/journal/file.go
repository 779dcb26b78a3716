package journal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// maxLine bounds a line, in bytes. What has a longer one was not written here.
const maxLine = 1 << 20

// Handle is an open file, of which a [File] reads and writes at places that it
// knows.
type Handle interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
	Truncate(size int64) error
	Stat() (os.FileInfo, error)
}

// System is what a [File] needs of the operating system.
type System interface {
	// Open opens a file for this process alone, and makes it if it is not there.
	// Where there is a lock, it ends with the file or with the process.
	Open(path string) (file Handle, locked bool, err error)
	// Close ends the lock, and closes the file.
	Close(file Handle) error
	// Replace puts one open file in the place of another, and closes that. It
	// returns the one that is there now, open and locked as before: the old one
	// if it failed, nil if neither is.
	Replace(old Handle, path string, by Handle, byPath string) (Handle, error)
	// Stat tells which file is at a path now.
	Stat(path string) (os.FileInfo, error)
	// SyncFolder makes the name of the file outlast a power failure.
	SyncFolder(path string) error
}

// File is a store in a file of JSON lines, which are only ever added, so that a
// process may end at any point: a line that is not whole is the last one.
type File struct {
	path   string
	target string // where the path leads, through links: what is renamed
	sys    System

	mu     sync.Mutex
	handle Handle
	locked bool
	info   os.FileInfo // which file it is
	size   int64       // of what is whole
	ready  bool        // all lines were read, so that size is known
	// failed is why nothing more is written: what stands behind it is unknown.
	failed error

	syncing sync.Mutex
	synced  int64
}

// OpenFile opens the journal in a file, and makes it if it is not there.
func OpenFile(path string) (*File, error) { return OpenFileOn(systemCalls{}, path) }

// OpenFileOn is OpenFile on another operating system than this one.
func OpenFileOn(sys System, path string) (*File, error) {
	if info, err := sys.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: not a regular file", ErrInvalid) // opening a pipe could take for ever
	}
	for {
		f, err := openOn(sys, path)
		if err != nil || f.inPlace() == nil {
			return f, err
		}
		if err := sys.Close(f.handle); err != nil { // it was replaced by its owner before the lock was there
			return nil, err
		}
	}
}

func openOn(sys System, path string) (*File, error) {
	handle, locked, err := sys.Open(path)
	if err != nil {
		return nil, err
	}
	f := &File{path: path, target: path, sys: sys, handle: handle, locked: locked}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		f.target = target
	}
	if err = f.identify(); err == nil {
		err = f.checkName()
	}
	if err == nil {
		err = tolerant(sys.SyncFolder(f.target))
	}
	if err != nil {
		return nil, errors.Join(err, sys.Close(handle))
	}
	return f, nil
}

// identify notes which file is open.
func (f *File) identify() error {
	info, err := f.handle.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: not a regular file", ErrInvalid)
	}
	f.info = info
	return err
}

// inPlace fails when the open file is not the one at its path any more: another
// run may have begun a journal there, and would do everything again.
func (f *File) inPlace() error {
	info, err := f.sys.Stat(f.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w: it was moved or removed while in use", ErrLocked)
	case err != nil:
		return err
	case !os.SameFile(info, f.info):
		return fmt.Errorf("%w: another file has taken its place", ErrLocked)
	}
	return nil
}

// tolerant forgives a file system that does not know how to put something on
// its disk: shares return EINVAL or ENOTSUP, and a folder may be closed to
// readers. It has promised nothing, and work need not stop for that.
func tolerant(err error) error {
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, os.ErrPermission) {
		return nil
	}
	return err
}

// Locked says whether the file system keeps other processes from the journal.
func (f *File) Locked() bool { return f.locked }

// Path is the path that the file was opened by.
func (f *File) Path() string { return f.path }

// Lines yields the lines from the beginning. A last line that was not written
// to its end is no line, and neither is what a power failure left of it; the
// next one is written in their place.
func (f *File) Lines(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		f.mu.Lock()
		handle := f.handle
		f.ready = false
		f.mu.Unlock()
		if handle == nil {
			yield(nil, os.ErrClosed)
			return
		}
		info, err := handle.Stat()
		if err != nil {
			yield(nil, err)
			return
		}
		r := newLineReader(handle, info.Size())
		for line, err := range r.lines {
			if err == nil {
				err = ctx.Err()
			}
			if !yield(line, err) || err != nil {
				return
			}
		}
		if err := f.cut(r.size, info.Size()); err != nil {
			yield(nil, err)
		}
	}
}

// cut takes off what stands behind the last whole line.
func (f *File) cut(size, end int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if size < end {
		if err := f.handle.Truncate(size); err != nil {
			return err
		}
	}
	f.size, f.synced, f.ready = size, 0, true
	return nil
}

func newLineReader(file io.ReaderAt, size int64) *lineReader {
	return &lineReader{from: bufio.NewReaderSize(io.NewSectionReader(file, 0, size), maxLine), end: size}
}

// lineReader tells lines from what a crash left behind them.
type lineReader struct {
	from *bufio.Reader
	size int64 // of the lines that were read
	end  int64 // of the file
}

// lines ends at the first line that is not whole. So is one with zeros in it:
// a power failure leaves those where a page was not written, and what stands
// behind them was not on the disk when it was relied upon.
func (r *lineReader) lines(yield func([]byte, error) bool) {
	for {
		line, err := r.from.ReadSlice('\n')
		hole := bytes.IndexByte(line, 0) >= 0
		switch {
		case r.size == 0 && hole && r.isZero(line):
			return
		case r.size == 0 && !mayBeHeader(line):
			yield(nil, fmt.Errorf("%w: not a journal", ErrInvalid))
			return
		case hole || errors.Is(err, io.EOF) || err == nil && r.torn(line):
			return
		case errors.Is(err, bufio.ErrBufferFull):
			yield(nil, fmt.Errorf("%w: a line of more than %d bytes", ErrInvalid, maxLine))
			return
		case err != nil:
			yield(nil, err)
			return
		}
		r.size += int64(len(line))
		if !yield(bytes.TrimSuffix(line, []byte("\n")), nil) {
			return
		}
	}
}

// isZero says whether the file is nothing but zeros: its very beginning was
// lost, and nothing else is in it.
func (r *lineReader) isZero(line []byte) bool {
	for {
		if len(bytes.Trim(line, "\x00")) > 0 {
			return false
		}
		var err error
		if line, err = r.from.ReadSlice('\n'); len(line) == 0 && err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

// torn says whether this is the last line, and not what was written.
func (r *lineReader) torn(line []byte) bool {
	return r.size+int64(len(line)) == r.end && !json.Valid(line)
}

// mayBeHeader says whether a file that begins so can be a journal, also one
// whose first line was not written to its end. Any other file is left alone.
func mayBeHeader(line []byte) bool {
	if bytes.HasSuffix(line, []byte("\n")) {
		return bytes.HasPrefix(line, []byte(headerStart))
	}
	known := min(len(line), len(headerStart))
	return string(line[:known]) == headerStart[:known]
}

// Append adds lines in one go. What is durable is relied upon, so it is not
// written for a journal that has another place, or another owner, by now.
func (f *File) Append(_ context.Context, durable bool, lines ...[]byte) error {
	var text []byte
	for _, line := range lines {
		text = append(append(text, line...), '\n')
	}
	size, err := f.write(text, durable)
	if err != nil || !durable {
		return err
	}
	return f.sync(size)
}

func (f *File) write(text []byte, durable bool) (size int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil && !f.ready {
		f.failed = errors.New("written to before it was read")
	}
	if f.failed == nil && durable {
		f.failed = f.inPlace()
	}
	if f.failed == nil {
		var n int
		n, f.failed = f.handle.WriteAt(text, f.size)
		f.size += int64(n)
	}
	return f.size, f.failed
}

// sync puts the file on the disk up to a size. Those who wait for it at the
// same time share one.
func (f *File) sync(size int64) error {
	f.syncing.Lock()
	defer f.syncing.Unlock()
	if f.synced >= size {
		return nil
	}
	f.mu.Lock()
	size, handle := f.size, f.handle
	f.mu.Unlock()
	if err := tolerant(handle.Sync()); err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.failed = err // what is on the disk is unknown from here on
		return err
	}
	f.synced = size
	return nil
}

// successor is the file that a compaction writes.
func (f *File) successor() string { return f.target + ".new" }

// checkName refuses a name so long that the journal could never be compacted.
func (f *File) checkName() error {
	if _, err := f.sys.Stat(f.successor()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: no room for its successor's name: %w", ErrInvalid, err)
	}
	return nil
}

// Compact writes a new file beside the old one, and puts it in its place when
// it is on the disk. A process that ends before that leaves the old one.
func (f *File) Compact(ctx context.Context, lines iter.Seq[[]byte]) (err error) {
	f.syncing.Lock()
	defer f.syncing.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil {
		f.failed = f.inPlace()
	}
	if f.failed != nil {
		return f.failed
	}
	path := f.successor()
	file, _, err := f.sys.Open(path)
	if err != nil {
		return err
	}
	written := false
	defer func() {
		if !written { // also when the sequence panics
			err = errors.Join(err, f.sys.Close(file))
		}
	}()
	size, err := writeAll(ctx, file, lines)
	if err != nil {
		return err
	}
	written = true
	return f.replace(file, path, size)
}

// replace goes on with another file.
func (f *File) replace(file Handle, path string, size int64) error {
	handle, err := f.sys.Replace(f.handle, f.target, file, path)
	if handle == f.handle && err != nil {
		return err // and with this one
	}
	f.handle = handle
	if err == nil {
		err = tolerant(f.sys.SyncFolder(f.target))
	}
	if err == nil {
		err = f.identify()
	}
	f.failed = err
	f.size, f.synced, f.ready = size, size, true
	return err
}

// writeAll makes lines the whole of a file, and puts it on the disk.
func writeAll(ctx context.Context, file Handle, lines iter.Seq[[]byte]) (size int64, err error) {
	if err := file.Truncate(0); err != nil {
		return 0, err
	}
	w := bufio.NewWriterSize(io.NewOffsetWriter(file, 0), 256<<10)
	for line := range lines {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		_, _ = w.Write(line) // Flush tells
		_ = w.WriteByte('\n')
		size += int64(len(line)) + 1
	}
	if err := w.Flush(); err != nil {
		return 0, err
	}
	return size, tolerant(file.Sync())
}

// Close ends the use of the file. What was added is on the disk.
func (f *File) Close() error {
	f.syncing.Lock()
	defer f.syncing.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.handle == nil {
		return nil
	}
	err := errors.Join(tolerant(f.handle.Sync()), f.sys.Close(f.handle))
	f.handle, f.failed = nil, os.ErrClosed
	return err
}
