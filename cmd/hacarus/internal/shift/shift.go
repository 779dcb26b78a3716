// Package shift holds the command that tells what became of the images of a shift.
package shift

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/outdir"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/period"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// Command is "hacarus report".
func Command(p *program.Program) *cli.Command {
	return &cli.Command{
		Name:  "report",
		Usage: p.Text("tell what became of the images of a shift"),
		Description: p.Text(`Reads the record of watch or line. What holds for an image is the last line about it:
a person's judgement replaces the model's. Times are this computer's.`) + `

  hacarus report --record line7.jsonl --shift 8h
  hacarus report --record line7.jsonl --from 2026-11-26T06:00 --to 2026-11-26T14:00 --out report
  hacarus report --record line7.jsonl -o json`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "record", TakesFile: true, Sources: cli.EnvVars("HACARUS_RECORD"), Usage: p.Text("`FILE` to read")},
			&cli.StringFlag{Name: "from", Usage: p.Text("`TIME` from which on images count, such as 2026-11-26T06:00, 2026-11-26 or 06:00")},
			&cli.StringFlag{Name: "to", Usage: p.Text("`TIME` before which images count; a day counts with all of it")},
			&cli.DurationFlag{Name: "shift", Usage: p.Text("`TIME` that a shift lasts: from so long before --to, or before now")},
			&cli.StringFlag{Name: "out", TakesFile: true, Usage: p.Text("`FOLDER` for report.csv, images.csv and judgements.csv; what is not its own it leaves alone")},
		},
		Action: func(_ context.Context, cmd *cli.Command) error { return run(p, cmd, time.Now()) },
	}
}

func run(p *program.Program, cmd *cli.Command, now time.Time) error {
	if err := p.NoArguments(cmd); err != nil {
		return err
	}
	if cmd.String("record") == "" {
		return p.Missing("record")
	}
	within, err := periodOf(p, cmd.String("from"), cmd.String("to"), cmd.Duration("shift"), now)
	if err != nil {
		return err
	}
	a, err := read(cmd.String("record"), within)
	if err != nil {
		return err
	}
	r, err := a.report(now.Location())
	if err != nil {
		return err
	}
	if folder := cmd.String("out"); folder != "" {
		if err := save(p, a, r, folder, cmd.String("record")); err != nil {
			return err
		}
	}
	return r.write(p)
}

func periodOf(p *program.Program, from, to string, shift time.Duration, now time.Time) (period.Period, error) {
	within, err := period.Of(p, from, to, now)
	switch {
	case err != nil:
		return within, err
	case shift < 0:
		return within, errors.New(p.Text("--shift takes a time above zero"))
	case shift > 0 && from != "":
		return within, errors.New(p.Text("both --from and --shift"))
	case shift > 0:
		if within.To.IsZero() {
			within.To = now
		}
		within.From = within.To.Add(-shift)
	}
	return within, nil
}

// write writes the report in the form of the results.
func (r *Report) write(p *program.Program) error {
	switch p.Out.Format() {
	case output.CSV:
		if _, err := io.WriteString(p.Out, output.ByteOrderMark); err != nil {
			return err
		}
		return writeList(p.Out, partColumns(), r.parts(), partCells)
	case output.Table:
		return r.show(p)
	}
	return p.Out.Value(r, nil)
}

// part is a row of the report as a table for programs.
type part struct {
	of, name string
	Counts
}

func (r *Report) parts() []part {
	parts := []part{{"total", "", r.Counts}}
	for _, list := range []struct {
		of     string
		groups []Group
	}{{"hour", hoursOf(r.Hours)}, {"lot", r.Lots}, {"station", r.Stations}, {"model", r.Models}} {
		for _, g := range list.groups {
			parts = append(parts, part{list.of, g.Name, g.Counts})
		}
	}
	for _, reason := range r.Reasons {
		parts = append(parts, part{"reason", reason.Reason, Counts{Images: reason.Images, NoVerdict: reason.Images}})
	}
	return parts
}

