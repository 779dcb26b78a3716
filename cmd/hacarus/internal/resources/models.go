package resources

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/putback"
)

// Models is "hacarus models".
func Models(p *program.Program) *cli.Command {
	return &cli.Command{
		Name:  "models",
		Usage: p.Text("what inspects images"),
		Commands: []*cli.Command{
			command(p, "list", p.Text("list the models"), "", listModels,
				&cli.StringFlag{Name: "algorithm", Usage: p.Text("only those of an algorithm, by its `NAME` or id")}),
			command(p, "show", p.Text("show a model; active is the one in use"), "ID", showModel),
			command(p, "wait", p.Text("wait until a model is trained"), "ID", waitForModel),
			command(p, "tune", p.Text("change how a model predicts from now on"), "ID", tuneModel,
				&cli.FloatFlag{Name: "threshold", Usage: p.Text("anomaly `SCORE` from which an area is a defect")},
				&cli.FloatFlag{Name: "min-detected-area", Usage: p.Text("least `AREA` of a defect in pixels")},
				&cli.StringFlag{Name: "ignore-outer", Usage: p.Text("`MARGIN` that is not looked at, such as '[8, 8]'")}),
			command(p, "results", p.Text("save the results of models as CSV"), "[ID]… FILE", saveResults),
			command(p, "export", p.Text("save models as a file for import"), "ID… FILE", exportModels),
			command(p, "import", p.Text("make models of an exported file"), "FILE", importModels),
			command(p, "delete", p.Text("delete models"), "ID…", deleteModels, yesFlag(p)),
		},
	}
}

func modelColumns(p *program.Program) []output.Column {
	return []output.Column{
		{Name: "model_id", Title: p.Text("ID")}, {Name: "name", Title: p.Text("Model")}, {Name: "status", Title: p.Text("Status")},
		{Name: "active", Title: p.Text("Active")}, {Name: "ok_img_count", Title: p.Text("Good images"), Right: true},
		{Name: "version", Title: p.Text("Version")}, {Name: "created_at", Title: p.Text("Created")},
	}
}

func modelCells(m *hacarus.Model) []output.Cell {
	active, style := "no", output.Faint
	if m.Active {
		active, style = "yes", output.Green
	}
	status := output.Word(string(m.Status))
	if m.StatusText != "" {
		status = output.Text(status.Text + ": " + m.StatusText)
	}
	return []output.Cell{
		output.Text(m.ModelID), output.Text(m.Name), status, {Text: active, Style: style, Word: true},
		output.Number(number(int64(m.OKImgCount))), output.Text(m.Version), output.Text(when(m.CreatedAt)),
	}
}

func listModels(ctx context.Context, p *program.Program, cmd *cli.Command, client *hacarus.Client) error {
	opts := &hacarus.ListModelsOptions{}
	if name := cmd.String("algorithm"); name != "" {
		algorithm, err := FindAlgorithm(ctx, client, name)
		if err != nil {
			return err
		}
		opts.AlgorithmID = algorithm.AlgorithmID
	}
	list, err := client.ListModels(ctx, opts)
	return output.All(p.Out, modelColumns(p), each(list, err), modelCells)
}

func showModel(ctx context.Context, p *program.Program, cmd *cli.Command, client *hacarus.Client) error {
	m, err := client.GetModel(ctx, cmd.Args().First())
	if err != nil {
		return err
	}
	return ShowModel(p, m)
}

// ShowModel writes a model.
func ShowModel(p *program.Program, m *hacarus.Model) error {
	return p.Out.Value(m, modelColumns(p), modelCells(m)...)
}

func waitForModel(ctx context.Context, p *program.Program, cmd *cli.Command, client *hacarus.Client) error {
	m, err := client.WaitForModel(ctx, cmd.Args().First(), hacarus.WithProgress(ReportWait(p)))
	if err != nil {
		return err
	}
	return ShowModel(p, m)
}

// ReportWait tells what a wait for a model waits for, when that changes.
func ReportWait(p *program.Program) func(hacarus.WaitProgress) {
	var said string
	return func(w hacarus.WaitProgress) {
		text := ""
		switch {
		case w.Err != nil:
			text = p.Text("The service is asked again: %v", w.Err)
		case w.Model != nil && w.Model.Status != "":
			text = p.Text("Model %s is %s", cmp.Or(w.Model.Name, w.Model.ModelID), p.Word(string(w.Model.Status)))
		}
		if text != "" && text != said {
			said = text
			p.Console.Say(text)
		}
	}
}

