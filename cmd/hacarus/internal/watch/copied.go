package watch

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/durable"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// copied remembers which images have been copied to where they belong: they are still
// in the folder when the program starts again, and a person may have taken the copy
// away by then. It is a file with an id in each line. What is missing in it is copied
// again, which does no harm. Nil is for images that are moved.
type copied struct {
	file *os.File
	ids  map[string]bool // of the images that were in the folder at the start
}

// openCopied opens the file, and keeps of it what concerns images that are there.
func openCopied(disk durable.Disk, path string, there map[string]record.Entry) (*copied, error) {
	ids, err := readCopied(path, there)
	if err != nil {
		return nil, err
	}
	var lines strings.Builder
	for id := range ids {
		lines.WriteString(id + "\n")
	}
	if err := disk.Write(path, strings.NewReader(lines.String())); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	return &copied{file, ids}, err
}

func readCopied(path string, there map[string]record.Entry) (map[string]bool, error) {
	ids := map[string]bool{}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ids, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if _, ok := there[lines.Text()]; ok {
			ids[lines.Text()] = true
		}
	}
	return ids, lines.Err()
}

func (c *copied) has(id string) bool { return c != nil && c.ids[id] }

func (c *copied) add(id string) {
	if c != nil {
		_, _ = c.file.WriteString(id + "\n") // where the disk is full, it is missing
	}
}

func (c *copied) close() {
	if c != nil {
		_ = c.file.Close()
	}
}
