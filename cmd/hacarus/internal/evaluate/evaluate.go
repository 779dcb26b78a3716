// Package evaluate holds the command that judges how good a model is.
package evaluate

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/urfave/cli/v3"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/exit"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/inspect"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/outdir"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/settings"
	"github.com/hacarus/hacarus-check-go/evaluation"
)

// Command is "hacarus evaluate".
func Command(p *program.Program) *cli.Command {
	return &cli.Command{
		Name:  "evaluate",
		Usage: p.Text("judge how good a model is, from images whose truth is known"),
		Description: p.Text(`Bad images that pass are escapes, good ones that do not are overkills. The intervals are
exact and two-sided at 95 %; few images prove little, and the report says how little. An
image without a verdict counts as a mistake. Use images that the model was not trained with.`) + `

  hacarus evaluate --model active --good good --bad bad
  hacarus evaluate --model active --set test --repeat 3 --require "escape<=0.02@95%" -o json`,
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "model", Sources: cli.EnvVars("HACARUS_MODEL"), Usage: p.Text("`ID` of the model, or active for the one in use")},
			&cli.StringFlag{Name: "good", TakesFile: true, Usage: p.Text("`FOLDER` of good images")},
			&cli.StringFlag{Name: "bad", TakesFile: true, Usage: p.Text("`FOLDER` of bad images, with a folder for each kind of defect if you like")},
			&cli.StringFlag{Name: "set", TakesFile: true, Usage: p.Text("`PATH` of a folder with good/ and bad/ or as MVTec has it, or of a CSV file, in place of --good and --bad")},
			&cli.IntFlag{Name: "repeat", Value: 1, Usage: p.Text("`NUMBER` of times that each image is inspected")},
			&cli.StringSliceFlag{Name: "require", Usage: p.Text("`EXPRESSION` that has to hold, such as escape<=0.02@95%; repeatable; exit with 1 if it does not")},
			&cli.StringFlag{Name: "compare", Usage: p.Text("`ID` of another model to inspect the same images with")},
			&cli.StringFlag{Name: "out", TakesFile: true, Usage: p.Text("`FOLDER` for results.csv, pictures and a page; what is not its own it leaves alone")},
			&cli.DurationFlag{Name: "grace", Value: 10 * time.Minute, Usage: p.Text("`TIME` that a verdict may take after it was asked for")},
		}, settings.Flags(p)),
		Action: func(ctx context.Context, cmd *cli.Command) error { return run(ctx, p, cmd) },
	}
}

func run(ctx context.Context, p *program.Program, cmd *cli.Command) error {
	e, err := parse(p, cmd)
	if err != nil {
		return err
	}
	if folder := cmd.String("out"); folder != "" {
		if e.out, err = outdir.Open(folder, filesOf(e.set)); err != nil {
			return err
		}
		defer e.out.Close()
	}
	if e.client, err = settings.Connect(ctx, p, cmd); err != nil {
		return err
	}
	defer e.client.Close()
	first, err := e.judge(ctx, e.model)
	if err != nil {
		return err
	}
	o := outcome{Model: e.model, Report: first}
	if e.compare != "" {
		second, err := e.judge(ctx, e.compare)
		if err != nil {
			return err
		}
		if o.Comparison, err = evaluation.Compare(first, second); err != nil {
			return err
		}
		o.Compared = e.compare
	}
	for _, requirement := range e.requirements {
		o.Requirements = append(o.Requirements, requirement.Judge(first))
	}
	if err := e.tell(ctx, o); err != nil {
		return err
	}
	return o.verdict(p)
}

// request is what was asked for.
type request struct {
	p            *program.Program
	client       *hacarus.Client
	out          *outdir.Folder // nil for none
	set          evaluation.Set
	model        string
	compare      string // "" for none
	repeat       int
	grace        time.Duration
	requirements []evaluation.Requirement

	results []evaluation.Result      // of the first model
	items   map[string]*hacarus.Item // of the first model, by file, where there is a folder
}

func parse(p *program.Program, cmd *cli.Command) (*request, error) {
	e := &request{
		p: p, model: cmd.String("model"), compare: cmd.String("compare"), repeat: cmd.Int("repeat"), grace: cmd.Duration("grace"),
		items: map[string]*hacarus.Item{},
	}
	good, bad, set := cmd.String("good"), cmd.String("bad"), cmd.String("set")
	switch {
	case cmd.Args().Present():
		return nil, errors.New(p.Text("%s takes no argument, and there is %q", cmd.FullName(), cmd.Args().First()))
	case e.model == "":
		return nil, errors.New(p.Text("which model? --model ID; hacarus models list lists them"))
	case e.compare == e.model:
		return nil, errors.New(p.Text("--compare names the model itself"))
	case e.repeat < 1 || e.repeat > 1000:
		return nil, errors.New(p.Text("--repeat takes a number from 1 to 1000"))
	case e.grace <= 0:
		return nil, errors.New(p.Text("--grace takes a time above zero"))
	case set == "" && (good == "" || bad == "") || set != "" && good+bad != "":
		return nil, errors.New(p.Text("which images? --good FOLDER and --bad FOLDER, or --set PATH"))
	}
	for _, text := range cmd.StringSlice("require") {
		requirement, err := evaluation.ParseRequirement(text)
		if err != nil {
			return nil, err
		}
		e.requirements = append(e.requirements, requirement)
	}
	var err error
	e.set, err = readSet(good, bad, set)
	return e, err
}

// judge has a model inspect the images, as often as was asked for.
func (e *request) judge(ctx context.Context, model string) (*evaluation.Report, error) {
	var results []evaluation.Result
	for repeat := range e.repeat {
		of, err := e.inspect(ctx, model, repeat)
		if err != nil {
			return nil, err
		}
		results = append(results, of...)
	}
	if model == e.model {
		e.results = results
	}
	return evaluation.Evaluate(e.set, results)
}

func (e *request) inspect(ctx context.Context, model string, repeat int) (results []evaluation.Result, err error) {
	files := e.set.Files()
	bar := e.p.Console.Bar(e.p.Text("Inspecting"), int64(len(files)))
	defer bar.Close()
	report := inspect.Reporter(e.p)
	for inspection, err := range e.client.Inspect(ctx, hacarus.InspectRequest{
		ModelID: model, Files: files, Grace: e.grace,
		Progress: func(progress hacarus.InspectProgress) {
			bar.Set(int64(progress.Assessed + progress.Failed))
			report(progress)
		},
	}) {
		if err != nil {
			return nil, err
		}
		result := evaluation.ResultOf(inspection, repeat)
		results = append(results, result)
		if e.out != nil && model == e.model && inspection.Item != nil {
			e.items[result.File] = inspection.Item
		}
	}
	return results, nil
}

// verdict is the error with which an evaluation ends the program.
func (o outcome) verdict(p *program.Program) error {
	for _, judgement := range o.Requirements {
		if !judgement.Met {
			return exit.With(exit.NG, errors.New(p.Text("a requirement is not met: %s", judgement.Requirement.String())))
		}
	}
	if n := len(o.Report.Undecided()); n > 0 {
		return exit.With(exit.Incomplete, errors.New(p.Text("images without a verdict: %d", n)))
	}
	return nil
}
