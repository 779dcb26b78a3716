package intake

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// Folders beside the spool.
const (
	spoolDir  = "spool"
	okDir     = "ok"
	ngDir     = "ng"
	failedDir = "failed" // without a verdict, each with its reason
)

var extensions = []string{".jpg", ".png", ".tif"}

// SpoolDir is the folder of the spool in a line's folder.
func SpoolDir(data string) string { return filepath.Join(data, spoolDir) }

// headSize is how many bytes tell what kind of image it is.
const headSize = 8

// extensionOf goes by the first bytes of an image; "" is none.
func extensionOf(head []byte) string {
	for _, kind := range []struct{ magic, extension string }{
		{"\x89PNG\r\n\x1a\n", ".png"}, {"\xff\xd8\xff", ".jpg"}, {"II*\x00", ".tif"}, {"MM\x00*", ".tif"},
	} {
		if bytes.HasPrefix(head, []byte(kind.magic)) {
			return kind.extension
		}
	}
	return ""
}

// keptPaths are where an image may be that has been inspected.
func keptPaths(data, station, id string) (paths []string) {
	for _, kept := range []string{okDir, ngDir, failedDir} {
		for _, extension := range extensions {
			paths = append(paths, filepath.Join(data, kept, station, id+extension))
		}
	}
	return paths
}

// Open opens an image of a line's folder, wherever it is by now.
func Open(data, station, id string) (io.ReadCloser, error) {
	name := queue.Escape(station)
	waiting, kept := filepath.Join(data, spoolDir, name, id+imageSuffix), keptPaths(data, name, id)
	for _, path := range slices.Concat([]string{waiting}, kept) {
		file, err := os.Open(path)
		if !errors.Is(err, fs.ErrNotExist) {
			return file, err
		}
	}
	return nil, &fs.PathError{Op: "open", Path: waiting, Err: fs.ErrNotExist}
}

// PathOf is where the image of an entry is kept in a line's folder. Its extension
// is that of the image's content.
func PathOf(data string, e record.Entry) string {
	return filepath.Join(data, folderOf(e), queue.Escape(e.Station), e.ID+filepath.Ext(e.File))
}

// full tells that the disk is.
func full(err error) error {
	for _, reason := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, reason) {
			return errors.Join(ErrFull, err)
		}
	}
	return err
}
