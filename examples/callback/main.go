// Command callback is told of verdicts by HACARUS CHECK, in place of asking for
// them all the time. It trains a model, starts a receiver of callbacks, has the
// model inspect images, and prints each verdict as it comes. Polling goes on
// beside it, slowly: a callback that is lost costs time, and no verdict.
//
//	go run ./examples/callback
//
// runs it on the plates in testdata, against a stand-in of the service in this
// process. With HACARUS_BASE_URL, HACARUS_CLIENT_ID and HACARUS_CLIENT_SECRET
// in the environment it uses the real service, which must be able to reach the
// receiver: -listen is where it listens, and -public-url how it is reached.
//
//	go run ./examples/callback -listen :8080 -public-url https://line7.example.com/hacarus
//
// The items and the model stay in the service, and so does the model's callback.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// options is the command line.
type options struct {
	listen, publicURL string
	method            string
	train, inspect    string // patterns of file names
	modelID           string
	timeout           time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "callback:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	opts, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}
	client, closeService, err := connect(opts)
	if err != nil {
		return err
	}
	defer closeService()
	ctx, cancel := context.WithTimeout(ctx, opts.timeout)
	defer cancel()

	hub := hacarus.NewCallbacks()
	callbackURL, closeReceiver, err := receive(ctx, opts, hub, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	defer closeReceiver()

	modelID, err := model(ctx, client, opts)
	if err != nil {
		return err
	}
	_, err = client.SetPredictCallback(ctx, modelID, hacarus.PredictCallback{URL: callbackURL, Method: opts.method})
	if err != nil {
		return err
	}
	return inspect(ctx, client, hub, modelID, opts.inspect, stdout)
}

func parseOptions(args []string, stderr io.Writer) (opts options, err error) {
	flags := flag.NewFlagSet("callback", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&opts.listen, "listen", "127.0.0.1:0", "`address` to receive callbacks at")
	flags.StringVar(&opts.publicURL, "public-url", "", "`URL` by which the service reaches that address; a secret is added to it\n(required with the real service)")
	flags.StringVar(&opts.method, "method", hacarus.CallbackPost, "`method` of the callbacks: post or get")
	flags.StringVar(&opts.train, "train", "testdata/plates/train/*.jpg", "images of good products: a `pattern`, quoted")
	flags.StringVar(&opts.inspect, "inspect", "testdata/plates/inspect/*.jpg", "images to inspect, in the same form")
	flags.StringVar(&opts.modelID, "model", "", "`id` of a model to use in place of training one")
	flags.DurationVar(&opts.timeout, "timeout", 15*time.Minute, "how long all of it may take")
	if err := flags.Parse(args); err != nil {
		return opts, err
	}
	if flags.NArg() > 0 {
		return opts, fmt.Errorf("unexpected argument %q: quote patterns", flags.Arg(0))
	}
	return opts, nil
}

// connect returns a client of the service that the environment names, or of a
// stand-in in this process where it names none.
func connect(opts options) (client *hacarus.Client, closeService func(), err error) {
	if os.Getenv("HACARUS_BASE_URL") == "" {
		server := hacarustest.NewServer()
		return server.Client(), server.Close, nil
	}
	if opts.publicURL == "" {
		return nil, nil, errors.New("-public-url is missing: how does the service reach this program?")
	}
	client, err = hacarus.NewFromEnv(hacarus.WithUserAgent("hacarus-callback-example"))
	if err != nil {
		return nil, nil, err
	}
	return client, func() { _ = client.Close() }, nil
}

// receive starts the receiver, and returns the URL of it that the service gets.
// Only who knows the token in it is listened to, and even then nothing is
// believed: a callback only wakes the wait, which asks the service.
func receive(ctx context.Context, opts options, hub *hacarus.Callbacks, logger *slog.Logger) (callbackURL string, stop func(), err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", opts.listen)
	if err != nil {
		return "", nil, err
	}
	token := rand.Text()
	receiver, err := hacarus.NewCallbackReceiver(hub.Received, hacarus.WithCallbackToken(token), hacarus.WithCallbackLogger(logger))
	if err != nil {
		return "", nil, errors.Join(err, listener.Close())
	}
	server := &http.Server{
		Handler:           receiver,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       time.Minute,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("the receiver ended", "error", err) // polling goes on
		}
	}()
	stop = func() {
		graceful, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := server.Shutdown(graceful); err != nil {
			_ = server.Close()
		}
		<-done
		if err := receiver.Close(); err != nil {
			logger.Error("some callbacks were not handled", "error", err)
		}
	}
	base := cmp.Or(opts.publicURL, "http://"+listener.Addr().String())
	return strings.TrimSuffix(base, "/") + "/" + token, stop, nil
}

// model returns the id of the model to inspect with, which it trains if none is given.
func model(ctx context.Context, client *hacarus.Client, opts options) (string, error) {
	if opts.modelID != "" {
		return opts.modelID, nil
	}
	algorithm, err := algorithm(ctx, client)
	if err != nil {
		return "", err
	}
	files, err := find(opts.train)
	if err != nil {
		return "", err
	}
	if err := algorithm.CheckImages(files...); err != nil {
		return "", err
	}
	ids, err := client.AddItems(ctx, hacarus.AddItemsRequest{Files: files, Training: true, Good: new(true)})
	if err != nil {
		return "", err
	}
	trained, err := client.TrainAndWait(ctx, algorithm.AlgorithmID, hacarus.TrainRequest{Name: "callback example", ItemIDs: ids})
	if err != nil {
		return "", err
	}
	return trained.ModelID, nil
}

// algorithm is Pattern Matching, or the service's first.
func algorithm(ctx context.Context, client *hacarus.Client) (*hacarus.Algorithm, error) {
	algorithms, err := client.ListAlgorithms(ctx)
	if err != nil {
		return nil, err
	}
	for i := range algorithms {
		if algorithms[i].Name == hacarus.AlgorithmPatternMatching {
			return &algorithms[i], nil
		}
	}
	if len(algorithms) == 0 {
		return nil, errors.New("the service has no algorithm")
	}
	return &algorithms[0], nil
}

// inspect has the model inspect images, and prints the verdicts as they come.
func inspect(ctx context.Context, client *hacarus.Client, hub *hacarus.Callbacks, modelID, pattern string, stdout io.Writer) error {
	files, err := find(pattern)
	if err != nil {
		return err
	}
	ids, err := client.AddItems(ctx, hacarus.AddItemsRequest{Files: files})
	if err != nil {
		return err
	}
	if _, err := client.PredictItems(ctx, modelID, ids...); err != nil {
		return err
	}
	var failed error
	verdicts := client.WaitForItems(ctx, modelID, ids, hacarus.WithCallbacks(hub), hacarus.WithPollInterval(time.Second, time.Minute))
	for item, err := range verdicts {
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		fmt.Fprintf(stdout, "%s  %s\n", item.Verdict(modelID), item.ItemID)
	}
	return failed
}

func find(pattern string) ([]hacarus.File, error) {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", pattern, err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no file matches %q: run this from the root of the repository, or choose your own images", pattern)
	}
	files := make([]hacarus.File, len(paths))
	for i, path := range paths {
		files[i] = hacarus.FileFromPath(path)
	}
	return files, nil
}
