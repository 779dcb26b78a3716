package hacarus

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Download is a file that the service sends. Read it to the end, or use
// WriteTo or SaveFile; then Close it. The context of the call that returned it
// bounds the reading too.
type Download struct {
	// Filename as the service suggests it, a base name; "" for none. Do not
	// save under it unchecked.
	Filename string
	// ContentType as the service sends it.
	ContentType string
	// Size in bytes; -1 when the service did not announce it.
	Size int64

	body     io.ReadCloser // nil: there is none
	exchange *exchange     // nil: no call has made it
	received int64
	err      error // what Read ended with
}

// NewDownload makes a download of a body, for tests of code that takes one; Size
// is as in [Download]. What a call's download does with the body's end, this one
// does, too. A nil body makes a download that cannot be read, as the zero one.
func NewDownload(body io.ReadCloser, size int64) *Download {
	return &Download{Size: size, body: body}
}

func newDownload(response *http.Response, x *exchange) *Download {
	_, params, _ := mime.ParseMediaType(response.Header.Get("Content-Disposition"))
	return &Download{
		Filename:    suggestedName(params["filename"]),
		ContentType: response.Header.Get("Content-Type"),
		Size:        response.ContentLength,
		body:        response.Body,
		exchange:    x,
	}
}

// suggestedName is the base of a name made on any system, "" if it is none.
func suggestedName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	if checkFileName(name) != nil {
		return ""
	}
	return name
}

// checkDownload refuses responses whose bytes are not the file's.
func checkDownload(response *http.Response) error {
	if encoding := response.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return fmt.Errorf("%w: content encoding %q was not asked for", ErrDecode, encoding)
	}
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); kind == "text/html" {
		return fmt.Errorf("%w: %w", ErrDecode, errFilePage) // a proxy's
	}
	if response.StatusCode == http.StatusPartialContent {
		return fmt.Errorf("%w: a part of the file, which was not asked for", ErrDecode)
	}
	if response.ContentLength == 0 || response.StatusCode == http.StatusNoContent {
		return fmt.Errorf("%w: an empty file", ErrDecode)
	}
	return nil
}

// errZeroDownload refuses to read what no call has made.
var errZeroDownload = argumentError("Download", "it was made by no call, nor by NewDownload of a body")

func (d *Download) isZero() bool { return d == nil || d.body == nil }

// Read reads the file. A file shorter than announced ends in
// io.ErrUnexpectedEOF, never in a clean end. Where Size is -1 the connection's
// end is the file's end, and a cut cannot be noticed.
func (d *Download) Read(p []byte) (int, error) {
	if d.isZero() {
		return 0, errZeroDownload
	}
	if d.err != nil {
		return 0, d.err
	}
	n, err := d.body.Read(p)
	d.received += int64(n)
	if err != nil {
		d.finish(err)
		return n, d.err
	}
	return n, nil
}

// finish keeps what reading ended with, and reports the attempt.
func (d *Download) finish(err error) {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = transferError{err}
	case errors.Is(err, io.EOF) && d.Size > d.received:
		err = transferError{io.ErrUnexpectedEOF}
	case errors.Is(err, io.EOF) && d.received == 0:
		err = fmt.Errorf("%w: an empty file", ErrDecode)
	}
	if err == io.EOF { //nolint:errorlint // a clean end is never wrapped
		d.err = err
		_ = d.report(nil)
		return
	}
	if d.exchange != nil {
		if caller := d.exchange.current.clock.caller; caller.Err() != nil {
			err = contextError(caller, nil)
		}
	}
	d.err = d.report(err)
}

// report tells what reading came to, and returns it as the call's error.
func (d *Download) report(err error) error {
	if d.exchange == nil {
		return err
	}
	return d.exchange.finish(err)
}

// failure is the error of the call that made the download.
func (d *Download) failure(err error) error {
	if d.exchange == nil {
		return err
	}
	return d.exchange.requestError(err)
}

// WriteTo writes the rest of the file to w.
func (d *Download) WriteTo(w io.Writer) (int64, error) {
	buffer := copyBuffers.Get().(*[copyBuffer]byte)
	defer copyBuffers.Put(buffer)
	// Hidden from io.CopyBuffer, which would call WriteTo again.
	return io.CopyBuffer(w, struct{ io.Reader }{d}, buffer[:])
}

// copyBuffer is twice that of io.Copy, which takes a quarter less time: the
// kernel is asked less often.
const copyBuffer = 64 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

// Close releases the connection. It is safe to call it more than once.
func (d *Download) Close() error {
	if d.isZero() {
		return nil
	}
	_ = d.report(nil)
	err := d.body.Close()
	if d.exchange != nil {
		d.exchange.current.end()
	}
	if d.err == nil {
		d.err = errClosedDownload
	}
	return err
}

var errClosedDownload = errors.New("hacarus: read of a closed download")

