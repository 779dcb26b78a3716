// Package inspect holds the command that has a model inspect images.
package inspect

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/urfave/cli/v3"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/exit"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/images"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/outdir"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/settings"
)

// Command is "hacarus inspect".
func Command(p *program.Program) *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Usage:     p.Text("have a model inspect images"),
		ArgsUsage: p.Text("PATH…"),
		Description: p.Text(`A PATH is an image, or a folder of images. Each image has one line: OK, NG, or why
there is no verdict. With a journal, it can be run again after any end.`) + `

  hacarus inspect --model active line7
  hacarus inspect --model active --journal line7.journal --out report line7
  hacarus inspect --model active --fail-on-ng -o jsonl line7/*.jpg`,
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "model", Sources: cli.EnvVars("HACARUS_MODEL"), Usage: p.Text("`ID` of the model, or active for the one in use")},
			&cli.StringFlag{Name: "journal", TakesFile: true, Sources: cli.EnvVars("HACARUS_JOURNAL"), Usage: p.Text("`FILE` that remembers what was done, so that nothing is done twice")},
			&cli.StringFlag{Name: "out", TakesFile: true, Usage: p.Text("`FOLDER` for results.csv, pictures and a page; what is not its own it leaves alone")},
			&cli.BoolFlag{Name: "no-pictures", Usage: p.Text("only results.csv in the folder of --out")},
			&cli.BoolFlag{Name: "heat-maps", Usage: p.Text("also pictures with the heat maps of the service, if it has any")},
			&cli.BoolFlag{Name: "fail-on-ng", Usage: p.Text("exit with 1 when an image is NG")},
			&cli.DurationFlag{Name: "grace", Value: 10 * time.Minute, Usage: p.Text("`TIME` that a verdict may take after it was asked for")},
		}, settings.Flags(p)),
		Action: func(ctx context.Context, cmd *cli.Command) error { return run(ctx, p, cmd) },
	}
}

func run(ctx context.Context, p *program.Program, cmd *cli.Command) error {
	model := cmd.String("model")
	switch {
	case !cmd.Args().Present():
		return errors.New(p.Text("%s takes %s as its arguments", cmd.FullName(), p.Text("PATH…")))
	case model == "":
		return errors.New(p.Text("which model? --model ID; hacarus models list lists them"))
	case cmd.Duration("grace") <= 0:
		return errors.New(p.Text("--grace takes a time above zero"))
	}
	paths, err := images.Find(cmd.Args().Slice())
	if err != nil {
		return err
	}
	var out *outdir.Folder // nil for none
	if folder := cmd.String("out"); folder != "" {
		if out, err = outdir.Open(folder, paths); err != nil {
			return err
		}
		defer out.Close()
	}
	client, err := settings.Connect(ctx, p, cmd)
	if err != nil {
		return err
	}
	defer client.Close()
	results, err := Inspect(ctx, p, client, out != nil && !cmd.Bool("no-pictures"), hacarus.InspectRequest{
		ModelID: model, Files: images.Files(paths), Journal: cmd.String("journal"), Grace: cmd.Duration("grace"),
	})
	if out != nil {
		if cmd.Bool("heat-maps") {
			results.HeatMaps = client
		}
		err = errors.Join(err, results.Save(ctx, p, out, p.Text("Inspection with model %s", model), paths))
	}
	if err != nil {
		return err
	}
	return results.Verdict(p, cmd.Bool("fail-on-ng"))
}

// Inspect has images inspected, and writes a line for each. With pictures, what
// Save needs to draw them is kept.
func Inspect(ctx context.Context, p *program.Program, client *hacarus.Client, pictures bool, request hacarus.InspectRequest) (*Results, error) {
	results := &Results{pictures: pictures}
	list := p.Out.List(Columns(p))
	bar := p.Console.Bar(p.Text("Inspecting"), int64(len(request.Files)))
	defer bar.Close()
	report := Reporter(p)
	request.Progress = func(progress hacarus.InspectProgress) {
		bar.Set(int64(progress.Assessed + progress.Failed))
		report(progress)
	}
	var failure error
	for inspection, err := range client.Inspect(ctx, request) {
		if err == nil {
			result := ResultOf(inspection)
			results.add(inspection, result)
			if p.Out.Format() != output.Table {
				err = list.Add(result, result.Cells()...)
			}
		}
		if err != nil {
			failure = err
			break
		}
	}
	bar.Close()
	if failure != nil && results.count() == 0 {
		return results, failure // there is nothing to list
	}
	results.sort()
	if p.Out.Format() == output.Table { // for people, in the order of the files
		for _, result := range results.all {
			if result.unfinished {
				continue // what has ended the inspection is told once
			}
			failure = errors.Join(failure, list.Add(result, result.Cells()...))
		}
	}
	err := errors.Join(failure, list.Close())
	p.Say("Images: %d. OK: %d, NG: %d, without a verdict: %d.", results.count(), results.ok, results.ng, results.unknown)
	return results, err
}

// Reporter tells what an inspection waits for, each reason once, and when it has
// come further again.
func Reporter(p *program.Program) func(hacarus.InspectProgress) {
	said, ended := "", 0
	return func(progress hacarus.InspectProgress) {
		text := waitsFor(p, progress)
		switch now := progress.Assessed + progress.Failed; {
		case text != "" && text != said:
			p.Console.Say(text)
			said, ended = text, now
		case text == "" && said != "" && now > ended:
			p.Say("It goes on.")
			said = ""
		}
	}
}

func waitsFor(p *program.Program, progress hacarus.InspectProgress) string {
	switch {
	case progress.Err != nil:
		return p.Text("The service is asked again: %v", progress.Err)
	case progress.Model != nil && progress.Model.Status != "":
		return p.Text("Waiting for model %s, which is %s", cmp.Or(progress.Model.Name, progress.Model.ModelID), p.Word(string(progress.Model.Status)))
	}
	return ""
}

// Verdict is the error with which the results end the program; nil for none.
func (r *Results) Verdict(p *program.Program, failOnNG bool) error {
	switch {
	case r.unknown > 0:
		return exit.With(exit.Incomplete, errors.New(p.Text("images without a verdict: %d", r.unknown)))
	case r.ng > 0 && failOnNG:
		return exit.With(exit.NG, nil)
	}
	return nil
}
