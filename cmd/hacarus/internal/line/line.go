// Package line holds the command that runs a line of many stations: roles that take
// images in, have them inspected, and show the verdicts, in one process or on as many
// machines as there are.
//
// The way of an image:
//
//   - A camera posts it to intake.Handler, or a file comes into a folder (folder.go).
//   - intake.Receive.Accept makes it and its job durable in the spool. Only then is it
//     accepted.
//   - intake.Spool.feed tells the queue of the job: subject hacarus.jobs.
//   - inspector.station.begin reads the job in the process that has the station (owner.go
//     decides which), and hands the image to a lane, one endless Inspect for each model,
//     whose journal is in the queue: hacarus.journal.
//   - inspector.inspection.publish publishes the verdict, which is the image's record:
//     hacarus.verdicts.
//   - Those who read it there: verdicts.File.Run writes the record's file, verdicts.Feed
//     shows it on the page (folder page), "hacarus line tail" prints it, and
//     intake.Spool.clear moves the image from the spool to ok, ng or failed.
//
// What each process of a line runs of that is in roles.go; what it serves over HTTP is in
// serve.go and api.go; what it keeps in its folder beside the spool is in data.go.
package line

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/folder"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/settings"
)

// Command is "hacarus line".
func Command(p *program.Program) *cli.Command {
	return &cli.Command{
		Name:  "line",
		Usage: p.Text("run a line of many stations, with a page for its operators"),
		Description: p.Text(`Takes images in over HTTP, has them inspected, and shows the verdicts. An image that was
accepted has exactly one verdict, whatever process, disk or machine dies in between. Without
a command, all roles run in one process; with --nats, each may run on machines of its own.`) + `

  hacarus line --demo
  hacarus line --data /var/lib/hacarus --model active --addr 0.0.0.0:8090 --tokens tokens.json
  curl --data-binary @1.jpg -H 'Station: cam-7' -H 'Serial: 1' http://127.0.0.1:8090/v1/images`,
		Flags: slices.Concat([]cli.Flag{
			&cli.BoolFlag{Name: "demo", Local: true, Usage: p.Text("simulate three stations, with a stand-in of the service and no account")},
		}, local(queueFlags(p)), local(intakeFlags(p)), local(inspectFlags(p)), local(pageFlags(p)), local(settings.Flags(p))),
		Action: func(ctx context.Context, cmd *cli.Command) error { return runRoles(ctx, p, cmd, all) },
		Commands: []*cli.Command{
			role(p, intakeRole, p.Text("take images in"), intakeFlags(p)),
			role(p, inspectRole, p.Text("have images inspected"), slices.Concat(inspectFlags(p), addrFlags(p), settings.Flags(p))),
			role(p, pageRole, p.Text("serve the operators' page"), pageFlags(p), addrFlags(p)),
			tailCommand(p),
			statusCommand(p),
			backupCommand(p),
			restoreCommand(p),
		},
	}
}

// roles are what a process does of a line's work.
type roles struct{ intake, inspect, page bool }

var (
	all         = roles{true, true, true}
	intakeRole  = roles{intake: true}
	inspectRole = roles{inspect: true}
	pageRole    = roles{page: true}
)

// String names the roles.
func (r roles) String() string {
	switch r {
	case intakeRole:
		return "intake"
	case inspectRole:
		return "inspect"
	case pageRole:
		return "page"
	}
	return "line"
}

func role(p *program.Program, r roles, usage string, flags ...[]cli.Flag) *cli.Command {
	return &cli.Command{
		Name: r.String(), Usage: usage, Flags: append(queueFlags(p), slices.Concat(flags...)...),
		Action: func(ctx context.Context, cmd *cli.Command) error { return runRoles(ctx, p, cmd, r) },
	}
}

// local keeps flags from the commands below, which have their own.
func local(flags []cli.Flag) []cli.Flag {
	for _, flag := range flags {
		switch f := flag.(type) {
		case *cli.StringFlag:
			f.Local = true
		case *cli.StringSliceFlag:
			f.Local = true
		case *cli.BoolFlag:
			f.Local = true
		case *cli.IntFlag:
			f.Local = true
		case *cli.DurationFlag:
			f.Local = true
		}
	}
	return flags
}

