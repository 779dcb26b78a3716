package hacarus

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hacarus/hacarus-check-go/internal/redact"
	"github.com/hacarus/hacarus-check-go/internal/wire"
)

// sniffLength is how many bytes tell a file's type.
const sniffLength = 512

// File is a file to upload. The functions FileFromPath, FileFromFS,
// FileFromBytes and FileFromReader make one; any source that can be opened
// again may be used directly.
type File struct {
	// Name is the base name that the service sees, of up to 255 bytes, without
	// control characters and without characters that change the direction of
	// writing (bidirectional overrides). The service seems to derive the item's id
	// from it, and was seen to refuse names with spaces or more than one dot.
	Name string
	// Size in bytes. Zero or less means that it is taken from the source when
	// it is opened, by Stat, Len or Seek.
	Size int64
	// ContentType of the part; "" is found from the first bytes.
	ContentType string
	// Open returns the content from its beginning. It is called once for each
	// attempt and once before, to look at the size and the first bytes. The
	// SDK closes what it returns, and has one file open at a time. A panic of Open,
	// or of what it returns, is the file's error. A read that
	// blocks holds the call, even when its context has ended: the SDK reads
	// nothing after the call, so it waits for the read that is under way.
	Open func() (io.ReadCloser, error)

	// Tag is handed through to [Inspection] and [Uploaded]: a lot, a serial
	// number. The SDK does not look at it.
	Tag any

	once   bool   // the source can be read only once
	secret bool   // no error may show the content
	path   string // where the file lies, as the user named it; "" for content without a place
}

// label is what the user knows the file by.
func (f File) label() string { return cmp.Or(f.path, f.Name) }

// FileFromPath uploads the file at path under its base name. The file is
// opened when the call is made; if it changes during the call, the call fails.
func FileFromPath(path string) File {
	return File{
		Name: filepath.Base(path),
		Size: -1,
		Open: func() (io.ReadCloser, error) { return openRegular(path) },
		path: path,
	}
}

// openRegular opens a file, but no other thing: opening a pipe may take for ever.
func openRegular(path string) (io.ReadCloser, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if mode := info.Mode(); !mode.IsRegular() && !mode.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("not a regular file: %v", mode.Type())}
	}
	return os.Open(path)
}

// FileFromFS uploads a file of fsys under its base name.
func FileFromFS(fsys fs.FS, name string) File {
	return File{
		Name: path.Base(name),
		Size: -1,
		Open: func() (io.ReadCloser, error) { return fsys.Open(name) },
		path: name,
	}
}