// SaveFile writes the file to path and closes the download. A download that was
// read from before is [ErrInvalidArgument], since a part would be missing. The
// file is whole or not there: it is written under a temporary name beside
// path, synced, and renamed, so that a file that was at path before stays
// whole until it is replaced. A symbolic link at path is replaced, not
// followed. The file's mode is 0600.
//
// Where Size is -1 a connection that breaks may look like the file's end. A ZIP
// file still tells whether it is whole, and is refused with [ErrDecode] and
// [io.ErrUnexpectedEOF] if it is not; of other files, such as CSV, nobody can tell.
func (d *Download) SaveFile(path string) error { return d.saveFile(path, os.CreateTemp) }

func (d *Download) saveFile(path string, create func(dir, pattern string) (*os.File, error)) (err error) {
	if d.isZero() {
		return errZeroDownload
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := d.checkSave(path); err != nil {
		return argumentError("SaveFile", "%w", err)
	}
	file, err := create(filepath.Dir(path), "."+filepath.Base(path)+".part-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	size, err := d.WriteTo(struct{ io.Writer }{file}) // it would read by itself, in small pieces
	if err == nil && d.Size < 0 {
		err = d.checkArchive(file, size)
	}
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// checkSave refuses what would not become the whole file at path.
func (d *Download) checkSave(path string) error {
	if d.body == nil || d.received > 0 || d.err != nil {
		return errors.New("the download was read from, or closed, before")
	}
	if path == "" {
		return errors.New("no path to save the file under")
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder", path)
	}
	return nil
}

// checkArchive refuses a ZIP file that is not whole. Other files pass.
func (d *Download) checkArchive(file io.ReaderAt, size int64) error {
	head := make([]byte, localHeader)
	n, err := file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	head = head[:n]
	if !beginsArchive(head) || wholeArchive(file, size, head) {
		return nil
	}
	return d.failure(transferError{fmt.Errorf("a ZIP file without its end: %w", io.ErrUnexpectedEOF)})
}

// localHeader is how long the header of a file in an archive is, without what varies.
const localHeader = 30

// beginsArchive knows the first bytes of an archive, or as many as there are.
func beginsArchive(head []byte) bool {
	known := string(head[:min(4, len(head))])
	return known == "PK\x03\x04"[:len(known)] || known == "PK\x05\x06"[:len(known)]
}

// wholeArchive looks for the directory at an archive's end, which must know the
// file at its beginning. The directory of an archive within the archive does not.
func wholeArchive(file io.ReaderAt, size int64, head []byte) bool {
	archive, err := zip.NewReader(file, size)
	if err != nil {
		return false
	}
	if len(archive.File) == 0 {
		return bytes.HasPrefix(head, []byte("PK\x05\x06"))
	}
	if len(head) < localHeader {
		return false
	}
	first := localHeader + int64(binary.LittleEndian.Uint16(head[26:])) + int64(binary.LittleEndian.Uint16(head[28:]))
	return slices.ContainsFunc(archive.File, func(f *zip.File) bool {
		offset, err := f.DataOffset()
		return err == nil && offset == first
	})
}

var opGetImage = newOperation("getImage", "GetImage", http.MethodGet, "{image}", classRead)

// GetImage fetches an image of an item, such as one of [Item.Images] or of an
// assessment. The access token goes along only if the image is on the
// configured origin, or on one of [WithImageOrigins]; images elsewhere, such as
// signed storage URLs, are fetched without. Where one of those is refused with
// [ErrUnauthorized] or [ErrForbidden], the error names both origins.
//
// A URL without a host is taken as a path on the configured origin. A bare
// storage key, as earlier services sent it, cannot be fetched and is [ErrInvalidArgument],
// as are URLs that are not http or https or hold user information. An image
// that is gone is [ErrNotFound]. Close the download.
func (c *Client) GetImage(ctx context.Context, image ImageMeta) (*Download, error) {
	if err := c.usable(ctx, opGetImage); err != nil {
		return nil, err
	}
	target, err := c.imageURL(image.URL)
	if err != nil {
		return nil, argumentError(opGetImage.id, "%w", err)
	}
	return c.doDownload(ctx, request{
		op: opGetImage, target: target, foreign: !c.trusts(target), accept: "image/*, */*;q=0.5",
	})
}

// trusts says whether the token may go to where an image is.
func (c *Client) trusts(image *url.URL) bool {
	return sameOrigin(image, c.origin) || slices.ContainsFunc(c.images, func(origin *url.URL) bool { return sameOrigin(image, origin) })
}

// originOf is scheme, host and port.
func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// imageURL resolves an image's URL. Its errors do not repeat the URL, which
// may be signed.
func (c *Client) imageURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("the image's URL does not parse")
	case u.User != nil:
		return nil, errors.New("the image's URL holds user information")
	case u.Scheme == "" && u.Host == "" && strings.HasPrefix(u.Path, "/"):
		return c.origin.ResolveReference(u), nil
	case u.Scheme == "" || u.Host == "":
		return nil, errors.New("the image has no URL that can be fetched")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("the image's URL has scheme %q", u.Scheme)
	}
	u.Fragment = ""
	return u, nil
}

// sameOrigin compares scheme, host and port.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}
