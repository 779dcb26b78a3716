// Command inspect trains a model with images of good products, has it inspect other
// images, prints the verdicts, and draws the defects that it found.
//
//	go run ./examples/inspect [GOOD TODAY]
//
// GOOD is a folder of good products, TODAY one to inspect. It exits with 0 if all are
// OK, with 1 if some are NG, and with 2 after any error: an image without a verdict is
// never OK. Without an account in the environment, a stand-in is the service.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"image/png"
	"os"
	"os/signal"
	"path/filepath"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/overlay"
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ng, err := inspect(ctx, cmp.Or(flag.Arg(0), "testdata/boards/train"), cmp.Or(flag.Arg(1), "testdata/boards/inspect"))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "inspect:", err)
		os.Exit(2)
	}
	os.Exit(min(ng, 1))
}

// inspect returns how many images are NG. Without an error, all others are OK.
func inspect(ctx context.Context, good, subjects string) (ng int, err error) {
	client, err := connect()
	if err != nil {
		return 0, err
	}
	defer client.Close()
	files, err := hacarus.FilesFromDir(subjects)
	if err != nil || len(files) == 0 {
		return 0, errors.Join(fmt.Errorf("no images to inspect in %s", subjects), err)
	}
	model, err := train(ctx, client, good)
	if err != nil {
		return 0, err
	}
	folder, err := os.MkdirTemp("", "inspect-")
	if err != nil {
		return 0, err
	}
	count := map[hacarus.Verdict]int{}
	for result, err := range client.Inspect(ctx, hacarus.InspectRequest{ModelID: model.ModelID, Files: files}) {
		if err != nil {
			return 0, err // what ended the inspection
		}
		count[result.Verdict]++
		fmt.Println(result.Verdict, result.File)
		if err := errors.Join(result.Err, draw(result, folder)); err != nil {
			fmt.Fprintln(os.Stderr, result.File+":", err)
		}
	}
	fmt.Println("The defects are marked in", folder)
	if none := len(files) - count[hacarus.VerdictOK] - count[hacarus.VerdictNG]; none > 0 {
		return 0, fmt.Errorf("%d images have no verdict", none)
	}
	return count[hacarus.VerdictNG], nil
}

// train makes a model of what good products look like. Reconstructor learns textures
// such as that of wood; for parts of one shape, take AlgorithmPatternMatching.
func train(ctx context.Context, client *hacarus.Client, folder string) (*hacarus.Model, error) {
	files, err := hacarus.FilesFromDir(folder)
	if err != nil || len(files) == 0 {
		return nil, errors.Join(fmt.Errorf("no images to learn from in %s", folder), err)
	}
	algorithm, err := client.FindAlgorithm(ctx, hacarus.AlgorithmReconstructor)
	if err != nil {
		return nil, err
	}
	var ids []string
	for item, err := range client.Upload(ctx, hacarus.UploadRequest{Files: files, Training: true, Good: new(true)}) {
		if err != nil {
			return nil, err
		}
		if item.Err != nil {
			return nil, item.Err
		}
		ids = append(ids, item.ItemID)
	}
	return client.TrainAndWait(ctx, algorithm.AlgorithmID, hacarus.TrainRequest{Name: "inspect example", ItemIDs: ids})
}

func draw(result *hacarus.Inspection, folder string) error {
	picture, err := overlay.Open(result.File)
	if err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(folder, filepath.Base(result.File)+".png"))
	if err != nil {
		return err
	}
	marked := overlay.Draw(picture, overlay.FindingsOf(result.Item, hacarus.ActiveModel, picture))
	return errors.Join(png.Encode(file, marked), file.Close())
}

// connect uses the service that the environment names, or else a stand-in of it.
func connect() (*hacarus.Client, error) {
	if cmp.Or(os.Getenv("HACARUS_BASE_URL"), os.Getenv("HACARUS_CLIENT_ID"), os.Getenv("HACARUS_CLIENT_SECRET")) == "" {
		return hacarustest.NewServer().Client(), nil
	}
	return hacarus.NewFromEnv(hacarus.WithUserAgent("inspect-example"))
}
