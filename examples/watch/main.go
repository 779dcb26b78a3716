// Command watch inspects the images that appear in a folder, as a camera or
// another program writes them there, and sorts out those that are NG.
//
//	go run ./examples/watch
//
// shows it without an account: a stand-in of the service in this process, and a
// folder that is fed with the plates in testdata. It ends by itself.
//
//	go run ./examples/watch -dir /mnt/line7 -ng /mnt/line7-ng
//
// uses the real service, which HACARUS_BASE_URL, HACARUS_CLIENT_ID and
// HACARUS_CLIENT_SECRET name in the environment, and goes on until Ctrl-C.
//
// It looks into the folder again and again, so that network shares will do, and
// takes a file once its size and time have not changed for a while. A journal
// keeps it from inspecting an image twice, however it ends.
//
// It exits with 0 when it was told to end, and with 2 when it could not go on.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
)

const (
	exitOK    = 0
	exitError = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main with everything that it touches given to it, but for the environment.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opts, err := parseOptions(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err == nil && opts.dir == "":
		err = demo(ctx, opts, stdout)
	case err == nil:
		err = watchService(ctx, opts, stdout)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintf(stderr, "watch: %v\n", err)
		return exitError
	}
	return exitOK
}

// watchService watches for the service that the environment names.
func watchService(ctx context.Context, opts options, stdout io.Writer) error {
	client, err := hacarus.NewFromEnv(hacarus.WithUserAgent("hacarus-watch-example"))
	if err != nil {
		return err
	}
	defer client.Close()
	return newLine(client, opts, stdout).run(ctx)
}

// options is the command line.
type options struct {
	dir, ng, journal string
	model            string
	move             bool
	settle, every    time.Duration
	grace            time.Duration
	limit            int // images, after which it ends; 0: never
}

const usage = `Inspects the images that appear in a folder, and sorts out those that are NG.

  go run ./examples/watch
  go run ./examples/watch -dir /mnt/line7 -ng /mnt/line7-ng -move

Without -dir it shows itself: a stand-in of the service runs in this process,
and the test plates are fed into a folder. With -dir, the real service is the
one that HACARUS_BASE_URL, HACARUS_CLIENT_ID and HACARUS_CLIENT_SECRET name.

`

func parseOptions(args []string, stdout io.Writer) (options, error) {
	var opts options
	demo := false
	flags := flag.NewFlagSet("watch", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are reported by the caller, in one line
	flags.BoolVar(&demo, "demo", false, "show it without an account, as without arguments")
	flags.StringVar(&opts.dir, "dir", "", "`folder` to watch; its subfolders are not watched")
	flags.StringVar(&opts.ng, "ng", "", "`folder` for images that are NG (default NG in the watched folder)")
	flags.StringVar(&opts.journal, "journal", "", "`file` that remembers what was inspected (default .hacarus-journal in the watched folder)")
	flags.StringVar(&opts.model, "model", hacarus.ActiveModel, "`id` of the model")
	flags.BoolVar(&opts.move, "move", false, "move NG images in place of copying them")
	flags.DurationVar(&opts.settle, "settle", 2*time.Second, "how long a file must not change before it is taken")
	flags.DurationVar(&opts.every, "every", time.Second, "how often to look into the folder")
	flags.DurationVar(&opts.grace, "grace", 2*time.Minute, "how long a verdict may take")

	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return opts, err
	case err != nil:
		return opts, fmt.Errorf("%w (-h lists the flags)", err)
	case flags.NArg() > 0:
		return opts, fmt.Errorf("unexpected argument %q: name the folder with -dir", flags.Arg(0))
	case demo && opts.dir != "":
		return opts, errors.New("-demo makes a folder of its own: leave out -dir")
	case opts.settle < 0 || opts.every <= 0 || opts.grace <= 0:
		return opts, errors.New("-settle, -every and -grace are times above zero")
	}
	if opts.dir != "" {
		opts.inFolder()
	}
	if opts.dir != "" && filepath.Clean(opts.ng) == filepath.Clean(opts.dir) {
		return opts, errors.New("-ng is the watched folder: images that are put aside would be found again")
	}
	return opts, nil
}

// inFolder fills in what lies in the watched folder unless the user says otherwise.
func (o *options) inFolder() {
	if o.ng == "" {
		o.ng = filepath.Join(o.dir, "NG")
	}
	if o.journal == "" {
		o.journal = filepath.Join(o.dir, ".hacarus-journal")
	}
}
