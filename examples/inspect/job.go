package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// uploadSize is how many files go into one request: enough to be fast, few
// enough that a failed request does not cost much.
const uploadSize = 20

// job takes images to verdicts.
type job struct {
	client *hacarus.Client
	out    *console
}

// run does the job. Once a model is there it returns a report, even beside an
// error: an image whose verdict did not come does not hide the others'.
func (j *job) run(ctx context.Context, opts options, train, subjects []photo) (*report, error) {
	algorithm, err := j.algorithm(ctx, opts.algorithm)
	if err != nil {
		return nil, err
	}
	params, err := overrides(algorithm, opts.params)
	if err != nil {
		return nil, err
	}
	if err := checkSizes(algorithm, train, subjects); err != nil {
		return nil, err
	}
	model, err := j.train(ctx, algorithm, params, train)
	if err != nil {
		return nil, err
	}
	items, err := j.predict(ctx, model, subjects)
	return newReport(algorithm, model, train, subjects, items), err
}

// train uploads images of good products, and trains a model on them.
func (j *job) train(ctx context.Context, algorithm *hacarus.Algorithm, params []hacarus.OverrideParam, train []photo) (*hacarus.Model, error) {
	err := j.upload(ctx, "training images", train, hacarus.AddItemsRequest{Training: true, Good: new(true)})
	if err != nil {
		return nil, err
	}
	j.out.step("Training %s", algorithm.Name)
	model, err := j.client.Train(ctx, algorithm.AlgorithmID, hacarus.TrainRequest{
		Name:           "inspect-" + time.Now().UTC().Format("20060102-150405"),
		ItemIDs:        itemIDs(train),
		OverrideParams: params,
	})
	if err != nil {
		return nil, err
	}
	return j.waitForModel(ctx, model.ModelID)
}

// predict uploads images, has the model inspect them, and returns the items
// that it has assessed, by id.
func (j *job) predict(ctx context.Context, model *hacarus.Model, subjects []photo) (map[string]*hacarus.Item, error) {
	if err := j.upload(ctx, "images to inspect", subjects, hacarus.AddItemsRequest{}); err != nil {
		return nil, err
	}
	j.out.step("Inspecting %d images", len(subjects))
	if _, err := j.client.PredictItems(ctx, model.ModelID, itemIDs(subjects)...); err != nil {
		return nil, err
	}
	return j.waitForItems(ctx, model.ModelID, itemIDs(subjects))
}

// upload makes items from photos, and notes their ids in them.
func (j *job) upload(ctx context.Context, what string, photos []photo, req hacarus.AddItemsRequest) error {
	j.out.step("Uploading %d %s", len(photos), what)
	bar := j.out.bar(totalBytes(photos), true)
	defer bar.close()
	var before int64
	for batch := range slices.Chunk(photos, uploadSize) {
		req.Files = files(batch)
		req.Progress = func(sent, _ int64) { bar.set(before + sent) }
		ids, err := j.client.AddItems(ctx, req)
		if err != nil {
			return err
		}
		if err := assignIDs(batch, ids); err != nil {
			return err
		}
		before += totalBytes(batch)
	}
	return nil
}

// assignIDs notes which photo became which item. Ids derive from file names,
// and no order of the answer is documented; so names decide where they can,
// and the order where the service has named the items in another way.
func assignIDs(photos []photo, ids []string) error {
	if len(ids) != len(photos) {
		return fmt.Errorf("the service made %d items of %d files", len(ids), len(photos))
	}
	if sameSet(ids, itemIDs(photos)) {
		return nil
	}
	for i := range photos {
		photos[i].itemID = ids[i]
	}
	return nil
}

// waitForModel waits for the end of training.
func (j *job) waitForModel(ctx context.Context, modelID string) (model *hacarus.Model, err error) {
	err = poll(ctx, func() (bool, error) {
		model, err = j.client.GetModel(ctx, modelID)
		return err == nil && model.Status.IsTerminal(), err
	})
	switch {
	case err != nil:
		return nil, err
	case model.Status != hacarus.ModelStatusActive:
		return nil, fmt.Errorf("%w: model %s is %s: %s", hacarus.ErrTrainingFailed, modelID, model.Status, model.StatusText)
	}
	return model, nil
}

// waitForItems waits until the model has assessed every item. It returns the
// assessed ones by id, beside an error too.
func (j *job) waitForItems(ctx context.Context, modelID string, waiting []string) (map[string]*hacarus.Item, error) {
	assessed := map[string]*hacarus.Item{}
	bar := j.out.bar(int64(len(waiting)), false)
	defer bar.close()
	err := poll(ctx, func() (bool, error) {
		var still []string
		for _, id := range waiting {
			item, err := j.client.GetItem(ctx, id, &hacarus.GetItemOptions{
				ShowAssessments: new(true), ShowAnnotations: new(true), ModelID: modelID,
			})
			switch {
			case err != nil:
				return false, err
			case isAssessed(item, modelID):
				assessed[id] = item
				bar.set(int64(len(assessed)))
			default:
				still = append(still, id)
			}
		}
		waiting = still
		return len(waiting) == 0, nil
	})
	return assessed, err
}

// isAssessed looks for a verdict of this very model. The item's status alone
// proves nothing: an item that waits for no prediction is done, too.
func isAssessed(item *hacarus.Item, modelID string) bool {
	if item.Assessment(modelID) == nil {
		return false
	}
	return item.Verdict(modelID) != hacarus.VerdictUnknown || item.Status.IsTerminal()
}

// poll calls done until it says so: soon at first, for the service that is
// quick, and every two seconds later.
func poll(ctx context.Context, done func() (bool, error)) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

func files(photos []photo) []hacarus.File {
	list := make([]hacarus.File, len(photos))
	for i, p := range photos {
		list[i] = hacarus.FileFromPath(p.path)
	}
	return list
}

func itemIDs(photos []photo) []string {
	ids := make([]string, len(photos))
	for i, p := range photos {
		ids[i] = p.itemID
	}
	return ids
}

func totalBytes(photos []photo) (sum int64) {
	for _, p := range photos {
		sum += p.bytes()
	}
	return sum
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
