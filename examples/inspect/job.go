package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
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
	algorithm, err := j.algorithm(ctx, opts.algorithm, files(slices.Concat(train, subjects)))
	if err != nil {
		return nil, err
	}
	params, err := overrides(algorithm, opts.params)
	if err != nil {
		return nil, err
	}
	model, err := j.train(ctx, algorithm, params, train)
	if err != nil {
		return nil, err
	}
	items, err := j.inspect(ctx, model, subjects)
	rep := newReport(algorithm, model, train, subjects, items)
	if opts.heat {
		err = errors.Join(err, j.fetchHeat(ctx, rep, items))
	}
	return rep, err
}

// train uploads images of good products, and trains a model on them.
func (j *job) train(ctx context.Context, algorithm *hacarus.Algorithm, params []hacarus.OverrideParam, train []photo) (*hacarus.Model, error) {
	ids, err := j.upload(ctx, train)
	if err != nil {
		return nil, err
	}
	j.out.step("Training %s", algorithm.Name)
	return j.client.TrainAndWait(ctx, algorithm.AlgorithmID, hacarus.TrainRequest{
		Name:           "inspect-" + time.Now().UTC().Format("20060102-150405"),
		ItemIDs:        ids,
		OverrideParams: params,
	})
}

// upload makes training items of photos, and returns their ids.
func (j *job) upload(ctx context.Context, photos []photo) (ids []string, err error) {
	j.out.step("Uploading %d training images", len(photos))
	bar := j.out.bar(totalBytes(photos), true)
	defer bar.close()
	var before int64
	for batch := range slices.Chunk(photos, uploadSize) {
		added, err := j.client.AddItems(ctx, hacarus.AddItemsRequest{
			Files:    files(batch),
			Training: true,
			Good:     new(true),
			Progress: func(sent, _ int64) { bar.set(before + sent) },
		})
		if err != nil {
			return nil, err
		}
		ids = append(ids, added...)
		before += totalBytes(batch)
	}
	return ids, nil
}

// inspect has the model inspect photos, and returns the items by the photos'
// place; nil where there is no verdict. It notes the items' ids in the photos.
func (j *job) inspect(ctx context.Context, model *hacarus.Model, subjects []photo) ([]*hacarus.Item, error) {
	j.out.step("Inspecting %d images", len(subjects))
	bar := j.out.bar(int64(len(subjects)), false)
	defer bar.close()
	items := make([]*hacarus.Item, len(subjects))
	for result, err := range j.client.Inspect(ctx, hacarus.InspectRequest{
		ModelID:  model.ModelID,
		Files:    files(subjects),
		Progress: func(p hacarus.InspectProgress) { bar.set(int64(p.Assessed)) },
	}) {
		if err != nil {
			return items, err
		}
		items[result.Index] = result.Item
		subjects[result.Index].itemID = cmp.Or(result.ItemID, subjects[result.Index].itemID)
		if result.Err != nil && ctx.Err() == nil {
			j.out.step("%s: %s", result.File, explain(result.Err))
		}
	}
	return items, nil
}

// fetchHeat gets the heat maps of a report's images. Most services have none.
func (j *job) fetchHeat(ctx context.Context, rep *report, items []*hacarus.Item) error {
	for i, item := range items {
		assessment := item.Assessment(rep.ModelID)
		if assessment == nil || len(assessment.Images) == 0 {
			continue
		}
		result := &rep.Results[i]
		heat, err := j.image(ctx, assessment.Images[0])
		if err != nil {
			return fmt.Errorf("heat map of %s: %w", result.File, err)
		}
		result.heat = heat
	}
	return nil
}

// image fetches an image as its file, which is far smaller than its pixels.
func (j *job) image(ctx context.Context, meta hacarus.ImageMeta) ([]byte, error) {
	download, err := j.client.GetImage(ctx, meta)
	if err != nil {
		return nil, err
	}
	defer download.Close()
	content, err := io.ReadAll(download)
	if err != nil {
		return nil, err
	}
	// What is no image should not end the writing of the report.
	_, _, err = image.DecodeConfig(bytes.NewReader(content))
	return content, err
}

func files(photos []photo) []hacarus.File {
	list := make([]hacarus.File, len(photos))
	for i, p := range photos {
		list[i] = hacarus.FileFromPath(p.path)
	}
	return list
}

func totalBytes(photos []photo) (sum int64) {
	for _, p := range photos {
		sum += p.bytes()
	}
	return sum
}
