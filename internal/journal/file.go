package journal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sync"
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
	// Replace puts one open file in the place of another. It closes the old one,
	// and returns the new one under its new name, locked as before.
	Replace(old Handle, path string, by Handle, byPath string) (Handle, error)
	// SyncFolder makes the name of the file outlast a power failure.
	SyncFolder(path string) error
}

// File is a store in a file of JSON lines, which are only ever added, so that a
// process may end at any point: a line that is not whole is the last one.
type File struct {
	path string
	sys  System

	mu     sync.Mutex
	handle Handle
	locked bool
	size   int64 // of what is whole
	ready  bool  // all lines were read, so that size is known
	// failed is why nothing more is written: what stands behind it is unknown.
	failed error

	syncing sync.Mutex
	synced  int64
}

// OpenFile opens the journal in a file, and makes it if it is not there.
func OpenFile(path string) (*File, error) { return OpenFileOn(systemCalls{}, path) }

// OpenFileOn is OpenFile on another operating system than this one.
func OpenFileOn(sys System, path string) (*File, error) {
	handle, locked, err := sys.Open(path)
	if err != nil {
		return nil, err
	}
	if err := sys.SyncFolder(path); err != nil {
		return nil, errors.Join(err, sys.Close(handle))
	}
	return &File{path: path, sys: sys, handle: handle, locked: locked}, nil
}

// Locked says whether the file system keeps other processes from the journal.
func (f *File) Locked() bool { return f.locked }

// Path is the path that the file was opened by.
func (f *File) Path() string { return f.path }

// Lines yields the lines from the beginning. A last line that was not written
// to its end is no line, and neither is what a power failure left of it; the
// next one is written in their place.
func (f *File) Lines(context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		f.mu.Lock()
		handle := f.handle
		f.ready = false
		f.mu.Unlock()
		info, err := handle.Stat()
		if err != nil {
			yield(nil, err)
			return
		}
		r := lineReader{
			from: bufio.NewReaderSize(io.NewSectionReader(handle, 0, info.Size()), maxLine), end: info.Size(),
		}
		for line, err := range r.lines {
			if !yield(line, err) || err != nil {
				return
			}
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if r.size < info.Size() {
			if err := handle.Truncate(r.size); err != nil {
				yield(nil, err)
				return
			}
		}
		f.size, f.synced, f.ready = r.size, 0, true
	}
}

// lineReader tells lines from what a crash left behind them.
type lineReader struct {
	from *bufio.Reader
	size int64 // of the lines that were read
	end  int64 // of the file
}

func (r *lineReader) lines(yield func([]byte, error) bool) {
	for {
		line, err := r.from.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			yield(nil, fmt.Errorf("%w: a line of more than %d bytes", ErrInvalid, maxLine))
			return
		case err != nil && !errors.Is(err, io.EOF):
			yield(nil, err)
			return
		case r.size == 0 && !mayBeHeader(line):
			yield(nil, fmt.Errorf("%w: not a journal", ErrInvalid))
			return
		case err != nil || r.torn(line):
			return
		}
		r.size += int64(len(line))
		if !yield(bytes.TrimSuffix(line, []byte("\n")), nil) {
			return
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

// Append adds lines in one go.
func (f *File) Append(_ context.Context, durable bool, lines ...[]byte) error {
	var text []byte
	for _, line := range lines {
		text = append(append(text, line...), '\n')
	}
	size, err := f.write(text)
	if err != nil || !durable {
		return err
	}
	return f.sync(size)
}

func (f *File) write(text []byte) (size int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil && !f.ready {
		f.failed = errors.New("written to before it was read")
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
	if err := handle.Sync(); err != nil {
		return err
	}
	f.synced = size
	return nil
}

// Compact writes a new file beside the old one, and puts it in its place when
// it is on the disk. A process that ends before that leaves the old one.
func (f *File) Compact(ctx context.Context, lines iter.Seq[[]byte]) error {
	f.syncing.Lock()
	defer f.syncing.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return f.failed
	}
	path := f.path + ".new"
	file, _, err := f.sys.Open(path)
	if err != nil {
		return err
	}
	size, err := writeAll(ctx, file, lines)
	if err != nil {
		return errors.Join(err, f.sys.Close(file))
	}
	handle, err := f.sys.Replace(f.handle, f.path, file, path)
	if err != nil {
		f.failed = err
		return err
	}
	f.handle, f.size, f.synced, f.ready = handle, size, size, true
	return nil
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
	return size, file.Sync()
}

// Close ends the use of the file. What was added is on the disk.
func (f *File) Close() error {
	return errors.Join(f.handle.Sync(), f.sys.Close(f.handle))
}
