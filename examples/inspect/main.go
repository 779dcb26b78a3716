// Command inspect does the whole job of HACARUS CHECK: it uploads images of
// good products, trains a model on them, has it inspect other images, and
// shows what it found: a table, the images with the defects boxed, a CSV file
// and a web page.
//
//	go run ./examples/inspect
//
// runs it on the plates in testdata, against a stand-in of the service in this
// process. With HACARUS_BASE_URL, HACARUS_CLIENT_ID and HACARUS_CLIENT_SECRET
// in the environment it uses the real service, where the uploaded items and
// the trained model stay.
//
// It exits with 0 when every image has a verdict, with 1 when -fail-on-ng is
// given and some are NG, and with 2 when anything went wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

const (
	exitOK    = 0 // every image has a verdict
	exitNG    = 1 // with -fail-on-ng: some images are NG
	exitError = 2 // some images have no verdict
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr, os.Getenv)
	stop()
	os.Exit(code)
}

// run is main with everything that it touches given to it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, getenv func(string) string) int {
	opts, err := parseOptions(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	var rep *report
	if err == nil {
		rep, err = inspect(ctx, opts, newConsole(stderr), getenv)
	}
	// A job that ended early may still have verdicts, and they are shown.
	if rep != nil {
		err = errors.Join(err, publish(rep, opts, stdout))
	}
	if err != nil {
		fmt.Fprintf(stderr, "inspect: %s\n", explain(err))
		return exitError
	}
	return rep.exitCode(opts.failOnNG)
}

// inspect checks all that can be checked before anything is sent, and runs the job.
func inspect(ctx context.Context, opts options, out *console, getenv func(string) string) (*report, error) {
	train, err := findPhotos("train", opts.train)
	if err != nil {
		return nil, err
	}
	subjects, err := findPhotos("inspect", opts.inspect)
	if err != nil {
		return nil, err
	}
	if err := checkItemIDs(train, subjects); err != nil {
		return nil, err
	}
	if err := checkPictures(opts.out, subjects, train); err != nil {
		return nil, err
	}
	// A folder that cannot be made must not cost a training.
	if err := os.MkdirAll(opts.out, 0o755); err != nil {
		return nil, fmt.Errorf("-out: %w", err)
	}
	svc, err := connect(getenv)
	if err != nil {
		return nil, err
	}
	defer svc.close()

	ctx, cancel := context.WithTimeoutCause(ctx, opts.timeout, timeoutError(opts.timeout))
	defer cancel()
	j := job{client: svc.client, out: out}
	rep, err := j.run(ctx, opts, train, subjects)
	if rep != nil {
		rep.Service = svc.name
	}
	return rep, err
}

// publish writes the report's files, and prints it.
func publish(rep *report, opts options, stdout io.Writer) error {
	if err := rep.save(opts.out); err != nil {
		return err
	}
	if opts.json {
		return rep.printJSON(stdout)
	}
	return rep.printTable(stdout, opts.out)
}