// FileFromBytes uploads data, which must not change during the call.
func FileFromBytes(name string, data []byte) File {
	return File{
		Name: name,
		Size: int64(len(data)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}
}

// FileFromReader uploads what r holds from where it stands; the SDK does not
// close r. An [io.Seeker] is rewound to that place for every attempt, and its
// size may be -1 for "to the end". Any other reader is sent once, so a call
// that fails while sending is not retried, and its size must be given.
func FileFromReader(name string, r io.Reader, size int64) File {
	if seeker, ok := r.(io.ReadSeeker); ok {
		if start, err := seeker.Seek(0, io.SeekCurrent); err == nil {
			return fileFromSeeker(name, seeker, start, size)
		}
	}
	file := File{Name: name, Size: size, once: true}
	if r != nil {
		file.Open = func() (io.ReadCloser, error) { return io.NopCloser(r), nil }
	}
	return file
}

func fileFromSeeker(name string, r io.ReadSeeker, start, size int64) File {
	return File{
		Name: name,
		Size: size,
		Open: func() (io.ReadCloser, error) {
			if _, err := r.Seek(start, io.SeekStart); err != nil {
				return nil, err
			}
			return seekable{r, start}, nil
		},
	}
}

// seekable is a seeker that the SDK may not close, and whose size counts from start.
type seekable struct {
	io.ReadSeeker
	start int64
}

func (seekable) Close() error { return nil }

// Len is how much there is to read from start on.
func (s seekable) Len() int64 {
	end, err := s.Seek(0, io.SeekEnd)
	if err != nil {
		return -1
	}
	if _, err := s.Seek(s.start, io.SeekStart); err != nil {
		return -1
	}
	return end - s.start
}

// maxFileName bounds a file's name, in bytes, as file systems do.
const maxFileName = 255

// checkFileName refuses names that are no base name, that break a multipart
// header, or that look like another. What else a name may hold is the
// service's to judge.
func checkFileName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("file name %q", name)
	case strings.ContainsAny(name, `/\`):
		return fmt.Errorf("file name %q is not a base name", name)
	case !utf8.ValidString(name):
		return fmt.Errorf("file name %q is not valid UTF-8", name)
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("file name %q has a control character", name)
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }):
		return fmt.Errorf("file name %q changes the direction of writing", name)
	case len(name) > maxFileName:
		return fmt.Errorf("file name of %d bytes, more than %d", len(name), maxFileName)
	}
	return nil
}

// source is a file as it was found when the call began.
type source struct {
	File
	info   fs.FileInfo   // nil when the source has none
	peeked io.ReadCloser // of a file that can be read once: its content, from the beginning
}

// newSource opens the file to learn its size and type; head is room for its
// first bytes. A source that panics has failed, here as later when the transport
// reads it.
func newSource(f File, head []byte) (s *source, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("file %q: panic while reading: %v", f.Name, r)
		}
	}()
	if err := checkFileName(f.Name); err != nil {
		return nil, err
	}
	if f.Open == nil {
		return nil, fmt.Errorf("file %q has nothing to open", f.Name)
	}
	if f.once && f.Size < 0 {
		return nil, fmt.Errorf("file %q: the size of a reader that cannot seek must be given", f.Name)
	}
	if f.ContentType != "" && !validContentType(f.ContentType) {
		return nil, fmt.Errorf("file %q: %q is not a content type", f.Name, f.ContentType)
	}
	s = &source{File: f}
	content, err := f.Open()
	if err != nil {
		return nil, err
	}
	if f.once {
		return s, s.peek(content)
	}
	defer content.Close()
	if err := s.measure(content); err != nil {
		return nil, err
	}
	if s.ContentType == "" {
		head = head[:min(sniffLength, s.Size)]
		if _, err := io.ReadFull(patient{content}, head); err != nil {
			return nil, fmt.Errorf("file %q: %w", f.Name, err)
		}
		s.ContentType = wire.ContentType(head)
	}
	return s, nil
}

func validContentType(contentType string) bool {
	_, _, err := mime.ParseMediaType(contentType)
	return err == nil && validHeaderValue(contentType)
}

// peek keeps the first bytes of a source that cannot be opened again.
func (s *source) peek(content io.ReadCloser) error {
	s.peeked = content
	if s.ContentType != "" {
		return nil
	}
	head := make([]byte, min(sniffLength, s.Size))
	n, err := io.ReadFull(patient{content}, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("file %q: %w", s.Name, err)
	}
	s.ContentType = wire.ContentType(head[:n])
	s.peeked = io.NopCloser(io.MultiReader(bytes.NewReader(head[:n]), content))
	return nil
}

// measure takes the size, if it was not given, and for files what tells a change.
func (s *source) measure(content io.ReadCloser) (err error) {
	if file, ok := content.(fs.File); ok {
		if s.info, err = file.Stat(); err != nil {
			return err
		}
		if s.info.IsDir() {
			return fmt.Errorf("%q is a folder", s.Name)
		}
	}
	if s.Size <= 0 {
		s.Size = s.lengthOf(content)
	}
	if s.Size < 0 {
		return fmt.Errorf("file %q has no size", s.Name)
	}
	return nil
}

// lengthOf is what is left to read, or the size that was given if the content cannot tell.
func (s *source) lengthOf(content io.Reader) int64 {
	switch c := content.(type) {
	case interface{ Len() int64 }:
		return c.Len()
	case interface{ Len() int }:
		return int64(c.Len())
	case io.ReadSeeker:
		if start, err := c.Seek(0, io.SeekCurrent); err == nil {
			return seekable{c, start}.Len()
		}
	}
	if s.info != nil && s.info.Mode().IsRegular() {
		return s.info.Size()
	}
	return s.Size
}

var errSourceChanged = errors.New("the file changed during the call")

// open opens the file for an attempt, and refuses one that has changed.
func (s *source) open() (io.ReadCloser, error) {
	if s.once {
		return s.peeked, nil
	}
	content, err := s.Open()
	if err != nil {
		return nil, err
	}
	if err := s.unchanged(content); err != nil {
		_ = content.Close()
		return nil, err
	}
	return content, nil
}

// unchanged refuses a file that is not as it was when the call began.
func (s *source) unchanged(content io.Reader) error {
	file, ok := content.(fs.File)
	if !ok || s.info == nil {
		return nil
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	replaced := os.SameFile(s.info, s.info) && !os.SameFile(s.info, info) // files of other systems are never the same
	if replaced || !info.ModTime().Equal(s.info.ModTime()) || info.Size() != s.info.Size() {
		return errSourceChanged
	}
	return nil
}

// patient is a reader that gives up on one that gives nothing.
type patient struct{ io.Reader }

func (p patient) Read(b []byte) (int, error) {
	for range maxIdleReads {
		if n, err := p.Reader.Read(b); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// field is a part of a form that is no file.
type field struct{ name, value string }

// multipartBody makes a form of fields and files, all files under one name.
func multipartBody(op operation, fields []field, name string, files []File, progress func(sent, total int64)) (*body, error) {
	form := &form{progress: progress}
	once := false
	seen := make(map[string]bool, len(files))
	head := make([]byte, sniffLength)
	for i, f := range files {
		if seen[f.Name] {
			return nil, argumentError(op.id, "two files named %q: their results could not be told apart", f.Name)
		}
		seen[f.Name] = true
		s, err := newSource(f, head)
		if err != nil {
			return nil, argumentError(op.id, "files[%d]: %w", i, err)
		}
		form.files = append(form.files, s)
		form.total += s.Size
		once = once || f.once
		if f.secret {
			form.secrets = &redact.Set{}
		}
	}
	contentType, err := form.render(fields, name)
	if err != nil {
		return nil, argumentError(op.id, "%w", err)
	}
	return &body{contentType: contentType, length: form.length(), open: form.open, once: once, secrets: form.secrets, form: form}, nil
}

// form is a multipart body whose files are read while it is sent: between
// them stand the heads, which are rendered before, so that the length is exact.
type form struct {
	heads    [][]byte // one before each file, and the final boundary
	files    []*source
	total    int64 // of the files
	progress func(sent, total int64)
	secrets  *redact.Set // learns the content of a secret file
}

// render writes everything but the files' contents.
func (f *form) render(fields []field, name string) (contentType string, err error) {
	var buffer bytes.Buffer
	w := multipart.NewWriter(&buffer)
	for _, field := range fields {
		if err := w.WriteField(field.name, field.value); err != nil {
			return "", err
		}
	}
	boundary := "--" + w.Boundary()
	if buffer.Len() > 0 {
		boundary = "\r\n" + boundary
	}
	// What multipart.Writer.CreatePart would write, at half a kilobyte less for each file.
	buffer.Grow((len(f.files) + 1) * 3 * len(boundary))
	ends := make([]int, 0, len(f.files)+1)
	for _, file := range f.files {
		buffer.WriteString(boundary)
		buffer.WriteString("\r\nContent-Disposition: ")
		buffer.WriteString(multipart.FileContentDisposition(name, file.Name))
		buffer.WriteString("\r\nContent-Type: ")
		buffer.WriteString(file.ContentType)
		buffer.WriteString("\r\n\r\n")
		ends = append(ends, buffer.Len())
		boundary = "\r\n--" + w.Boundary()
	}
	buffer.WriteString(boundary + "--\r\n")
	f.heads = make([][]byte, 0, len(f.files)+1)
	start := 0
	for _, end := range append(ends, buffer.Len()) {
		f.heads = append(f.heads, buffer.Bytes()[start:end])
		start = end
	}
	return w.FormDataContentType(), nil
}

func (f *form) length() int64 {
	n := f.total
	for _, head := range f.heads {
		n += int64(len(head))
	}
	return n
}

func (f *form) open() (io.ReadCloser, error) {
	if f.progress != nil {
		f.progress(0, f.total)
	}
	return &formReader{form: f, head: f.heads[0]}, nil
}

// formReader reads a form once. It opens one file at a time, and refuses to go
// on to the next boundary if a file does not have the length that was
// announced: a broken body is one that the service cannot act on.
type formReader struct {
	form    *form
	head    []byte // what is left of the current head
	next    int    // the file after the current head
	content io.ReadCloser
	left    int64 // of the content
	sent    int64 // of all files
	idle    int   // reads in a row that gave nothing
}

// maxIdleReads is how often a reader may give nothing before it counts as broken.
const maxIdleReads = 100

// Read fills p across heads and ends of files, as far as it need not wait for a
// slow reader: small pieces would cost the connection a write each.
func (r *formReader) Read(p []byte) (n int, err error) {
	for n < len(p) && err == nil && (n == 0 || r.content == nil || r.left == 0) {
		var more int
		more, err = r.readPiece(p[n:])
		n += more
	}
	return n, err
}

// readPiece reads of the current head or file.
func (r *formReader) readPiece(p []byte) (int, error) {
	if len(r.head) > 0 {
		n := copy(p, r.head)
		r.head = r.head[n:]
		return n, nil
	}
	if r.content == nil {
		if r.next == len(r.form.files) {
			return 0, io.EOF
		}
		if err := r.openNext(); err != nil {
			return 0, err
		}
	}
	return r.readContent(p)
}

func (r *formReader) openNext() error {
	s := r.form.files[r.next]
	content, err := openSafely(s.open)
	if err != nil {
		return fmt.Errorf("file %q: %w", s.Name, err)
	}
	r.content, r.left = content, s.Size
	return nil
}

func (r *formReader) readContent(p []byte) (int, error) {
	s := r.form.files[r.next]
	if r.left == 0 {
		return 0, r.closeContent(s)
	}
	n, err := readSafely(r.content, p[:min(int64(len(p)), r.left)])
	if n < 0 || int64(n) > min(int64(len(p)), r.left) {
		return 0, fmt.Errorf("file %q: its reader claims %d bytes", s.Name, n)
	}
	if r.idle++; n > 0 {
		r.idle = 0
	}
	r.form.secrets.AddContent(r.sent, p[:n])
	r.left -= int64(n)
	r.sent += int64(n)
	if n > 0 && r.form.progress != nil {
		if err := guard(func() { r.form.progress(r.sent, r.form.total) }); err != nil {
			return n, err
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
		if r.left > 0 {
			err = fmt.Errorf("%w: %d bytes less than announced", errSourceChanged, r.left)
		}
	} else if err == nil && r.idle >= maxIdleReads {
		err = io.ErrNoProgress
	}
	if err != nil {
		err = fmt.Errorf("file %q: %w", s.Name, err)
	}
	return n, err
}

// closeContent checks that a file ends where it was said to, and goes on to
// the next head.
func (r *formReader) closeContent(s *source) error {
	var more [1]byte
	if n, _ := io.ReadFull(patient{r.content}, more[:]); n > 0 {
		return fmt.Errorf("file %q: %w: more bytes than announced", s.Name, errSourceChanged)
	}
	err := errors.Join(s.unchanged(r.content), closeSafely(r.content))
	r.content = nil
	r.next++
	r.head = r.form.heads[r.next]
	if err != nil {
		return fmt.Errorf("file %q: %w", s.Name, err)
	}
	return nil
}

func (r *formReader) Close() error {
	if r.content == nil {
		return nil
	}
	err := closeSafely(r.content)
	r.content = nil
	return err
}
