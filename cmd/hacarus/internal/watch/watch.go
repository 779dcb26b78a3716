// Package watch holds the command that inspects what a camera writes into a folder.
package watch

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/urfave/cli/v3"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/folder"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/interrupt"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/settings"
)

// Command is "hacarus watch".
func Command(p *program.Program) *cli.Command {
	return &cli.Command{
		Name:      "watch",
		Usage:     p.Text("inspect the images that a camera writes into a folder"),
		ArgsUsage: p.Text("FOLDER"),
		Description: p.Text(`Runs until Ctrl-C or SIGTERM. NG images are put into one folder, those that get no verdict
into another with the reason beside them, and each image gets a line of the record. It can
be run again after any end, a power failure included: no image is lost or inspected twice.`) + `

  hacarus watch line7 --model active --ng ng --failed failed --journal line7.journal --record line7.jsonl
  hacarus watch line7 --model active --ng ng --failed failed --done done --move --journal line7.journal --record line7.jsonl`,
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "model", Sources: cli.EnvVars("HACARUS_MODEL"), Usage: p.Text("`ID` of the model, or active for the one in use")},
			&cli.StringFlag{Name: "ng", TakesFile: true, Sources: cli.EnvVars("HACARUS_NG"), Usage: p.Text("`FOLDER` for NG images")},
			&cli.StringFlag{Name: "failed", TakesFile: true, Sources: cli.EnvVars("HACARUS_FAILED"), Usage: p.Text("`FOLDER` for images without a verdict, with the reason")},
			&cli.StringFlag{Name: "done", TakesFile: true, Sources: cli.EnvVars("HACARUS_DONE"), Usage: p.Text("`FOLDER` for OK images (default: they stay)")},
			&cli.BoolFlag{Name: "move", Sources: cli.EnvVars("HACARUS_MOVE"), Usage: p.Text("move images in place of copying them")},
			&cli.StringFlag{Name: "journal", TakesFile: true, Sources: cli.EnvVars("HACARUS_JOURNAL"), Usage: p.Text("`FILE` that remembers what was done, so that nothing is done twice")},
			&cli.StringFlag{Name: "record", TakesFile: true, Sources: cli.EnvVars("HACARUS_RECORD"), Usage: p.Text("`FILE` that gets a line for each image, as JSON")},
			&cli.StringFlag{Name: "metrics", Sources: cli.EnvVars("HACARUS_METRICS"), Usage: p.Text("`HOST:PORT` for Prometheus (/metrics) and for health checks (/healthz)")},
			&cli.DurationFlag{Name: "remember", Value: 72 * time.Hour, Usage: p.Text("`TIME` for which the journal remembers an image that is done with")},
			&cli.DurationFlag{Name: "grace", Value: 10 * time.Minute, Usage: p.Text("`TIME` that a verdict may take after it was asked for")},
		}, folder.Flags(p, ""), settings.Flags(p)),
		Action: func(ctx context.Context, cmd *cli.Command) error { return run(ctx, p, cmd) },
	}
}

// options is the command line.
type options struct {
	folder.Options
	model            string
	ng, failed, done string // done may be ""
	move             bool
	journal, record  string
	grace, remember  time.Duration
}

func run(ctx context.Context, p *program.Program, cmd *cli.Command) error {
	opts, err := parse(p, cmd)
	if err != nil {
		return err
	}
	if err := opts.check(p); err != nil {
		return err
	}
	// The lock of the journal keeps a second program off the folders, too.
	journal, err := hacarus.NewFileJournal(opts.journal)
	if err != nil {
		return err
	}
	defer func() { _ = journal.Close() }()
	if isOne(opts.journal, opts.record) {
		return errors.New(p.Text("%s cannot be the journal and the record", opts.record))
	}
	m := newMetrics(time.Now)
	client, err := settings.Connect(ctx, p, cmd, hacarus.WithObserver(m.observe))
	if err != nil {
		return err
	}
	defer client.Close()
	notices := folder.NewNotices(func(refusal error, every time.Duration) {
		p.Say("The system gives no notice of changes (%v); the folder is looked into every %v.", refusal, every)
	})
	l, err := newLine(p, client, opts, journal, m, notices)
	if err != nil {
		return err
	}
	defer l.close()
	if addr := cmd.String("metrics"); addr != "" {
		stop, err := m.serve(ctx, addr)
		if err != nil {
			return err
		}
		defer stop()
	}
	err = l.run(ctx)
	if interrupt.Terminated(ctx) && errors.Is(err, context.Canceled) {
		err = nil // as it should
	}
	return errors.Join(err, l.list.End(err))
}

func parse(p *program.Program, cmd *cli.Command) (opts options, err error) {
	if cmd.Args().Len() != 1 {
		return opts, errors.New(p.Text("%s takes %s as its arguments", cmd.FullName(), p.Text("FOLDER")))
	}
	opts = options{
		model: cmd.String("model"), ng: cmd.String("ng"), failed: cmd.String("failed"), done: cmd.String("done"),
		move: cmd.Bool("move"), journal: cmd.String("journal"), record: cmd.String("record"),
		grace: cmd.Duration("grace"), remember: cmd.Duration("remember"),
	}
	for _, needed := range []struct{ flag, value string }{
		{"model", opts.model}, {"ng", opts.ng}, {"failed", opts.failed}, {"journal", opts.journal}, {"record", opts.record},
	} {
		if needed.value == "" {
			return opts, p.Missing(needed.flag)
		}
	}
	if opts.grace <= 0 || opts.remember <= 0 {
		return opts, errors.New(p.Text("--grace and --remember take times above zero"))
	}
	if opts.Options, err = folder.ReadOptions(p, cmd); err != nil {
		return opts, err
	}
	opts.Dir = cmd.Args().First()
	// A record outlives the folder that the program was started in.
	for _, path := range []*string{&opts.Dir, &opts.ng, &opts.failed, &opts.done} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return opts, err
		}
		*path = absolute
	}
	return opts, nil
}

// check refuses folders that are one and the same, whatever their names are: an
// image that is moved into the watched folder would be found again.
func (o options) check(p *program.Program) error {
	if err := folder.CheckApart(p, o.Dir); err != nil {
		return err
	}
	paths := []string{o.Dir}
	for _, path := range []string{o.ng, o.failed, o.done} {
		if path == "" {
			continue
		}
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		paths = append(paths, path)
	}
	return folder.CheckApart(p, paths...)
}

// isOne says whether two paths are of one file.
func isOne(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// listen opens a port.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", addr)
}
