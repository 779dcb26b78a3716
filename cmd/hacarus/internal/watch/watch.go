// Package watch holds the command that inspects what a camera writes into a folder.
package watch

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/urfave/cli/v3"

	hacarus "github.com/hacarus/hacarus-check-go"
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
			&cli.StringFlag{Name: "name-pattern", Usage: p.Text("`REGEXP` of names whose groups lot and serial go into the record")},
			&cli.StringFlag{Name: "sidecar", Sources: cli.EnvVars("HACARUS_SIDECAR"), Usage: p.Text("`FORM` of a file beside each image with lot and serial: json")},
			&cli.DurationFlag{Name: "sidecar-wait", Value: 10 * time.Second, Usage: p.Text("`TIME` that an image waits for its sidecar")},
			&cli.DurationFlag{Name: "every", Value: time.Second, Usage: p.Text("`TIME` between two looks into the folder")},
			&cli.DurationFlag{Name: "settle", Value: 2 * time.Second, Usage: p.Text("`TIME` without a change after which an image is whole")},
			&cli.DurationFlag{Name: "remember", Value: 72 * time.Hour, Usage: p.Text("`TIME` for which the journal remembers an image that is done with")},
			&cli.DurationFlag{Name: "grace", Value: 10 * time.Minute, Usage: p.Text("`TIME` that a verdict may take after it was asked for")},
		}, settings.Flags(p)),
		Action: func(ctx context.Context, cmd *cli.Command) error { return run(ctx, p, cmd) },
	}
}

// options is the command line.
type options struct {
	dir, model       string
	ng, failed, done string // done may be ""
	move             bool
	journal, record  string
	names            *regexp.Regexp // nil for none
	sidecar          string         // "" for none
	sidecarTime      time.Duration
	every, settle    time.Duration
	grace, remember  time.Duration
}

// sidecarWait is for how long an image waits for its sidecar; 0 where it has none.
func (o options) sidecarWait() time.Duration {
	if o.sidecar == "" {
		return 0
	}
	return o.sidecarTime
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
	l, err := newLine(p, client, opts, journal, m)
	if err != nil {
		return err
	}
	defer l.close()
	l.notices = newNotices(p)
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

func parse(p *program.Program, cmd *cli.Command) (options, error) {
	opts := options{
		dir: cmd.Args().First(), model: cmd.String("model"), ng: cmd.String("ng"), failed: cmd.String("failed"), done: cmd.String("done"),
		move: cmd.Bool("move"), journal: cmd.String("journal"), record: cmd.String("record"),
		sidecar: cmd.String("sidecar"), sidecarTime: cmd.Duration("sidecar-wait"),
		every: cmd.Duration("every"), settle: cmd.Duration("settle"), grace: cmd.Duration("grace"), remember: cmd.Duration("remember"),
	}
	if cmd.Args().Len() != 1 {
		return opts, errors.New(p.Text("%s takes %s as its arguments", cmd.FullName(), p.Text("FOLDER")))
	}
	for _, needed := range []struct{ flag, value string }{
		{"model", opts.model}, {"ng", opts.ng}, {"failed", opts.failed}, {"journal", opts.journal}, {"record", opts.record},
	} {
		if needed.value == "" {
			return opts, errors.New(p.Text("--%s is missing", needed.flag))
		}
	}
	if opts.every <= 0 || opts.settle < 0 || opts.grace <= 0 || opts.remember <= 0 || opts.sidecarTime <= 0 {
		return opts, errors.New(p.Text("--every, --settle, --grace, --remember and --sidecar-wait take times above zero"))
	}
	if opts.sidecar != "" && opts.sidecar != "json" {
		return opts, errors.New(p.Text("--sidecar takes json"))
	}
	if pattern := cmd.String("name-pattern"); pattern != "" {
		names, err := regexp.Compile(pattern)
		if err != nil {
			return opts, err
		}
		opts.names = names
	}
	// A record outlives the folder that the program was started in.
	for _, path := range []*string{&opts.dir, &opts.ng, &opts.failed, &opts.done} {
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
	info, err := os.Stat(o.dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return errors.New(p.Text("%s is not a folder", o.dir))
	}
	paths, infos := []string{o.dir}, []os.FileInfo{info}
	for _, path := range []string{o.ng, o.failed, o.done} {
		if path == "" {
			continue
		}
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		for i, other := range infos {
			if os.SameFile(info, other) {
				return errors.New(p.Text("%s and %s are the same folder", paths[i], path))
			}
		}
		paths, infos = append(paths, path), append(infos, info)
	}
	return nil
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
