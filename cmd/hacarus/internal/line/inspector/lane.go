package inspector

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"path/filepath"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
)

// hand hands an image to the lane of its model.
func (i *inspection) hand(w *work) error {
	select {
	case i.laneOf(i.modelOf(w.job)) <- i.file(w):
		return nil
	case <-i.ctx.Done():
		return context.Cause(i.ctx)
	}
}

func (s *station) modelOf(job queue.Job) string { return cmp.Or(job.Model, s.Model) }

func (i *inspection) laneOf(model string) chan<- hacarus.File {
	i.mu.Lock()
	defer i.mu.Unlock()
	files := i.lanes[model]
	if files == nil {
		files = make(chan hacarus.File)
		i.lanes[model] = files
		i.running.Go(func() { i.lane(model, files) })
	}
	return files
}

func (i *inspection) file(w *work) hacarus.File {
	return hacarus.File{
		Name: w.job.ID + filepath.Ext(w.job.File), Size: w.job.Size, Tag: w,
		Open: func() (io.ReadCloser, error) { return i.Images(i.ctx, w.job) },
	}
}

// lane inspects what comes for a model, in one endless inspection. A model that only
// some images name, and that cannot be used, is their trouble alone: the station's
// others go on.
func (i *inspection) lane(model string, files <-chan hacarus.File) {
	for i.ctx.Err() == nil {
		left, err := i.inspectLane(model, files)
		if model == i.Model || !isUnusable(err) {
			i.cancel(err)
			return
		}
		i.Log.Warn("a model cannot be used", "station", i.name, "model", model, "error", err)
		i.refuse(left, files, err)
	}
}

// inspectLane returns what ended the inspection, and the images that are left.
func (i *inspection) inspectLane(model string, files <-chan hacarus.File) (left []any, err error) {
	for outcome, err := range i.Client.Inspect(i.ctx, hacarus.InspectRequest{
		ModelID: model, Source: i.source(files), Store: i.Queue.Journal(queue.JournalOf(i.name, model)),
		Concurrency: i.Concurrency, Grace: i.Grace, Remember: i.remembers, Wait: i.Wait,
		Progress: func(p hacarus.InspectProgress) { i.setTrouble(p.Err) },
	}) {
		switch {
		case err != nil:
			return left, err
		case errors.Is(outcome.Err, hacarus.ErrUnfinished):
			left = append(left, outcome.Tag)
		default:
			i.tell(outcome)
		}
	}
	return left, nil
}

func (i *inspection) tell(outcome *hacarus.Inspection) {
	select {
	case i.outcomes <- outcome:
	case <-i.ctx.Done():
	}
}

// isUnusable says whether the trouble is with the model that was asked for, and not
// with what is in front of the service.
func isUnusable(err error) bool {
	if hacarus.IsTemporary(err) {
		return false
	}
	return errors.Is(err, hacarus.ErrNotFound) || errors.Is(err, hacarus.ErrTrainingFailed) ||
		errors.Is(err, hacarus.ErrInvalidArgument) || errors.Is(err, hacarus.ErrBadRequest)
}

// refusedTime is how long a model that cannot be used is not asked for again.
const refusedTime = time.Minute

// refuse gives up the images of a model that cannot be used, with the reason: those
// that are left, and for a while those that come.
func (i *inspection) refuse(left []any, files <-chan hacarus.File, reason error) {
	for _, tag := range left {
		i.tell(&hacarus.Inspection{Tag: tag, Verdict: hacarus.VerdictUnknown, Err: reason})
	}
	timer := time.NewTimer(refusedTime)
	defer timer.Stop()
	for {
		select {
		case file := <-files:
			i.tell(&hacarus.Inspection{Tag: file.Tag, Verdict: hacarus.VerdictUnknown, Err: reason})
		case <-timer.C:
			return
		case <-i.ctx.Done():
			return
		}
	}
}

// source yields the images of a lane. One that an inspection has not taken, because
// it has just ended, is for the next.
func (i *inspection) source(files <-chan hacarus.File) iter.Seq[hacarus.File] {
	return func(yield func(hacarus.File) bool) {
		for {
			select {
			case file := <-files:
				if !yield(file) {
					_ = i.hand(file.Tag.(*work)) // fails if the run has ended
					return
				}
			case <-i.ctx.Done():
				return
			}
		}
	}
}
