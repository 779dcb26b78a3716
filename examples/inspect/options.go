package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// The plates that come with the SDK, for a run without arguments from the
// repository's root.
const (
	defaultTrain   = "testdata/plates/train/*.jpg"
	defaultInspect = "testdata/plates/inspect/*.jpg"
)

// options is the command line.
type options struct {
	train, inspect []string // patterns of file names
	algorithm      string   // name or id; "" for the default
	params         []param
	out            string
	heat           bool
	json           bool
	failOnNG       bool
	timeout        time.Duration
}

// param is an algorithm parameter as the command line has it.
type param struct{ name, value string }

const usage = `Trains a model on images of good products, inspects other images with it, and
reports the defects. Images are PNG, JPEG or TIFF files.

  go run ./examples/inspect
  go run ./examples/inspect -train 'good/*.jpg' -inspect 'line7/*.jpg' -param threshold=0.2

Without HACARUS_BASE_URL, HACARUS_CLIENT_ID and HACARUS_CLIENT_SECRET in the
environment, a stand-in of the service runs in this process.

Exit code: 0 every image has a verdict, 1 some are NG (with -fail-on-ng), 2 error.

`

// parseOptions reads the command line; -h prints the usage on stdout and is [flag.ErrHelp].
func parseOptions(args []string, stdout io.Writer) (options, error) {
	var opts options
	flags := flag.NewFlagSet("inspect", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are reported by the caller, in one line
	flags.Func("train", "images of good products: `patterns`, quoted, separated by commas; repeatable\n(default "+defaultTrain+")", appendTo(&opts.train))
	flags.Func("inspect", "images to inspect, in the same form\n(default "+defaultInspect+")", appendTo(&opts.inspect))
	flags.StringVar(&opts.algorithm, "algorithm", bySize, "`name` or id of the algorithm; '' lists them. "+bySize+" is "+hacarus.AlgorithmPatternMatching+",\nor "+hacarus.AlgorithmReconstructor+" where images have unequal sizes")
	flags.Func("param", "override an algorithm parameter: `name=value`; repeatable", opts.addParam)
	flags.StringVar(&opts.out, "out", "hacarus-report", "`folder` for the pictures, results.csv and index.html")
	flags.BoolVar(&opts.heat, "heat", false, "lay the service's heat maps over the pictures, where it has any")
	flags.BoolVar(&opts.json, "json", false, "print JSON in place of the table")
	flags.BoolVar(&opts.failOnNG, "fail-on-ng", false, "exit with 1 when an image is NG")
	flags.DurationVar(&opts.timeout, "timeout", 15*time.Minute, "how long all of it may take")

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
		// Most often a pattern that the shell has expanded.
		return opts, fmt.Errorf("unexpected argument %q: give images with -train and -inspect, and quote patterns", flags.Arg(0))
	case opts.timeout <= 0:
		return opts, fmt.Errorf("-timeout %v is not positive", opts.timeout)
	case opts.out == "":
		return opts, errors.New("-out is empty")
	}
	if opts.train == nil {
		opts.train = []string{defaultTrain}
	}
	if opts.inspect == nil {
		opts.inspect = []string{defaultInspect}
	}
	return opts, nil
}

func appendTo(patterns *[]string) func(string) error {
	return func(value string) error {
		*patterns = append(*patterns, strings.Split(value, ",")...)
		return nil
	}
}

func (o *options) addParam(value string) error {
	name, value, found := strings.Cut(value, "=")
	if !found || name == "" || value == "" {
		return errors.New("want name=value")
	}
	for _, p := range o.params {
		if p.name == name {
			return fmt.Errorf("%s is given twice", name)
		}
	}
	o.params = append(o.params, param{name, value})
	return nil
}
