package line

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/urfave/cli/v3"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/testdata"
)

// runDemo runs a line whose stations are simulated, on a stand-in of the service.
func runDemo(ctx context.Context, p *program.Program, cmd *cli.Command) error {
	data := cmd.String("data")
	if data == "" {
		dir, err := os.MkdirTemp("", "hacarus-line-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		data = dir
	}
	server := hacarustest.NewServer(hacarustest.WithPredictionTime(300 * time.Millisecond))
	defer server.Close()
	client := server.Client(hacarus.WithLanguage(p.Language()))
	defer client.Close()
	p.Say("This is a stand-in of HACARUS CHECK, for trials: its verdicts are not those of the service.")
	model, err := trainDemo(ctx, client)
	if err != nil {
		return err
	}
	cameras, stop := context.WithCancel(ctx)
	defer stop()
	return newProcess(p, cmd, all, data).run(ctx, client, model, func(url string) {
		for n := range 3 {
			go simulate(cameras, url, fmt.Sprintf("cam-%d", n+1), time.Duration(n+2)*700*time.Millisecond)
		}
		go func() { // what was called is not kept: the demo may run for days
			for cameras.Err() == nil {
				time.Sleep(10 * time.Second)
				server.ResetCalls()
			}
		}()
	})
}

// trainDemo trains a model with the good plates.
func trainDemo(ctx context.Context, client *hacarus.Client) (string, error) {
	algorithm, err := client.FindAlgorithm(ctx, hacarus.AlgorithmPatternMatching)
	if err != nil {
		return "", err
	}
	names, err := fs.Glob(testdata.Plates, "plates/train/*")
	if err != nil {
		return "", err
	}
	var ids []string
	files := make([]hacarus.File, len(names))
	for n, name := range names {
		files[n] = hacarus.FileFromFS(testdata.Plates, name)
	}
	good := true
	for uploaded, err := range client.Upload(ctx, hacarus.UploadRequest{Files: files, Training: true, Good: &good}) {
		if err == nil {
			err = uploaded.Err
		}
		if err != nil {
			return "", err
		}
		ids = append(ids, uploaded.ItemID)
	}
	model, err := client.TrainAndWait(ctx, algorithm.AlgorithmID, hacarus.TrainRequest{Name: "plates", ItemIDs: ids})
	if err != nil {
		return "", err
	}
	return model.ModelID, nil
}

// simulate posts plates as a camera does: mostly good ones.
func simulate(ctx context.Context, url, station string, every time.Duration) {
	good, _ := fs.Glob(testdata.Plates, "plates/inspect/OK-*")
	bad, _ := fs.Glob(testdata.Plates, "plates/inspect/NG-*")
	begun := time.Now().Unix()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for serial := 1; ; serial++ {
		names := good
		if rand.IntN(5) == 0 { //nolint:gosec // nothing is to be kept secret
			names = bad
		}
		image, err := fs.ReadFile(testdata.Plates, names[rand.IntN(len(names))]) //nolint:gosec // likewise
		if err == nil {
			post(ctx, url, station, strconv.FormatInt(begun, 10), fmt.Sprintf("%05d", serial), image)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func post(ctx context.Context, url, station, lot, serial string, image []byte) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/images", bytes.NewReader(image))
	if err != nil {
		return
	}
	request.Header.Set("Station", station)
	request.Header.Set("Lot", lot)
	request.Header.Set("Serial", serial)
	if response, err := http.DefaultClient.Do(request); err == nil {
		_ = response.Body.Close()
	}
}
