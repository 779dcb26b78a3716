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

// sniffLength is how many bytes are enough to recognize a file's type.
const sniffLength = 512

// File is a file to upload. FileFromPath, FileFromFS, FileFromBytes and
// FileFromReader make one. A source that can be opened more than once may also
// be used directly, with Name and Open.
type File struct {
	// Name is the base name that the service sees: up to 255 bytes, without control
	// characters and without characters that change the writing direction
	// (bidirectional overrides). The service seems to derive the item's id from it,
	// and is known to refuse names with spaces or with more than one dot.
	Name string
	// Size is the size in bytes. If it is 0 or negative, it is determined when the
	// file is opened, by Stat, Len or Seek.
	Size int64
	// ContentType is the Content-Type of the file. If it is "", it is determined
	// from the first bytes.
	ContentType string
	// Open returns the content from its beginning. It is called once for each
	// attempt, and once before the first one to determine the size and the type.
	// The SDK closes what it returns and has one file of a call open at a time. If
	// Open or what it returns panics, that is the file's error. A read that blocks
	// also blocks the call, even after its context has ended: no read may still be
	// running when the call has returned.
	Open func() (io.ReadCloser, error)

	// Tag is passed through to [Inspection] and [Uploaded], for example a lot or a
	// serial number. The SDK does not look at it.
	Tag any

	once   bool   // the source can be read only once
	secret bool   // errors must not show the content
	path   string // the path as the user gave it; "" for content that has none
}

// label is the name by which the user knows the file.
func (f File) label() string { return cmp.Or(f.path, f.Name) }

// FileFromPath returns a File with the content of the file at path, under its
// base name. The file is opened when the call is made, not before. If it
// changes during the call, the call fails.
func FileFromPath(path string) File {
	return File{
		Name: filepath.Base(path),
		Size: -1,
		Open: func() (io.ReadCloser, error) { return openRegular(path) },
		path: path,
	}
}

// openRegular opens a regular file and nothing else: opening a pipe may block
// forever.
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

// FileFromFS returns a File with the content of a file in fsys, under its base
// name.
func FileFromFS(fsys fs.FS, name string) File {
	return File{
		Name: path.Base(name),
		Size: -1,
		Open: func() (io.ReadCloser, error) { return fsys.Open(name) },
		path: name,
	}
}

// FileFromBytes returns a File with the content data, which must not change
// during the call.
func FileFromBytes(name string, data []byte) File {
	return File{
		Name: name,
		Size: int64(len(data)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}
}

// FileFromReader returns a File with the rest of r's content. The SDK does not
// close r. An [io.Seeker] is rewound to its present position for every attempt;
// for it, size may be -1, which means up to the end. Any other reader needs its
// size and can be sent only once, so a call that fails while sending is not
// retried.
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

// seekable is a seeker that the SDK may not close and whose size counts from
// start.
type seekable struct {
	io.ReadSeeker
	start int64
}

func (seekable) Close() error { return nil }

// Len returns how much there is to read from start on.
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

// maxFileName bounds the length of a file's name in bytes, as file systems do.
const maxFileName = 255

// checkFileName refuses names that are not base names, that break a multipart
// header, or that look like other names. Everything else about a name is for
// the service to judge.
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

// source is a file in the state in which the call found it at its beginning.
type source struct {
	File
	info   fs.FileInfo   // nil if the source has none
	peeked io.ReadCloser // the content, from the beginning, of a file that can be read only once
}

// newSource opens the file to determine its size and type; head is room for its
// first bytes. A source that panics has failed, here as well as later, when the
// transport reads it.
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

// measure determines the size if it was not given and, for files, what shows a
// change later.
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

// lengthOf returns how much is left to read, or the given size if the content
// cannot tell.
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

// open opens the file for an attempt. It refuses a file that has changed.
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

// unchanged refuses a file that is not the same as at the beginning of the
// call.
func (s *source) unchanged(content io.Reader) error {
	file, ok := content.(fs.File)
	if !ok || s.info == nil {
		return nil
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	replaced := os.SameFile(s.info, s.info) && !os.SameFile(s.info, info) // files of other file systems are never the same
	if replaced || !info.ModTime().Equal(s.info.ModTime()) || info.Size() != s.info.Size() {
		return errSourceChanged
	}
	return nil
}

// patient is a reader that gives up when the underlying reader keeps returning
// nothing.
type patient struct{ io.Reader }

func (p patient) Read(b []byte) (int, error) {
	for range maxIdleReads {
		if n, err := p.Reader.Read(b); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// field is a part of a form that is not a file.
type field struct{ name, value string }

// multipartBody returns a form of fields and files. All files have the same
// part name.
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

// form is a multipart body whose files are read while it is sent. What stands
// between them, the heads, is rendered in advance, so that the length is exact.
type form struct {
	heads    [][]byte // one in front of each file, and the final boundary
	files    []*source
	total    int64 // of the files
	progress func(sent, total int64)
	secrets  *redact.Set // receives the content of a secret file
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
	// This writes what multipart.Writer.CreatePart would write, with half a
	// kilobyte less for each file.
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

// formReader reads a form once. It opens one file at a time. If a file does not
// have the announced length, it does not go on to the next boundary: the
// service cannot act on a broken body.
type formReader struct {
	form    *form
	head    []byte // what is left of the current head
	next    int    // the file after the current head
	content io.ReadCloser
	left    int64 // of the content
	sent    int64 // of all files
	idle    int   // reads in a row that returned nothing
}

// maxIdleReads is how many times in a row a reader may return nothing before it
// counts as broken.
const maxIdleReads = 100

// Read fills p across the ends of heads and files as far as possible without
// waiting for a slow reader: small pieces would each cost a write to the
// connection.
func (r *formReader) Read(p []byte) (n int, err error) {
	for n < len(p) && err == nil && (n == 0 || r.content == nil || r.left == 0) {
		var more int
		more, err = r.readPiece(p[n:])
		n += more
	}
	return n, err
}

// readPiece reads from the current head or file.
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

// closeContent checks that a file ends at its announced length and goes on to
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
