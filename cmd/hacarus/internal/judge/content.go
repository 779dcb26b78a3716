package judge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// maxContent bounds what is read of an image.
const maxContent = 1 << 30

// Content returns the file of an image: from where it went, from where it came, or
// else from the service. A file on the disk is taken only if it is the one that was
// inspected. That of the service is told by its item, and genuine says whether it is
// the same to the byte: the service may have made another file of it.
func (j *Judge) Content(ctx context.Context, e record.Entry) (content []byte, genuine bool, err error) {
	for _, path := range Paths(e) {
		if content, err := os.ReadFile(path); err == nil && sumOf(content) == e.SHA256 {
			return content, true, nil
		}
	}
	if j.client == nil || e.ItemID == "" {
		return nil, false, language.Errorf("%s is not there any more, or is another file", e.File)
	}
	content, err = j.fetch(ctx, e.ItemID)
	return content, err == nil && sumOf(content) == e.SHA256, err
}

// Paths are where an image may lie.
func Paths(e record.Entry) (paths []string) {
	if e.SHA256 == "" { // it was gone before it could be told from others
		return nil
	}
	if e.To != "" {
		paths = append(paths, e.To)
	}
	if e.Dir != "" {
		paths = append(paths, filepath.Join(e.Dir, e.File))
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