func queueFlags(p *program.Program) []cli.Flag {
	category := p.Text("Queue")
	return []cli.Flag{
		&cli.StringFlag{Name: "data", Category: category, TakesFile: true, Sources: cli.EnvVars("HACARUS_LINE_DATA"), Usage: p.Text("`FOLDER` of the line: its images, its record and, without --nats, its queue")},
		&cli.StringFlag{Name: "nats", Category: category, Sources: cli.EnvVars("HACARUS_NATS"), Usage: p.Text("`URL` of a NATS cluster with JetStream that is the queue")},
		&cli.StringFlag{Name: "nats-credentials", Category: category, TakesFile: true, Sources: cli.EnvVars("HACARUS_NATS_CREDENTIALS"),
			Usage: p.Text("`FILE` of credentials for the cluster; or else a token in %s", tokenVariable)},
		&cli.IntFlag{Name: "replicas", Category: category, Sources: cli.EnvVars("HACARUS_NATS_REPLICAS"), Usage: p.Text("`NUMBER` of nodes that keep each message (default: 3 with --nats)")},
	}
}

// tokenVariable is the environment variable of the token for a cluster.
const tokenVariable = "HACARUS_NATS_TOKEN"

func addrFlags(p *program.Program) []cli.Flag {
	return []cli.Flag{&cli.StringFlag{Name: "addr", Sources: cli.EnvVars("HACARUS_LINE_ADDR"), Value: "127.0.0.1:0", Usage: p.Text("`HOST:PORT` to listen on; port 0 is a free one")}}
}

func intakeFlags(p *program.Program) []cli.Flag {
	category := p.Text("Intake")
	return slices.Concat(addrFlags(p), folder.Flags(p, category), []cli.Flag{
		&cli.StringFlag{Name: "tokens", Category: category, TakesFile: true, Sources: cli.EnvVars("HACARUS_LINE_TOKENS"), Usage: p.Text("`FILE` of the stations' tokens, as JSON: {\"cam-7\": \"…\"}")},
		&cli.BoolFlag{Name: "open", Category: category, Usage: p.Text("let anybody in the network send images as any station")},
		&cli.StringFlag{Name: "tls-cert", Category: category, TakesFile: true, Sources: cli.EnvVars("HACARUS_LINE_TLS_CERT"), Usage: p.Text("`FILE` of the certificate to serve https with")},
		&cli.StringFlag{Name: "tls-key", Category: category, TakesFile: true, Sources: cli.EnvVars("HACARUS_LINE_TLS_KEY"), Usage: p.Text("`FILE` of the certificate's key")},
		&cli.StringSliceFlag{Name: "folder", Category: category, Usage: p.Text("`STATION=FOLDER` whose images are taken in; repeatable")},
		&cli.IntFlag{Name: "max-image", Category: category, Value: 64, Usage: p.Text("`MIB` that an image may have")},
		&cli.IntFlag{Name: "max-waiting", Category: category, Value: 100 << 10, Usage: p.Text("`MIB` of images that may wait; more are refused")},
		&cli.DurationFlag{Name: "max-age", Category: category, Value: 72 * time.Hour, Usage: p.Text("`TIME` that an image may wait; while one does so longer, more are refused")},
		&cli.IntFlag{Name: "min-free", Category: category, Value: 1 << 10, Usage: p.Text("`MIB` to leave free on the disk; beyond, images are refused")},
		&cli.DurationFlag{Name: "keep", Category: category, Value: 24 * time.Hour, Usage: p.Text("`TIME` for which OK images are kept")},
		&cli.DurationFlag{Name: "keep-ng", Category: category, Value: 90 * 24 * time.Hour, Usage: p.Text("`TIME` for which NG images are kept; 0 is for ever")},
		&cli.BoolFlag{Name: "shared", Category: category, Usage: p.Text("all roles see the folder of --data: images do not travel through the queue")},
	})
}

