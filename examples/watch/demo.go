package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// plates are the test plates, from the repository's root.
const plates = "testdata/plates"

// demo feeds the test plates into a folder of its own, and watches it with a
// stand-in of the service. It ends when all of them are inspected.
func demo(ctx context.Context, opts options, stdout io.Writer) error {
	fed, err := filepath.Glob(filepath.Join(plates, "inspect", "*.jpg"))
	if err != nil || len(fed) == 0 {
		return errors.Join(errors.New("no test plates here: run this from the root of the repository, or choose a folder with -dir"), err)
	}
	folder, err := os.MkdirTemp("", "hacarus-watch-")
	if err != nil {
		return err
	}
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	if opts.model, err = train(ctx, client); err != nil {
		return err
	}
	opts.dir = folder
	opts.settle, opts.every = min(opts.settle, 300*time.Millisecond), min(opts.every, 100*time.Millisecond)
	opts.limit = len(fed)
	opts.inFolder()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	feeding := make(chan error, 1)
	go func() {
		err := feed(ctx, fed, folder)
		if err != nil {
			cancel()
		}
		feeding <- err
	}()
	watching := newLine(client, opts, stdout).run(ctx)
	cancel()
	if err := <-feeding; err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return watching
}

// train makes a model of the good test plates.
func train(ctx context.Context, client *hacarus.Client) (modelID string, err error) {
	paths, err := filepath.Glob(filepath.Join(plates, "train", "*.jpg"))
	if err != nil {
		return "", err
	}
	files := make([]hacarus.File, len(paths))
	for i, path := range paths {
		files[i] = hacarus.FileFromPath(path)
	}
	ids, err := client.AddItems(ctx, hacarus.AddItemsRequest{Files: files, Training: true, Good: new(true)})
	if err != nil {
		return "", err
	}
	model, err := client.TrainAndWait(ctx, "PM", hacarus.TrainRequest{Name: "plates", ItemIDs: ids})
	if err != nil {
		return "", err
	}
	return model.ModelID, nil
}

// feed writes images into the folder as a slow camera does: each in two parts.
func feed(ctx context.Context, paths []string, folder string) error {
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := os.Create(filepath.Join(folder, filepath.Base(path)))
		if err != nil {
			return err
		}
		for _, part := range [][]byte{content[:len(content)/2], content[len(content)/2:]} {
			if _, err = file.Write(part); err != nil {
				break
			}
			if err = pause(ctx, 100*time.Millisecond); err != nil {
				break
			}
		}
		if err := errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("feeding %s: %w", folder, err)
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
