// Package durable writes and moves files so that each is there whole or not at all,
// whatever ends the program, a power failure included.
package durable

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Disk is where files are written to.
type Disk struct {
	// Unsynced decides where the names in a folder cannot be made durable, which some
	// network shares refuse: what it returns is the error of what was done, which is
	// done all the same. Nil returns the error.
	Unsynced func(err error) error

	sync func(dir string) error // nil is syncDir
}

// Write writes a file, whole or not at all.
func (d Disk) Write(path string, content io.Reader) error {
	return d.WriteBy(path, func(w io.Writer) error {
		_, err := io.Copy(w, content)
		return err
	})
}

// WriteBy writes a file with what a function writes, if that succeeds.
func (d Disk) WriteBy(path string, write func(io.Writer) error) error {
	part, err := Create(filepath.Dir(path), write)
	if err != nil {
		return err
	}
	defer part.Discard()
	if err := part.Rename(path); err != nil {
		return err
	}
	return d.Sync(filepath.Dir(path))
}

// Move gives a file another name on the same disk.
func (d Disk) Move(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return errors.Join(d.Sync(filepath.Dir(to)), d.Sync(filepath.Dir(from)))
}

// Sync makes the names in a folder durable.
func (d Disk) Sync(dir string) error {
	sync := syncDir
	if d.sync != nil {
		sync = d.sync
	}
	err := sync(dir)
	if err != nil && d.Unsynced != nil {
		return d.Unsynced(err)
	}
	return err
}

// partPrefix begins the names of parts. The dot keeps people and programs from
// taking them for what they will be.
const partPrefix = ".hacarus-part-"

// IsPart says whether a name is that of a part.
func IsPart(name string) bool { return strings.HasPrefix(name, partPrefix) }

// RemoveParts removes the parts that a program has left in a folder that was killed.
func RemoveParts(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if IsPart(e.Name()) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// Part is a file without a name of its own yet. It is discarded after use, which
// does nothing once it has its name.
type Part struct{ file *os.File }

// NewPart begins a file in the folder in which it is to be.
func NewPart(dir string) (*Part, error) {
	file, err := os.CreateTemp(dir, partPrefix+"*")
	return &Part{file}, err
}

// Create makes a part, with what a function writes, that is on the disk.
func Create(dir string, write func(io.Writer) error) (*Part, error) {
	return create(dir, write, (*Part).Seal)
}

// Secret makes one with a content that only its owner can read.
func Secret(dir string, content []byte) (*Part, error) {
	write := func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	}
	return create(dir, write, (*Part).seal)
}

func create(dir string, write func(io.Writer) error, seal func(*Part) error) (*Part, error) {
	part, err := NewPart(dir)
	if err != nil {
		return nil, err
	}
	buffered := bufio.NewWriter(part)
	if err := errors.Join(write(buffered), buffered.Flush(), seal(part)); err != nil {
		part.Discard()
		return nil, err
	}
	return part, nil
}

func (p *Part) Write(b []byte) (int, error) { return p.file.Write(b) }

// Seal ends the writing, and has the content on the disk, for everybody to read.
func (p *Part) Seal() error { return errors.Join(p.file.Chmod(0o644), p.seal()) }

func (p *Part) seal() error { return errors.Join(p.file.Sync(), p.file.Close()) }

// Rename gives the file its name, in place of another one that has it. The name is
// durable when the folder is synced.
func (p *Part) Rename(path string) error { return os.Rename(p.file.Name(), path) }

// Claim gives the file its name unless there is another one by then, which is
// [fs.ErrExist].
func (p *Part) Claim(path string) error {
	if err := os.Link(p.file.Name(), path); err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return p.Rename(path) // some disks have no links
}

// Discard removes the file if it has no name yet.
func (p *Part) Discard() {
	_ = p.file.Close()
	_ = os.Remove(p.file.Name())
}

// Exists says whether there is something under a path. One that cannot be looked at
// counts as there.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// Sum is the SHA-256 of a file's content, in hexadecimal digits.
func Sum(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	return SumOf(file)
}

// SumOf is the SHA-256 of what is read, in hexadecimal digits.
func SumOf(content io.Reader) (string, error) {
	hash := sha256.New()
	_, err := io.Copy(hash, content)
	return hex.EncodeToString(hash.Sum(nil)), err
}
