package judge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// maxContent bounds what is read of an image.
const maxContent = 1 << 30

// From tells where the file of an image comes from.
type From string

// Where it may come from. The service may have made another file of an image, which
// FromServiceChanged says.
const (
	FromDisk           From = "disk"
	FromService        From = "service"
	FromServiceChanged From = "changed"
)

// Content returns the file of an image: from where it went, from where it came, or
// else from the service.
func (j *Judge) Content(ctx context.Context, e record.Entry) ([]byte, From, error) {
	if content, ok := Local(e); ok {
		return content, FromDisk, nil
	}
	if j.client == nil || e.ItemID == "" {
		return nil, "", language.Errorf("%s is not there any more, or is another file", e.File)
	}
	content, err := j.fetch(ctx, e.ItemID)
	if err == nil && sumOf(content) != e.SHA256 {
		return content, FromServiceChanged, nil
	}
	return content, FromService, err
}

// Local returns the file of an image if it is on the disk, and is the one that was
// inspected.
func Local(e record.Entry) ([]byte, bool) {
	for _, path := range Paths(e) {
		if content, err := os.ReadFile(path); err == nil && sumOf(content) == e.SHA256 {
			return content, true
		}
	}
	return nil, false
}

// Paths are where an image may lie. In the record, bytes of a name that are no UTF-8
// are written as JSON can hold them.
func Paths(e record.Entry) (paths []string) {
	if e.SHA256 == "" { // it was gone before it could be told from others
		return nil
	}
	written := []string{e.To}
	if e.Dir != "" {
		written = append(written, filepath.Join(e.Dir, e.File))
	}
	for _, path := range written {
		if path == "" {
			continue
		}
		paths = append(paths, path)
		if raw := output.FromJSONString(path); raw != path {
			paths = append(paths, raw)
		}
	}
	return paths
}

func (j *Judge) fetch(ctx context.Context, itemID string) ([]byte, error) {
	item, err := j.client.GetItem(ctx, itemID, nil)
	if err != nil {
		return nil, err
	}
	if len(item.Images) == 0 {
		return nil, language.Errorf("the service has no image of item %s", itemID)
	}
	download, err := j.client.GetImage(ctx, item.Images[0])
	if err != nil {
		return nil, err
	}
	defer download.Close()
	content, err := io.ReadAll(io.LimitReader(download, maxContent+1))
	if err == nil && len(content) > maxContent {
		err = language.Errorf("the image has more than a gigabyte")
	}
	return content, err
}

func sumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
