package line

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
)

func backupCommand(p *program.Program) *cli.Command {
	return &cli.Command{
		Name: "backup", Usage: p.Text("write the folder of a line that does not run into a file"), ArgsUsage: p.Text("FILE"), Flags: queueFlags(p)[:1],
		Action: func(ctx context.Context, cmd *cli.Command) error {
			return locked(p, cmd, func(data, path string) error { return backup(ctx, data, path) })
		},
	}
}

func restoreCommand(p *program.Program) *cli.Command {
	return &cli.Command{
		Name: "restore", Usage: p.Text("fill an empty folder of a line from a backup"), ArgsUsage: p.Text("FILE"), Flags: queueFlags(p)[:1],
		Action: func(ctx context.Context, cmd *cli.Command) error {
			return locked(p, cmd, func(data, path string) error { return restore(ctx, data, path) })
		},
	}
}

// locked does something with a folder that no line uses.
func locked(p *program.Program, cmd *cli.Command, do func(data, path string) error) error {
	data := cmd.String("data")
	if data == "" {
		return p.Missing("data")
	}
	if cmd.Args().Len() != 1 {
		return errors.New(p.Text("%s takes %s as its arguments", cmd.FullName(), p.Text("FILE")))
	}
	lock, err := lockFolder(data)
	if err != nil {
		return err
	}
	defer lock.Close()
	return do(data, cmd.Args().First())
}

// backup writes a folder into a new file, which is whole or not there.
func backup(ctx context.Context, data, path string) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(path)
		}
	}()
	archive := tar.NewWriter(file)
	err = filepath.WalkDir(data, func(name string, e fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		inside, err := filepath.Rel(data, name)
		if err != nil || inside == "." || inside == lockName || sameFile(name, file) {
			return err
		}
		return add(archive, name, filepath.ToSlash(inside), e)
	})
	if err == nil {
		err = archive.WriteHeader(&tar.Header{Name: endName, Typeflag: tar.TypeReg, Mode: 0o600})
	}
	return errors.Join(err, archive.Close(), file.Sync(), file.Close())
}

// endName is that of an empty file at the end of a backup: one that was cut off between
// two files looks whole otherwise.
const endName = "end-of-backup"

func sameFile(name string, file *os.File) bool {
	a, err := os.Stat(name)
	if err != nil {
		return false
	}
	b, err := file.Stat()
	return err == nil && os.SameFile(a, b)
}

func add(archive *tar.Writer, name, inside string, e fs.DirEntry) error {
	info, err := e.Info()
	if err != nil {
		return err
	}
	header, err := tar.FileInfoHeader(info, "")
	if err != nil {
		return err
	}
	header.Name = inside
	if e.IsDir() {
		header.Name += "/"
	}
	if err := archive.WriteHeader(header); err != nil || e.IsDir() {
		return err
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(archive, file)
	return err
}

// restore fills a folder in which nothing is.
func restore(ctx context.Context, data, path string) error {
	there, err := os.ReadDir(data)
	if err != nil {
		return err
	}
	for _, e := range there {
		if e.Name() != lockName {
			return language.Errorf("%s is not empty", data)
		}
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	err = extractAll(ctx, data, tar.NewReader(file))
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = language.Errorf("the backup is not whole")
	}
	if err != nil {
		return errors.Join(err, empty(data)) // a line must not start with a part of it
	}
	return nil
}

func extractAll(ctx context.Context, data string, archive *tar.Reader) error {
	root, err := os.OpenRoot(data) // no name in the archive leads out of it
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for ctx.Err() == nil {
		header, err := archive.Next()
		if err != nil {
			return err
		}
		if header.Name == endName {
			return nil
		}
		if err := extract(root, header, archive); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// empty removes all from a folder but its lock.
func empty(data string) error {
	there, err := os.ReadDir(data)
	for _, e := range there {
		if e.Name() != lockName {
			err = errors.Join(err, os.RemoveAll(filepath.Join(data, e.Name())))
		}
	}
	return err
}

func extract(root *os.Root, header *tar.Header, content io.Reader) error {
	name := filepath.FromSlash(strings.TrimSuffix(header.Name, "/"))
	if header.Typeflag == tar.TypeDir {
		return root.MkdirAll(name, 0o755)
	}
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, header.FileInfo().Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Sync(), file.Close(), root.Chtimes(name, header.ModTime, header.ModTime))
}
