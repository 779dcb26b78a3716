package line

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/interrupt"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/verdicts"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/period"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
)

func tailCommand(p *program.Program) *cli.Command {
	return &cli.Command{
		Name:  "tail",
		Usage: p.Text("print verdicts and judgements: what is there, and then what comes"),
		Description: p.Text(`Each line has a position in "seq". With --name, the position of what was printed is kept
under that name, and the next run goes on behind it.`) + `

  hacarus line tail --data /var/lib/hacarus -o jsonl
  hacarus line tail --nats nats://hub:4222 --name mes -o jsonl`,
		Flags: append(queueFlags(p),
			&cli.BoolFlag{Name: "once", Usage: p.Text("end after what is there")},
			&cli.StringFlag{Name: "name", Usage: p.Text("`NAME` of the reader, whose position is kept")},
			&cli.Uint64Flag{Name: "after", Usage: p.Text("`SEQ` after which to begin")},
			&cli.StringFlag{Name: "since", Usage: p.Text("`TIME` at which to begin, such as 2026-11-26T06:00, 2026-11-26 or 06:00")},
		),
		Action: func(ctx context.Context, cmd *cli.Command) error { return runTail(ctx, p, cmd) },
	}
}

func runTail(ctx context.Context, p *program.Program, cmd *cli.Command) error {
	var since time.Time
	if text := cmd.String("since"); text != "" {
		var err error
		if since, err = period.Start(p, "since", text, time.Now()); err != nil {
			return err
		}
	}
	r, err := openReader(ctx, p, cmd)
	if err != nil {
		return err
	}
	defer r.close()
	lines := func(after uint64) iter.Seq2[verdicts.Line, error] {
		return warned(p, r.lines(ctx, after, since, cmd.Bool("once")))
	}
	if name := cmd.String("name"); name == "" {
		err = printLines(p, lines(cmd.Uint64("after")), !cmd.Bool("once"))
	} else {
		err = tailAs(ctx, p, cmd, r, name, lines)
	}
	if ctx.Err() != nil && interrupt.Terminated(ctx) {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// tailAs prints the lines for a reader with a name, whose position moves behind each
// line that was printed.
func tailAs(ctx context.Context, p *program.Program, cmd *cli.Command, r reader, name string, lines func(after uint64) iter.Seq2[verdicts.Line, error]) error {
	position, err := r.position(ctx, name)
	if err != nil {
		return err
	}
	after := position
	if cmd.IsSet("after") || cmd.IsSet("since") {
		after = cmd.Uint64("after")
	}
	return printLines(p, func(yield func(verdicts.Line, error) bool) {
		for line, err := range lines(after) {
			if !yield(line, err) || err != nil {
				return
			}
			err = r.move(ctx, name, position, line.Seq)
			if errors.Is(err, queue.ErrTakenOver) {
				err = language.Errorf("another process reads as %s", name)
			}
			if err != nil {
				yield(verdicts.Line{}, err)
				return
			}
			position = line.Seq
		}
	}, true)
}

// printLines prints lines as a list. A table is printed at its end, so that those that
// are to be seen at once are lines of their own instead.
func printLines(p *program.Program, lines iter.Seq2[verdicts.Line, error], atOnce bool) error {
	if !atOnce || p.Out.Format() != output.Table {
		return output.All(p.Out, columns(p), lines, cells)
	}
	for line, err := range lines {
		if err != nil {
			return err
		}
		var words []string
		for _, cell := range cells(line) {
			if shown := p.Out.Shown(cell).Text; shown != "" {
				words = append(words, output.Escape(shown))
			}
		}
		if err := p.Out.Text(strings.Join(words, "  ")); err != nil {
			return err
		}
	}
	return nil
}

// warned tells where verdicts are missing.
func warned(p *program.Program, lines iter.Seq2[verdicts.Line, error]) iter.Seq2[verdicts.Line, error] {
	return func(yield func(verdicts.Line, error) bool) {
		for line, err := range lines {
			if line.Missed {
				p.Say("Verdicts before %d are not there any more: the reader was behind the line's --history.", line.Seq)
			}
			if !yield(line, err) {
				return
			}
		}
	}
}

func columns(p *program.Program) []output.Column {
	return []output.Column{
		{Name: "seq", Title: p.Text("Position"), Right: true}, {Name: "time", Title: p.Text("Time")}, {Name: "station", Title: p.Text("Station")},
		{Name: "lot", Title: p.Text("Lot")}, {Name: "serial", Title: p.Text("Serial")}, {Name: "id", Title: "ID"},
		{Name: "verdict", Title: p.Text("Verdict")}, {Name: "by", Title: p.Text("By")}, {Name: "error", Title: p.Text("Error")},
	}
}

func cells(l verdicts.Line) []output.Cell {
	reason := ""
	if l.Error != nil {
		reason = *l.Error
	}
	return []output.Cell{
		output.Number(strconv.FormatUint(l.Seq, 10)), output.Text(l.Time.Local().Format(time.DateTime)), output.Text(l.Station),
		output.Text(l.Lot), output.Text(l.Serial), output.Text(l.ID), output.Text(l.Verdict), output.Text(l.By), output.Text(reason),
	}
}
