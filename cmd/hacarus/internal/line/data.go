package line

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/durable"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/settings"
)

// lockName is that of the file that keeps a second process off a folder.
const lockName = "lock"

// lockFolder keeps a second process off a line's folder.
func lockFolder(dir string) (io.Closer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	lock, err := hacarus.NewFileJournal(filepath.Join(dir, lockName))
	if errors.Is(err, hacarus.ErrJournalLocked) {
		err = language.Errorf("another process uses %s: %s", dir, err)
	}
	return lock, err
}

// readersTime is how long a line waits for those who read its folder while it does
// not run.
const readersTime = 5 * time.Second

func awaitLock(ctx context.Context, dir string) (io.Closer, error) {
	for deadline := time.Now().Add(readersTime); ; {
		lock, err := lockFolder(dir)
		if !errors.Is(err, hacarus.ErrJournalLocked) || time.Now().After(deadline) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// readToken returns the token of the page: from its file, or one that stays in the
// line's folder.
func (l *process) readToken() error {
	path := l.cmd.String("page-token")
	if path == "" && l.data == "" {
		l.token = rand.Text()
		return nil
	}
	if path == "" {
		path = filepath.Join(l.data, "page-token")
		if err := makeToken(path); err != nil {
			return err
		}
	}
	token, err := settings.ReadSecret(path)
	l.token = strings.TrimSpace(token)
	return err
}

// makeToken makes a token if there is none. Where roles see the same folder, the first
// one's is that of all.
func makeToken(path string) error {
	if durable.Exists(path) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	part, err := durable.Secret(filepath.Dir(path), []byte(rand.Text()+"\n"))
	if err != nil {
		return err
	}
	defer part.Discard()
	if err := part.Claim(path); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// writeSecret writes a file for the line's owner alone, whole or not at all: one that a
// full disk has left empty would keep the line from starting.
func writeSecret(path string, content []byte) error {
	part, err := durable.Secret(filepath.Dir(path), content)
	if err != nil {
		return err
	}
	defer part.Discard()
	return part.Rename(path)
}

// address is where a running line is, for those who may read its folder.
type address struct {
	URL         string `json:"url"`
	Token       string `json:"token"`
	Certificate string `json:"certificate,omitempty"` // the path of its file
}

// addressFile is where it stands.
func addressFile(data string) string { return filepath.Join(data, "line.json") }
