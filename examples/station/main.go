// Command station inspects images for as long as it runs: one endless Inspect, one
// source, one journal, and a tag that carries the lot. After any end, run it again:
// nothing is lost or done twice. Cameras put images into line7/inbox as LOT_SERIAL.jpg,
// under a name that begins with a dot, and rename them then. An image is in line7/waiting
// until it has a verdict; it goes to OK, NG, or unknown for a person. None is deleted.
//
//	go run ./examples/station line7
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, cmp.Or(flag.Arg(0), "station"))
	stop()
	if !errors.Is(err, context.Canceled) {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dir string) error {
	client, err := connect()
	if err != nil {
		return err
	}
	defer client.Close()
	for _, folder := range []string{"inbox", "waiting", "OK", "NG", "unknown"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			return err
		}
	}
	left, err := hacarus.FilesFromDir(filepath.Join(dir, "waiting")) // by an earlier run
	if err != nil {
		return err
	}
	again := make(chan hacarus.File, 1000) // whose turn comes once more
	for result, err := range client.Inspect(ctx, hacarus.InspectRequest{
		Source:   images(ctx, dir, left, again),
		Journal:  filepath.Join(dir, "journal"),
		Remember: 90 * 24 * time.Hour,
	}) {
		if err != nil {
			return err
		}
		if errors.Is(result.Err, hacarus.ErrUnfinished) {
			continue // what ends the inspection comes next, and the image stays in waiting
		}
		if hacarus.IsTemporary(result.Err) {
			time.AfterFunc(time.Minute, func() { again <- hacarus.FileFromPath(result.File) })
			continue
		}
		fmt.Println(result.Tag, result.Verdict) // told once more if the process ends here
		if err := os.Rename(result.File, filepath.Join(dir, string(result.Verdict), filepath.Base(result.File))); err != nil {
			return err
		}
	}
	return nil
}

// images are those that wait, and those that come, under names that none has had before.
func images(ctx context.Context, dir string, waiting []hacarus.File, again <-chan hacarus.File) iter.Seq[hacarus.File] {
	return func(yield func(hacarus.File) bool) {
		for ; ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
			inbox, _ := hacarus.FilesFromDir(filepath.Join(dir, "inbox")) // or later, if the disk is away
			for _, file := range inbox {
				path := filepath.Join(dir, "waiting", fmt.Sprintf("%d_%s", time.Now().UnixNano(), file.Name))
				if os.Rename(filepath.Join(dir, "inbox", file.Name), path) == nil {
					waiting = append(waiting, hacarus.FileFromPath(path))
				}
			}
			for len(again) > 0 {
				waiting = append(waiting, <-again)
			}
			for _, file := range waiting {
				_, product, _ := strings.Cut(strings.TrimSuffix(file.Name, filepath.Ext(file.Name)), "_")
				file.Tag = product
				if !yield(file) {
					return
				}
			}
			waiting = nil
		}
	}
}

// connect uses the service that the environment names, or else a stand-in of it.
func connect() (*hacarus.Client, error) {
	if cmp.Or(os.Getenv("HACARUS_BASE_URL"), os.Getenv("HACARUS_CLIENT_ID"), os.Getenv("HACARUS_CLIENT_SECRET")) == "" {
		service := hacarustest.NewServer()
		service.AddModel(hacarus.Model{Name: "all is OK"})
		return service.Client(), nil
	}
	return hacarus.NewFromEnv(hacarus.WithUserAgent("station-example"))
}
