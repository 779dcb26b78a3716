// Command callback is told of verdicts by the service, in place of asking for them
// all the time. Polling goes on beside that, slowly: a lost callback costs time, and
// no verdict.
//
//	go run ./examples/callback
//	go run ./examples/callback -model ID -listen :8080 -public-url https://line7.example.com/hacarus TODAY
//
// TODAY is a folder to inspect. Without an account in the environment, a stand-in is
// the service.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

var (
	modelID   = flag.String("model", "", "`ID` of the model (default: train one with the plates)")
	listen    = flag.String("listen", "127.0.0.1:0", "`address` to receive callbacks at")
	publicURL = flag.String("public-url", "", "`URL` by which the service reaches it (default: that address)")
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, cmp.Or(flag.Arg(0), "testdata/plates/inspect"))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "callback:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, folder string) error {
	client, err := connect()
	if err != nil {
		return err
	}
	defer client.Close()
	if *modelID == "" {
		if *modelID, err = train(ctx, client); err != nil {
			return err
		}
	}

	// Who knows the token may wake the wait, and no more: what a callback says is not
	// believed, the service is asked.
	hub, token := hacarus.NewCallbacks(), rand.Text()
	receiver, err := hacarus.NewCallbackReceiver(hub.Received, hacarus.WithCallbackToken(token))
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", *listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: receiver, ReadTimeout: 15 * time.Second}
	go func() { _ = server.Serve(listener) }() // polling goes on without it
	defer func() { _ = errors.Join(server.Close(), receiver.Close()) }()
	url := cmp.Or(*publicURL, "http://"+listener.Addr().String()) + "/" + token
	if _, err := client.SetPredictCallback(ctx, *modelID, hacarus.PredictCallback{URL: url, Method: hacarus.CallbackPost}); err != nil {
		return err
	}

	files, err := hacarus.FilesFromDir(folder)
	if err != nil {
		return err
	}
	var failed error
	waiting := []hacarus.WaitOption{hacarus.WithCallbacks(hub), hacarus.WithPollInterval(time.Second, time.Minute)}
	for result, err := range client.Inspect(ctx, hacarus.InspectRequest{ModelID: *modelID, Files: files, Wait: waiting}) {
		if err != nil {
			return err // what ended the inspection
		}
		fmt.Println(result.Verdict, result.File)
		failed = errors.Join(failed, result.Err)
	}
	return failed
}

func train(ctx context.Context, client *hacarus.Client) (string, error) {
	files, err := hacarus.FilesFromDir("testdata/plates/train")
	if err != nil {
		return "", err
	}
	algorithm, err := client.FindAlgorithm(ctx, hacarus.AlgorithmPatternMatching)
	if err != nil {
		return "", err
	}
	ids, err := client.AddItems(ctx, hacarus.AddItemsRequest{Files: files, Training: true, Good: new(true)})
	if err != nil {
		return "", err
	}
	model, err := client.TrainAndWait(ctx, algorithm.AlgorithmID, hacarus.TrainRequest{Name: "plates", ItemIDs: ids})
	if err != nil {
		return "", err
	}
	return model.ModelID, nil
}

// connect uses the service that the environment names, or else a stand-in of it.
func connect() (*hacarus.Client, error) {
	if cmp.Or(os.Getenv("HACARUS_BASE_URL"), os.Getenv("HACARUS_CLIENT_ID"), os.Getenv("HACARUS_CLIENT_SECRET")) == "" {
		return hacarustest.NewServer().Client(), nil
	}
	return hacarus.NewFromEnv(hacarus.WithUserAgent("callback-example"))
}
