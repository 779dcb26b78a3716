// Package review holds the command with which people look at verdicts again: a page
// on this computer that shows the images of a record, and exports of what they say.
package review

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/urfave/cli/v3"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/interrupt"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/judge"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/localpage"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/period"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/settings"
)

// Command is "hacarus review".
func Command(p *program.Program) *cli.Command {
	return &cli.Command{
		Name:  "review",
		Usage: p.Text("look at verdicts again, as a person"),
		Description: p.Text(`Prints the URL of a page on this computer that shows the images of a record that are NG or
without a verdict, for people to judge and to draw boxes on. Each judgement is a line of
the record. With a connection to the service, the boxes are sent to it as annotations, and
images that are not on the disk any more are fetched; without one, neither is. Ends with
Ctrl-C.`) + `

  hacarus review --record line7.jsonl
  hacarus review --record line7.jsonl --doubt 0.15 --from 2026-01-31
  hacarus review export --record line7.jsonl --format folders --out labeled`,
		Flags: slices.Concat([]cli.Flag{
			recordFlag(p),
			&cli.StringFlag{Name: "addr", Local: true, Value: "127.0.0.1:0", Sources: cli.EnvVars("HACARUS_REVIEW_ADDR"), Usage: p.Text("`HOST:PORT` to listen on; port 0 is a free one")},
			&cli.BoolFlag{Name: "open-to-network", Local: true, Usage: p.Text("allow an address that other computers reach, without encryption")},
			&cli.FloatFlag{Name: "doubt", Local: true, Usage: p.Text("show OK images from this `SCORE` on, too")},
		}, timeFlags(p), settings.Flags(p)),
		Commands: []*cli.Command{exportCommand(p)},
		Action:   func(ctx context.Context, cmd *cli.Command) error { return run(ctx, p, cmd) },
	}
}

func recordFlag(p *program.Program) cli.Flag {
	return &cli.StringFlag{Name: "record", Local: true, TakesFile: true, Sources: cli.EnvVars("HACARUS_RECORD"), Usage: p.Text("`FILE` of the record that watch has written")}
}

func timeFlags(p *program.Program) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "from", Local: true, Usage: p.Text("images from this `TIME` on, such as 2026-11-26T06:00, 2026-11-26 or 06:00")},
		&cli.StringFlag{Name: "to", Local: true, Usage: p.Text("images before this `TIME`; a day counts with all of it")},
	}
}

func run(ctx context.Context, p *program.Program, cmd *cli.Command) error {
	path, within, err := selection(p, cmd)
	if err != nil {
		return err
	}
	addr := cmd.String("addr")
	if err := checkAddress(p, addr, cmd.Bool("open-to-network")); err != nil {
		return err
	}
	client, err := connect(ctx, p, cmd)
	if err != nil {
		return err
	}
	if client != nil {
		defer client.Close()
	}
	r, err := record.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	var doubt *float64
	if cmd.IsSet("doubt") {
		doubt = new(cmd.Float("doubt"))
	}
	b := newBook(path, judge.New(r, client), within, doubt)
	if _, err := b.refresh(); err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	s := newServer(p, b, listener.Addr())
	if err := announce(p, s.url()); err != nil {
		return errors.Join(err, listener.Close())
	}
	return s.serve(ctx, listener)
}

// selection reads which record is meant, and which of its images.
func selection(p *program.Program, cmd *cli.Command) (path string, within period.Period, err error) {
	if err := p.NoArguments(cmd); err != nil {
		return "", within, err
	}
	path = cmd.String("record")
	if path == "" {
		return "", within, p.Missing("record")
	}
	if _, err := os.Stat(path); err != nil {
		return "", within, err // a record that is not there would be made
	}
	within, err = period.Of(p, cmd.String("from"), cmd.String("to"), time.Now())
	return path, within, err
}

// checkAddress keeps the page on this computer, unless that is said.
func checkAddress(p *program.Program, addr string, open bool) error {
	if _, _, err := net.SplitHostPort(addr); err != nil || open || localpage.IsLoopback(addr) {
		return err
	}
	return errors.New(p.Text("%s can be reached from other computers: whoever reads the traffic there sees the images and can judge under any name, since it is not encrypted; --open-to-network allows that", addr))
}

// connect returns a client if the service is named, and nil if it is not.
func connect(ctx context.Context, p *program.Program, cmd *cli.Command) (*hacarus.Client, error) {
	s, err := settings.Resolve(ctx, p, cmd)
	if err != nil {
		return nil, err
	}
	if missing := s.Missing(); len(missing) > 0 {
		p.Say("There is no connection to the service (%s): boxes are not sent, and only what is on the disk can be shown.", p.Join(missing))
		return nil, nil
	}
	return s.Client(p)
}

// announce tells where the page is: a line with nothing but its URL, or JSON.
func announce(p *program.Program, url string) error {
	if p.Out.Format() == output.Table {
		return p.Out.Text(url)
	}
	return p.Out.Value(map[string]string{"url": url}, []output.Column{{Name: "url"}}, output.Text(url))
}

// grace is what boxes that are on their way may take when the program ends.
const grace = time.Second

// serve serves the page until the program is to end.
func (s *server) serve(ctx context.Context, listener net.Listener) error {
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	s.sending = sending
	web := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 1 << 16}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	_ = web.Close() // a judgement is on the disk before its response
	time.AfterFunc(grace, cancel)
	s.senders.Wait()
	if interrupt.Terminated(ctx) {
		return nil // as it should
	}
	return context.Cause(ctx)
}
