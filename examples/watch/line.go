package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// line takes images from the folder to their verdicts.
type line struct {
	client *hacarus.Client
	opts   options
	folder *folder
	stdout io.Writer

	ok, ng, failed int
}

func newLine(client *hacarus.Client, opts options, stdout io.Writer) *line {
	return &line{client: client, opts: opts, folder: newFolder(opts.dir, opts.settle), stdout: stdout}
}

// run watches until the context ends, or until as many images as are wanted were inspected.
func (l *line) run(ctx context.Context) error {
	fmt.Fprintf(l.stdout, "Watching %s\n", l.opts.dir)
	defer l.summarise()
	tick := time.NewTicker(l.opts.every)
	defer tick.Stop()
	for {
		paths, err := l.folder.finished(time.Now())
		if err != nil {
			fmt.Fprintf(l.stdout, "The folder cannot be read: %v\n", err) // a share may come back
		}
		if err := l.inspect(ctx, paths); err != nil {
			return err
		}
		if l.opts.limit > 0 && l.ok+l.ng >= l.opts.limit {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// inspect has images inspected. Its error is one that does not pass.
func (l *line) inspect(ctx context.Context, paths []string) error {
	if len(paths) == 0 {
		return nil
	}
	files := make([]hacarus.File, len(paths))
	for i, path := range paths {
		files[i] = hacarus.FileFromPath(path)
	}
	decided := map[string]bool{}
	for result, err := range l.client.Inspect(ctx, hacarus.InspectRequest{
		ModelID: l.opts.model, Files: files, Journal: l.opts.journal, Grace: l.opts.grace,
	}) {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && isPermanent(err):
			return err
		case err != nil:
			fmt.Fprintf(l.stdout, "It goes on later: %v\n", err)
		default:
			decided[result.File] = l.settle(result)
		}
	}
	for _, path := range paths {
		if !decided[path] {
			l.folder.giveBack(path, time.Now())
		}
	}
	return nil
}

// settle tells of an outcome, and puts an NG image aside. It is false where the
// image should have another chance.
func (l *line) settle(result *hacarus.Inspection) bool {
	name := filepath.Base(result.File)
	if result.Err != nil {
		l.failed++
		fmt.Fprintf(l.stdout, "--  %s: %v\n", name, result.Err)
		return errors.Is(result.Err, hacarus.ErrBadRequest) || errors.Is(result.Err, hacarus.ErrTooLarge) // its own fault
	}
	if result.Verdict == hacarus.VerdictNG {
		if err := putAside(result.File, l.opts.ng, l.opts.move); err != nil {
			fmt.Fprintf(l.stdout, "NG  %s: it is not put aside: %v\n", name, err)
			return false
		}
		l.ng++
	} else {
		l.ok++
	}
	fmt.Fprintf(l.stdout, "%s  %s\n", result.Verdict, name)
	return true
}

// isPermanent says whether waiting does not help.
func isPermanent(err error) bool {
	for _, kind := range []error{
		hacarus.ErrUnauthorized, hacarus.ErrForbidden, hacarus.ErrNotFound, hacarus.ErrTrainingFailed,
		hacarus.ErrInvalidArgument, hacarus.ErrJournalLocked,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

func (l *line) summarise() {
	fmt.Fprintf(l.stdout, "%d OK, %d NG in %s; %d times without a verdict\n", l.ok, l.ng, l.opts.ng, l.failed)
}
