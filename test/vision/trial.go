package main

import (
	"context"
	"errors"
	"image"
	"slices"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/internal/testkit/truth"
)

// patience is how long an image may wait for its verdict.
const patience = time.Minute

// fits is how well a box has to be that of a defect: intersection over union.
const fits = 0.3

// trial is an algorithm that has to prove itself.
type trial struct {
	client    *hacarus.Client
	algorithm *hacarus.Algorithm
	seeds     int
}

// column is what came of it.
type column struct {
	algorithm string
	cannot    string // why there is nothing else
	plain     tally
	changed   []tally // as changes
	one       tally   // with one image to learn from
	train     cost
	inspect   cost // of one image
}

// tally counts verdicts and boxes.
type tally struct {
	good, ok, bad, ng, none      int
	defects, touched, fit, wrong int // wrong: boxes where nothing is
}

// of puts the algorithm to the test of a set. What the algorithm cannot do is no
// error.
func (t trial) of(ctx context.Context, s set) (column, error) {
	c := column{algorithm: t.algorithm.Name, changed: make([]tally, len(changes))}
	for i, f := range s.folds(s.trained) {
		err := t.with(ctx, f, func(model string, train cost) error {
			one, err := t.inspect(ctx, model, f.inspect, &c.plain)
			if i == 0 {
				c.train, c.inspect = train, one
			}
			return errors.Join(err, t.inspectCopies(ctx, model, f.inspect, c.changed))
		})
		if cannot(err) {
			c.cannot = err.Error()
			return c, nil
		}
		if err != nil {
			return c, err
		}
	}
	for _, f := range s.folds(1) {
		err := t.with(ctx, f, func(model string, _ cost) error {
			_, err := t.inspect(ctx, model, f.inspect, &c.one)
			return err
		})
		if err != nil && !cannot(err) { // it may want more
			return c, err
		}
	}
	return c, nil
}

// with trains a model for a fold, uses it, and deletes it, since models stay in
// the service's memory, which is measured.
func (t trial) with(ctx context.Context, f fold, use func(model string, train cost) error) error {
	model, spent, err := t.learn(ctx, f)
	if err != nil {
		return err
	}
	err = use(model, spent)
	_, undeleted := t.client.DeleteModels(ctx, model)
	return errors.Join(err, undeleted)
}

func (t trial) inspectCopies(ctx context.Context, model string, photos []photo, tallies []tally) error {
	for n, change := range changes {
		for seed := range t.seeds {
			copies, err := change.copies(photos, seed)
			if err != nil {
				return err
			}
			if _, err := t.inspect(ctx, model, copies, &tallies[n]); err != nil {
				return err
			}
		}
	}
	return nil
}

// cannot says whether an error is that of an algorithm which such images do not
// suit, rather than a fault.
func cannot(err error) bool {
	_, sizes := errors.AsType[*hacarus.ImageSizesError](err)
	return sizes || errors.Is(err, hacarus.ErrTrainingFailed)
}

// learn trains a model for a fold.
func (t trial) learn(ctx context.Context, f fold) (modelID string, spent cost, err error) {
	if err := t.algorithm.CheckImages(files(slices.Concat(f.train, f.inspect))...); err != nil {
		return "", spent, err
	}
	var ids []string
	for uploaded, err := range t.client.Upload(ctx, hacarus.UploadRequest{Files: files(f.train), Training: true, Good: new(true)}) {
		if err == nil {
			err = uploaded.Err
		}
		if err != nil {
			return "", spent, err
		}
		ids = append(ids, uploaded.ItemID)
	}
	var model *hacarus.Model
	spent = spending(func() {
		model, err = t.client.TrainAndWait(ctx, t.algorithm.AlgorithmID,
			hacarus.TrainRequest{Name: "trial", ItemIDs: ids}, hacarus.WithPollInterval(pause, pause))
	})
	if err != nil {
		return "", spent, err
	}
	return model.ModelID, spent, t.client.DeleteItems(ctx, ids...)
}

const pause = 5 * time.Millisecond

// inspect counts what the model says of photos, and what one costs.
func (t trial) inspect(ctx context.Context, model string, photos []photo, sum *tally) (one cost, err error) {
	var ids []string
	spent := spending(func() {
		for result, failed := range t.client.Inspect(ctx, hacarus.InspectRequest{
			ModelID: model, Files: files(photos), Concurrency: 1, Grace: patience,
			Wait: []hacarus.WaitOption{hacarus.WithPollInterval(pause, pause)},
		}) {
			if err = failed; err != nil {
				return
			}
			ids = append(ids, result.ItemID)
			sum.add(photos[result.Index], result, model)
		}
	})
	if err == nil {
		err = t.client.DeleteItems(ctx, ids...) // thousands of copies would take the memory
	}
	spent.time /= time.Duration(max(1, len(photos)))
	return spent, err
}

func files(photos []photo) []hacarus.File {
	list := make([]hacarus.File, len(photos))
	for i, p := range photos {
		list[i] = hacarus.FileFromBytes(p.name, p.content)
	}
	return list
}

func (t *tally) add(p photo, result *hacarus.Inspection, model string) {
	if p.good {
		t.good++
	} else {
		t.bad++
	}
	switch {
	case result.Verdict == hacarus.VerdictUnknown:
		t.none++
		return
	case p.good && result.Verdict == hacarus.VerdictOK:
		t.ok++
	case !p.good && result.Verdict == hacarus.VerdictNG:
		t.ng++
	}
	var found []image.Rectangle
	for _, a := range result.Item.Assessment(model).Annotations {
		if box, ok := a.Rect(); ok {
			found = append(found, box)
		}
	}
	t.compare(p.defects, found)
}

// compare counts boxes, where it is known what they should be.
func (t *tally) compare(planted, found []image.Rectangle) {
	if len(planted) == 0 {
		return
	}
	t.defects += len(planted)
	for _, defect := range planted {
		if slices.ContainsFunc(found, defect.Overlaps) {
			t.touched++
		}
		if slices.ContainsFunc(found, func(box image.Rectangle) bool { return truth.Overlap(defect, box) >= fits }) {
			t.fit++
		}
	}
	for _, box := range found {
		if !slices.ContainsFunc(planted, box.Overlaps) {
			t.wrong++
		}
	}
}