func tuneModel(ctx context.Context, p *program.Program, cmd *cli.Command, client *hacarus.Client) error {
	var wanted hacarus.PredictParameters
	if cmd.IsSet("threshold") {
		wanted.Threshold = new(cmd.Float("threshold"))
	}
	if cmd.IsSet("min-detected-area") {
		wanted.MinDetectedArea = new(cmd.Float("min-detected-area"))
	}
	wanted.IgnoreOuter = cmd.String("ignore-outer")
	id, err := resolve(ctx, client, cmd.Args().First())
	if err != nil {
		return err
	}
	set, err := client.SetPredictParameters(ctx, id, wanted)
	if err != nil {
		return err
	}
	if notes, err := putback.Own(); err == nil { // where none can be kept, there is none
		if err := notes.Forget(ctx, client, id, wanted); err != nil {
			return err
		}
	}
	return p.Out.Value(set, []output.Column{
		{Name: "threshold", Title: p.Text("Threshold")}, {Name: "min_detected_area", Title: p.Text("Least area")}, {Name: "ignore_outer", Title: p.Text("Margin")},
	}, optional(set.Threshold), optional(set.MinDetectedArea), output.Text(set.IgnoreOuter))
}

func optional(f *float64) output.Cell {
	if f == nil {
		return output.Text("")
	}
	return output.Number(decimal(*f))
}

func saveResults(ctx context.Context, p *program.Program, cmd *cli.Command, client *hacarus.Client) error {
	ids, path, err := idsAndFile(ctx, cmd, client)
	if err != nil {
		return err
	}
	return fetch(p, path, func() (*hacarus.Download, error) { return client.GetModelResults(ctx, ids...) })
}

func exportModels(ctx context.Context, p *program.Program, cmd *cli.Command, client *hacarus.Client) error {
	ids, path, err := idsAndFile(ctx, cmd, client)
	if err != nil {
		return err
	}
	return fetch(p, path, func() (*hacarus.Download, error) { return client.ExportModels(ctx, ids...) })
}

func idsAndFile(ctx context.Context, cmd *cli.Command, client *hacarus.Client) (ids []string, path string, err error) {
	args := slices.Clone(cmd.Args().Slice())
	ids, path = args[:len(args)-1], args[len(args)-1]
	for i, id := range ids {
		if ids[i], err = resolve(ctx, client, id); err != nil {
			return nil, "", err
		}
	}
	return ids, path, nil
}

// resolve returns the id of a model, which "active" stands for too. Most
// operations know ids only.
func resolve(ctx context.Context, client *hacarus.Client, id string) (string, error) {
	if id != hacarus.ActiveModel {
		return id, nil
	}
	m, err := client.GetModel(ctx, id)
	if err != nil {
		return "", err
	}
	return m.ModelID, nil
}

// fetch saves what a call downloads, unless its file is there.
func fetch(p *program.Program, path string, call func() (*hacarus.Download, error)) error {
	if err := absent(p, path); err != nil {
		return err
	}
	download, err := call()
	if err != nil {
		return err
	}
	return save(p, download, path)
}

func importModels(ctx context.Context, p *program.Program, cmd *cli.Command, client *hacarus.Client) error {
	list, err := client.ImportModels(ctx, hacarus.FileFromPath(cmd.Args().First()))
	return output.All(p.Out, modelColumns(p), each(list, err), modelCells)
}

func deleteModels(ctx context.Context, p *program.Program, cmd *cli.Command, client *hacarus.Client) error {
	ids := cmd.Args().Slice()
	if err := confirmed(p, cmd, p.Text("Delete these models for good: %s?", p.Join(ids))); err != nil {
		return err
	}
	deleted, err := client.DeleteModels(ctx, ids...)
	if err != nil {
		return err
	}
	return showDeleted(p, deleted)
}

func showDeleted(p *program.Program, ids []string) error {
	return p.Out.Value(map[string][]string{"deleted": ids}, []output.Column{{Name: "deleted", Title: p.Text("Deleted")}}, output.Text(strings.Join(ids, " ")))
}
