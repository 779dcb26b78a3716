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
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/putback"
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
  hacarus evaluate --model active --set test --repeat 3 --require "escape<=0.02@95%" -o json
  hacarus evaluate --model 4f02f9de --set test --sweep auto --was default --out report`,
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "model", Sources: cli.EnvVars("HACARUS_MODEL"), Usage: p.Text("`ID` of the model, or active for the one in use")},
			&cli.StringFlag{Name: "good", TakesFile: true, Usage: p.Text("`FOLDER` of good images")},
			&cli.StringFlag{Name: "bad", TakesFile: true, Usage: p.Text("`FOLDER` of bad images, with a folder for each kind of defect if you like")},
			&cli.StringFlag{Name: "set", TakesFile: true, Usage: p.Text("`PATH` of a folder with good/ and bad/ or as MVTec has it, or of a CSV file, in place of --good and --bad")},
			&cli.IntFlag{Name: "repeat", Value: 1, Usage: p.Text("`NUMBER` of times that each image is inspected")},
			&cli.StringSliceFlag{Name: "require", Usage: p.Text("`EXPRESSION` that has to hold, such as escape<=0.02@95%; repeatable; exit with 1 if it does not")},
			&cli.StringFlag{Name: "compare", Usage: p.Text("`ID` of another model to inspect the same images with")},
			&cli.StringFlag{Name: "sweep", Usage: p.Text("`VALUES` of a parameter to try, such as 0.05,0.1,0.2, or auto for some around the one that the model has")},
			&cli.StringFlag{Name: "param", Value: hacarus.ParamThreshold, Usage: p.Text("`NAME` of the parameter of --sweep: threshold or min_detected_area")},
			&cli.StringFlag{Name: "was", Usage: p.Text("`VALUE` of the parameter that the model has now and gets back after --sweep, or default for the algorithm's")},
			&cli.BoolFlag{Name: "yes", Usage: p.Text("sweep a model that is in use, too")},
			&cli.StringFlag{Name: "out", TakesFile: true, Usage: p.Text("`FOLDER` for results.csv, pictures and a page; what is not its own it leaves alone")},
			&cli.BoolFlag{Name: "heat-maps", Usage: p.Text("also pictures with the heat maps of the service, if it has any")},
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
	if e.notes, err = putback.Own(); err != nil && e.sweep.values != "" {
		return err
	}
	if err := e.putBackAllLeft(ctx); err != nil {
		return err
	}
	o, err := e.evaluate(ctx)
	if o == nil {
		return err
	}
	if err != nil { // what there is, is told all the same
		return errors.Join(err, e.write(o))
	}
	if err := e.tell(o); err != nil {
		return err
	}
	return o.verdict(p)
}

// evaluate has the models inspect the images. With an error there may be an
// outcome: without the rest of a sweep.
func (e *request) evaluate(ctx context.Context) (*outcome, error) {
	swept, err := e.prepareSweep(ctx)
	if err != nil {
		return nil, err
	}
	defer swept.close()
	first, err := e.judge(ctx, e.model)
	if err != nil {
		return nil, err
	}
	o := &outcome{Model: e.model, look: first}
	if err := e.draw(ctx, o); err != nil {
		return nil, err
	}
	if e.compare != "" {
		second, err := e.judge(ctx, e.compare)
		if err != nil {
			return nil, err
		}
		if o.Comparison, err = evaluation.Compare(first.report, second.report); err != nil {
			return nil, err
		}
		o.Compared = e.compare
	}
	for _, requirement := range e.requirements {
		o.Requirements = append(o.Requirements, requirement.Judge(first.report))
	}
	o.Sweep, err = swept.run(ctx, first)
	return o, err
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
	heatMaps     bool
	grace        time.Duration
	requirements []evaluation.Requirement
	sweep        sweepFlags
	notes        putback.Folder
	connection   []string // its flags, for a command that a person is told
}

func parse(p *program.Program, cmd *cli.Command) (*request, error) {
	if err := p.NoArguments(cmd); err != nil {
		return nil, err
	}
	e := &request{
		p: p, model: cmd.String("model"), compare: cmd.String("compare"), repeat: cmd.Int("repeat"), grace: cmd.Duration("grace"), heatMaps: cmd.Bool("heat-maps"),
		connection: settings.Given(cmd),
		sweep:      sweepFlags{values: cmd.String("sweep"), parameter: cmd.String("param"), was: cmd.String("was"), inUse: cmd.Bool("yes")},
	}
	good, bad, set := cmd.String("good"), cmd.String("bad"), cmd.String("set")
	switch {
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
	if err := e.sweep.check(p); err != nil {
		return nil, err
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

// look is what a model says of the images.
type look struct {
	report  *evaluation.Report
	results []evaluation.Result
	items   map[string]*hacarus.Item // by file, where there is a folder for pictures
}

// judge has a model inspect the images, as often as was asked for.
func (e *request) judge(ctx context.Context, model string) (*look, error) {
	l := &look{items: map[string]*hacarus.Item{}}
	for repeat := range e.repeat {
		if err := e.inspect(ctx, l, model, repeat); err != nil {
			return nil, err
		}
	}
	var err error
	l.report, err = evaluation.Evaluate(e.set, l.results)
	return l, err
}

func (e *request) inspect(ctx context.Context, l *look, model string, repeat int) error {
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
			return err
		}
		result := evaluation.ResultOf(inspection, repeat)
		l.results = append(l.results, result)
		if e.out != nil && inspection.Item != nil {
			l.items[result.File] = inspection.Item
		}
	}
	return context.Cause(ctx)
}

// verdict is the error with which an evaluation ends the program.
func (o *outcome) verdict(p *program.Program) error {
	for _, judgement := range o.Requirements {
		if !judgement.Met {
			return exit.With(exit.NG, errors.New(p.Text("a requirement is not met: %s", judgement.Requirement.String())))
		}
	}
	if n := len(o.report.Undecided()); n > 0 {
		return exit.With(exit.Incomplete, errors.New(p.Text("images without a verdict: %d", n)))
	}
	return nil
}
