// Consumer is a program as a user of the SDK would write it: a module of its
// own, outside of the workspace, which sees nothing but what a user sees. Its
// tests prove that the SDK can be used that way, and which modules it brings.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"

	hacarus "github.com/hacarus/hacarus-check-go"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(paths []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client, err := hacarus.NewFromEnv()
	if err != nil {
		return err
	}
	defer client.Close()
	return inspect(ctx, client, os.Stdout, paths...)
}

// inspect prints the verdict of the active model on each file.
func inspect(ctx context.Context, client *hacarus.Client, out io.Writer, paths ...string) error {
	request := hacarus.InspectRequest{ModelID: hacarus.ActiveModel}
	for _, path := range paths {
		request.Files = append(request.Files, hacarus.FileFromPath(path))
	}
	for result, err := range client.Inspect(ctx, request) {
		if err != nil {
			return err
		}
		if result.Err != nil {
			fmt.Fprintf(out, "%s: %v\n", result.File, result.Err)
			continue
		}
		fmt.Fprintf(out, "%s: %s\n", result.File, result.Verdict)
	}
	return nil
}
