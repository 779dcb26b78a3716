// Command vision tells how well the stand-in's algorithms judge: it trains each on
// good images, has it inspect others and changed copies of them, and prints a table
// in Markdown for each set of images.
//
//	go run ./test/vision
//	go run ./test/vision -photos ~/boards -sets photos -seeds 10
//
// Sets are the plates and the boards of testdata, boards that are drawn anew, and
// the photographs of a folder: those whose names begin with T- are good, and train;
// so are those with OK-, which do not; those with NG- are bad. The folder's
// truth.json may say where.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/hacarus/hacarus-check-go/hacarustest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		log.Fatal(err)
	}
}

type options struct {
	testdata   string
	photos     string
	sets       []string
	algorithms []string // names or ids; none: all
	seeds      int
	trained    int // images to learn from; 0: what the set has
}

func parse(args []string) (options, error) {
	flags := flag.NewFlagSet("vision", flag.ContinueOnError)
	testdata := flags.String("testdata", "testdata", "`folder` of the plates and boards")
	photos := flags.String("photos", "", "`folder` of further photographs")
	sets := flags.String("sets", "plates,boards,drawn,photos", "`sets` to judge by, separated by commas")
	algorithms := flags.String("algorithms", "", "`names` or ids of algorithms, separated by commas (default all)")
	seeds := flags.Int("seeds", 3, "how many `copies` each change makes of an image, and boards are drawn")
	trained := flags.Int("trained", 0, "how many `images` to learn from (default all; 2 where no good ones are beside them)")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	o := options{testdata: *testdata, photos: *photos, sets: strings.Split(*sets, ","), seeds: *seeds, trained: *trained}
	if *algorithms != "" {
		o.algorithms = strings.Split(*algorithms, ",")
	}
	if o.seeds < 1 {
		return options{}, fmt.Errorf("-seeds %d: want at least one", o.seeds)
	}
	if o.trained < 0 {
		return options{}, fmt.Errorf("-trained %d is negative", o.trained)
	}
	return o, nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	opts, err := parse(args)
	if err != nil {
		return err
	}
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()
	algorithms, err := client.ListAlgorithms(ctx)
	if err != nil {
		return err
	}
	for _, name := range opts.sets {
		s, err := opts.load(name)
		if err != nil {
			return err
		}
		if len(s.train) == 0 {
			continue
		}
		var columns []column
		for _, a := range algorithms {
			if len(opts.algorithms) > 0 && !slices.Contains(opts.algorithms, a.Name) && !slices.Contains(opts.algorithms, a.AlgorithmID) {
				continue
			}
			c, err := trial{client, &a, opts.seeds}.of(ctx, s)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", s.name, a.Name, err)
			}
			columns = append(columns, c)
		}
		if err := printTable(out, s, columns); err != nil {
			return err
		}
	}
	return nil
}