func inspectFlags(p *program.Program) []cli.Flag {
	category := p.Text("Inspection")
	return []cli.Flag{
		&cli.StringFlag{Name: "model", Category: category, Sources: cli.EnvVars("HACARUS_MODEL"), Usage: p.Text("`ID` of the model for images that name none, or active for the one in use")},
		&cli.StringFlag{Name: "name", Category: category, Sources: cli.EnvVars("HACARUS_LINE_NAME"), Usage: p.Text("`NAME` of this inspector; one of the same name takes its place at once (default: a new one)")},
		&cli.DurationFlag{Name: "lease", Category: category, Value: 5 * time.Second, Usage: p.Text("`TIME` without a sign of an inspector after which others take its stations")},
		&cli.DurationFlag{Name: "hold", Category: category, Value: 10 * time.Second, Usage: p.Text("`TIME` that a verdict waits for those of earlier images of its station")},
		&cli.IntFlag{Name: "concurrency", Category: category, Value: 2, Usage: p.Text("`NUMBER` of uploads at a time for each station")},
		&cli.DurationFlag{Name: "grace", Category: category, Value: 10 * time.Minute, Usage: p.Text("`TIME` that a verdict may take after it was asked for")},
		&cli.DurationFlag{Name: "remember", Category: category, Value: 10 * time.Minute, Usage: p.Text("`TIME` for which the journal remembers an image that is done with")},
		&cli.DurationFlag{Name: "history", Category: category, Value: 90 * 24 * time.Hour, Usage: p.Text("`TIME` for which verdicts can be read again; 0 is for ever")},
		&cli.DurationFlag{Name: "drain", Category: category, Value: 10 * time.Second, Usage: p.Text("`TIME` that images under way have for their verdicts after SIGTERM")},
	}
}

func pageFlags(p *program.Program) []cli.Flag {
	category := p.Text("Page")
	return []cli.Flag{
		&cli.StringFlag{Name: "page-token", Category: category, TakesFile: true, Sources: cli.EnvVars("HACARUS_PAGE_TOKEN_FILE"), Usage: p.Text("`FILE` of the token that the page is opened with (default: made, in the folder of --data)")},
		&cli.BoolFlag{Name: "public", Category: category, Usage: p.Text("let anybody look at the page; judging needs the token")},
		&cli.StringSliceFlag{Name: "host", Category: category, Usage: p.Text("`NAME` that the page goes by in the network; repeatable")},
		&cli.StringSliceFlag{Name: "shift", Category: category, Usage: p.Text("`HH:MM` at which a shift begins; repeatable")},
		&cli.DurationFlag{Name: "stale", Category: category, Value: 2 * time.Minute, Usage: p.Text("`TIME` after which what the page shows counts as old")},
		&cli.DurationFlag{Name: "lost", Category: category, Value: 10 * time.Minute, Usage: p.Text("`TIME` without an image after which a station counts as lost; 0 is never")},
		&cli.StringFlag{Name: "record", Category: category, TakesFile: true, Sources: cli.EnvVars("HACARUS_RECORD"), Usage: p.Text("`FILE` that gets a line for each image and judgement (default: record.jsonl in the folder of --data)")},
	}
}

// check refuses what makes no sense.
func check(p *program.Program, cmd *cli.Command, r roles) error {
	if err := p.NoArguments(cmd); err != nil {
		return err
	}
	if cmd.Bool("demo") {
		return nil
	}
	if cmd.String("data") == "" && (r.intake || cmd.String("nats") == "") {
		return p.Missing("data")
	}
	if r != all && cmd.String("nats") == "" {
		return errors.New(p.Text("a role of its own needs --nats: without, hacarus line runs all of them"))
	}
	if r.inspect && cmd.String("model") == "" {
		return p.Missing("model")
	}
	if r.inspect && cmd.Duration("lease") < time.Second {
		return errors.New(p.Text("--%s is at least %s", "lease", time.Second))
	}
	if r.inspect && (cmd.Int("concurrency") < 1 || cmd.Duration("grace") <= 0 || cmd.Duration("remember") <= 0) {
		return errors.New(p.Text("--concurrency, --grace and --remember are more than zero"))
	}
	return nil
}

// readTokens reads the tokens of the stations.
func readTokens(path string) (map[string]string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	tokens := map[string]string{}
	if err := json.Unmarshal(raw, &tokens); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for station, token := range tokens {
		if len(token) < 16 {
			return nil, language.Errorf("%s: the token of %s is shorter than 16 characters", path, station)
		}
	}
	return tokens, nil
}

// readShifts reads times of the day.
func readShifts(texts []string) (shifts []time.Duration, err error) {
	for _, text := range texts {
		at, err := time.Parse("15:04", strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		shifts = append(shifts, time.Duration(at.Hour())*time.Hour+time.Duration(at.Minute())*time.Minute)
	}
	return shifts, nil
}