func partColumns() []output.Column {
	return []output.Column{{Name: "part"}, {Name: "name"}, {Name: "images"}, {Name: "ok"}, {Name: "ng"}, {Name: "no_verdict"}, {Name: "ng_rate"}}
}

func partCells(row part) []output.Cell {
	rate := ""
	if row.NGRate != nil {
		rate = strconv.FormatFloat(*row.NGRate, 'f', 6, 64)
	}
	return append([]output.Cell{output.Text(row.of), output.Text(row.name)}, append(row.cells(), output.Number(rate))...)
}

func (c Counts) cells() []output.Cell {
	return []output.Cell{number(c.Images), number(c.OK), number(c.NG), number(c.NoVerdict)}
}

func number(n int) output.Cell { return output.Number(strconv.Itoa(n)) }

func writeList[T any](o *output.Writer, columns []output.Column, rows []T, cells func(T) []output.Cell) error {
	return output.All(o, columns, func(yield func(T, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}, cells)
}

// save writes the report's tables into a folder, for spreadsheets.
func save(p *program.Program, a *account, r *Report, dir, path string) error {
	folder, err := outdir.Open(dir, []string{path})
	if err != nil {
		return err
	}
	defer folder.Close()
	return errors.Join(
		table(folder, "report.csv", partColumns(), func(add func(...output.Cell) error) error {
			for _, row := range r.parts() {
				if err := add(partCells(row)...); err != nil {
					return err
				}
			}
			return nil
		}),
		table(folder, "judgements.csv", judgementColumns(p), func(add func(...output.Cell) error) error {
			for _, j := range r.Judgements {
				if err := add(j.cells()...); err != nil {
					return err
				}
			}
			return nil
		}),
		table(folder, "images.csv", imageColumns(), func(add func(...output.Cell) error) error {
			return a.each(func(model, last record.Entry) error { return add(imageCells(model, last)...) })
		}),
	)
}

// table writes a CSV file into a folder.
func table(folder *outdir.Folder, name string, columns []output.Column, rows func(add func(...output.Cell) error) error) error {
	return folder.Write(name, func(w io.Writer) error {
		if _, err := io.WriteString(w, output.ByteOrderMark); err != nil {
			return err
		}
		list := output.New(w, output.CSV, false).List(columns)
		if err := rows(func(cells ...output.Cell) error { return list.Add(nil, cells...) }); err != nil {
			return err
		}
		return list.Close()
	})
}

func imageColumns() []output.Column {
	return []output.Column{
		{Name: "time"}, {Name: "station"}, {Name: "file"}, {Name: "lot"}, {Name: "serial"}, {Name: "verdict"}, {Name: "by"}, {Name: "note"},
		{Name: "model_verdict"}, {Name: "score"}, {Name: "model"}, {Name: "model_version"}, {Name: "item_id"}, {Name: "error"}, {Name: "to"}, {Name: "sha256"}, {Name: "id"},
	}
}

func imageCells(model, last record.Entry) []output.Cell {
	score, failure := "", ""
	if model.Score != nil {
		score = strconv.FormatFloat(*model.Score, 'g', -1, 64)
	}
	if model.Error != nil {
		failure = *model.Error
	}
	cells := []output.Cell{output.Text(timeText(model.Time))}
	for _, text := range []string{model.Station, model.File, model.Lot, model.Serial, last.Verdict, last.By, last.Note, model.Verdict} {
		cells = append(cells, output.Text(text))
	}
	cells = append(cells, output.Number(score))
	for _, text := range []string{model.Model, model.Version, model.ItemID, failure, model.To, model.SHA256, model.ID} {
		cells = append(cells, output.Text(text))
	}
	return cells
}

// timeText is a time as spreadsheets know it.
func timeText(t time.Time) string { return t.Local().Format(time.DateTime) }
