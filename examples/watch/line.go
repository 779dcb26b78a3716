package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// line takes images from the folder to their verdicts.
type line struct {
	client *hacarus.Client
	opts   options
	folder *folder
	found  []found // and not inspected yet
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
		l.look()
		if err := l.inspect(ctx, tick.C); err != nil {
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

func (l *line) look() {
	found, err := l.folder.finished(time.Now())
	if err != nil {
		fmt.Fprintf(l.stdout, "The folder cannot be read: %v\n", err) // a share may come back
	}
	l.found = append(l.found, found...)
}

// patience is how long new images wait for those that have no verdict yet.
const patience = 5 * time.Second

// inspect has the images inspected that were found. When others have come, and
// no verdict for a while, it leaves the rest for the next time: the journal
// knows how far each has come. Its error is one that does not pass.
func (l *line) inspect(ctx context.Context, tick <-chan time.Time) (err error) {
	images := l.found
	if l.found = nil; len(images) == 0 {
		return nil
	}
	round, leave := context.WithCancel(ctx)
	defer leave()
	outcomes := l.begin(round, images)
	decided := make([]bool, len(images))
	for last, ended := time.Now(), false; !ended; {
		select {
		case o, more := <-outcomes:
			switch {
			case !more:
				ended = true
			case round.Err() != nil && (o.err != nil || errors.Is(o.result.Err, round.Err())): // it was left
			case o.err == nil:
				last = time.Now()
				decided[o.result.Index] = l.settle(o.result, images[o.result.Index])
			case isPermanent(o.err):
				err = o.err
			default:
				fmt.Fprintf(l.stdout, "It goes on later: %v\n", o.err)
			}
		case <-tick:
			if l.look(); len(l.found) > 0 && time.Since(last) > patience && areThere(images, decided) {
				leave()
			}
		}
	}
	for i, image := range images {
		if !decided[i] && !l.folder.giveBack(image, time.Now()) {
			fmt.Fprintf(l.stdout, "--  %s: another image has taken its place before there was a verdict\n", filepath.Base(image.path))
		}
	}
	return errors.Join(err, ctx.Err())
}

// areThere says whether the images that are not decided can be inspected later.
func areThere(images []found, decided []bool) bool {
	for i, image := range images {
		if !decided[i] && !image.isThere() {
			return false
		}
	}
	return true
}

// outcome is what an inspection yields.
type outcome struct {
	result *hacarus.Inspection
	err    error
}

// begin starts an inspection, whose outcomes are to be received to the end.
func (l *line) begin(ctx context.Context, images []found) <-chan outcome {
	request := hacarus.InspectRequest{ModelID: l.opts.model, Journal: l.opts.journal, Grace: l.opts.grace}
	for _, image := range images {
		request.Files = append(request.Files, hacarus.FileFromPath(image.path))
	}
	outcomes := make(chan outcome)
	go func() {
		defer close(outcomes)
		for result, err := range l.client.Inspect(ctx, request) {
			outcomes <- outcome{result, err}
		}
	}()
	return outcomes
}

// settle tells of an outcome, and puts an NG image aside. It is false where the
// image should have another chance.
func (l *line) settle(result *hacarus.Inspection, image found) bool {
	name := filepath.Base(result.File)
	if result.Err != nil {
		l.failed++
		fmt.Fprintf(l.stdout, "--  %s: %v\n", name, result.Err)
		return isItsOwnFault(result.Err)
	}
	if result.Verdict == hacarus.VerdictNG {
		switch err := putAside(image, l.opts.ng, l.opts.move); {
		case errors.Is(err, errReplaced):
			fmt.Fprintf(l.stdout, "NG  %s: another image has taken its place; the service has it as item %s\n", name, result.ItemID)
			l.ng++
			return true
		case err != nil:
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

// isItsOwnFault says whether it is for the image that there is no verdict, so
// that there would be none the next time.
func isItsOwnFault(err error) bool {
	return isAny(err, hacarus.ErrBadRequest, hacarus.ErrTooLarge, hacarus.ErrNoAssessment, hacarus.ErrNotFound)
}

// isPermanent says whether waiting does not help.
func isPermanent(err error) bool {
	return isAny(err, hacarus.ErrUnauthorized, hacarus.ErrForbidden, hacarus.ErrNotFound, hacarus.ErrTrainingFailed,
		hacarus.ErrInvalidArgument, hacarus.ErrJournalLocked)
}

func isAny(err error, kinds ...error) bool {
	return slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) })
}

func (l *line) summarise() {
	fmt.Fprintf(l.stdout, "%d OK, %d NG in %s; %d times without a verdict\n", l.ok, l.ng, l.opts.ng, l.failed)
}
