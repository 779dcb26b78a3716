// Package train holds the command that trains a model.
package train

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/exit"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/images"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/resources"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/settings"
)

// Command is "hacarus train".
func Command(p *program.Program) *cli.Command {
	return &cli.Command{
		Name:      "train",
		Usage:     p.Text("train a model with images of good products"),
		ArgsUsage: p.Text("PATH…"),
		Description: p.Text(`A PATH is an image, or a folder of images. They are looked at before they are sent; with
--check, that is all.`) + `

  hacarus train --algorithm "Pattern Matching" --name plates good
  hacarus train --algorithm PM --name plates --param threshold=0.2 good/*.jpg
  hacarus train --check good`,
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "algorithm", Sources: cli.EnvVars("HACARUS_ALGORITHM"), Usage: p.Text("`NAME` or id of the algorithm")},
			&cli.StringFlag{Name: "name", Usage: p.Text("`NAME` of the new model")},
			&cli.StringSliceFlag{Name: "param", Usage: p.Text("`NAME=VALUE` of a parameter of the algorithm; repeatable")},
			&cli.StringFlag{Name: "journal", TakesFile: true, Usage: p.Text("`FILE` that remembers what was uploaded, so that it can be run again")},
			&cli.BoolFlag{Name: "check", Usage: p.Text("only look at the images")},
			&cli.BoolFlag{Name: "force", Usage: p.Text("train with images that are damaged or do not suit the algorithm, too")},
		}, settings.Flags(p)),
		Action: func(ctx context.Context, cmd *cli.Command) error { return run(ctx, p, cmd) },
	}
}

func run(ctx context.Context, p *program.Program, cmd *cli.Command) error {
	if !cmd.Args().Present() {
		return errors.New(p.Text("%s takes %s as its arguments", cmd.FullName(), p.Text("PATH…")))
	}
	if !cmd.Bool("check") && cmd.String("algorithm") == "" {
		return errors.New(p.Text("which algorithm? --algorithm NAME; hacarus algorithms list lists them"))
	}
	params, err := parseParams(p, cmd.StringSlice("param"))
	if err != nil {
		return err
	}
	paths, err := images.Find(cmd.Args().Slice())
	if err != nil {
		return err
	}
	photos, err := look(ctx, p, paths)
	if err != nil {
		return err
	}
	if cmd.Bool("check") {
		return showPhotos(p, photos)
	}
	warn(p, photos)
	whole, left := photos, []failed(nil)
	if !cmd.Bool("force") {
		whole, left = leaveOut(photos)
	}
	client, err := settings.Connect(ctx, p, cmd)
	if err != nil {
		return err
	}
	defer client.Close()
	request := request{
		name: cmd.String("name"), params: params, paths: pathsOf(whole), left: left,
		journal: cmd.String("journal"), force: cmd.Bool("force"),
	}
	return request.train(ctx, p, client, cmd.String("algorithm"))
}

// param is a parameter's value as the command line has it.
type param struct{ name, value string }

func parseParams(p *program.Program, args []string) (params []param, err error) {
	for _, arg := range args {
		name, value, found := strings.Cut(arg, "=")
		if !found || name == "" || value == "" {
			return nil, errors.New(p.Text("--param takes NAME=VALUE, and not %q", arg))
		}
		if slices.ContainsFunc(params, func(p param) bool { return strings.EqualFold(p.name, name) }) {
			return nil, errors.New(p.Text("--param %s is there twice", name))
		}
		params = append(params, param{name, value})
	}
	return params, nil
}

// request is a training that was asked for.
type request struct {
	name    string
	params  []param
	paths   []string
	left    []failed // images that are not sent
	journal string
	force   bool
}

// result is what came of it.
type result struct {
	ModelID   string   `json:"model_id"`
	Name      string   `json:"name"`
	Status    string   `json:"status"`
	Algorithm string   `json:"algorithm"`
	Version   string   `json:"version"`
	Images    int      `json:"images"` // that it was trained with
	Failed    []failed `json:"failed"` // those left out
	Error     *string  `json:"error"`
}

type failed struct {
	File  string `json:"file"`
	Error string `json:"error"`
}

func (r request) train(ctx context.Context, p *program.Program, client *hacarus.Client, algorithmName string) error {
	algorithm, err := resources.FindAlgorithm(ctx, client, algorithmName)
	if err != nil {
		return err
	}
	overrides, err := r.overrides(algorithm)
	if err != nil {
		return err
	}
	if err := r.checkSizes(p, algorithm); err != nil {
		return err
	}
	res := result{Algorithm: algorithm.Name, Failed: append([]failed{}, r.left...)}
	ids, err := r.upload(ctx, p, client, &res)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return errors.New(p.Text("none of the images could be uploaded"))
	}
	res.Images = len(ids)
	p.Say("Training %s. Images: %d.", algorithm.Name, len(ids))
	model, err := client.TrainAndWait(ctx, algorithm.AlgorithmID, hacarus.TrainRequest{
		Name: r.modelName(), ItemIDs: ids, OverrideParams: overrides,
	}, hacarus.WithProgress(resources.ReportWait(p)))
	return r.report(ctx, p, res, model, err)
}

// modelName is the name that was given, or one that tells when it was trained.
func (r request) modelName() string {
	if r.name != "" {
		return r.name
	}
	return "hacarus-" + time.Now().UTC().Format("20060102-150405")
}

func (r request) overrides(algorithm *hacarus.Algorithm) (overrides []hacarus.OverrideParam, err error) {
	for _, p := range r.params {
		override, err := algorithm.Override(p.name, p.value)
		if err != nil {
			return nil, err
		}
		overrides = append(overrides, override)
	}
	return overrides, nil
}

// checkSizes refuses images of which some algorithms make wrong models.
func (r request) checkSizes(p *program.Program, algorithm *hacarus.Algorithm) error {
	err := algorithm.CheckImages(images.Files(r.paths)...)
	odd, ok := errors.AsType[*hacarus.ImageSizesError](err)
	switch {
	case !ok: // a file that cannot be opened is the upload's to tell
		return nil
	case r.force:
		p.Warn("%v", odd)
		return nil
	}
	return errors.New(p.Text("%v; --force trains all the same", odd))
}

// upload makes training items of the images, and returns their ids.
func (r request) upload(ctx context.Context, p *program.Program, client *hacarus.Client, res *result) (ids []string, err error) {
	bar := p.Console.Bar(p.Text("Uploading"), int64(len(r.paths)))
	defer bar.Close()
	for uploaded, err := range client.Upload(ctx, hacarus.UploadRequest{
		Files: images.Files(r.paths), Training: true, Good: new(true), Journal: r.journal,
		Progress: func(u hacarus.UploadProgress) { bar.Set(int64(u.Uploaded + u.Failed)) },
	}) {
		switch {
		case err != nil:
			return ids, err
		case uploaded.Err != nil:
			p.Warn("%s: %v", uploaded.File, uploaded.Err)
			res.Failed = append(res.Failed, failed{output.JSONString(uploaded.File), output.JSONString(uploaded.Err.Error())})
		default:
			ids = append(ids, uploaded.ItemID)
		}
	}
	return ids, nil
}

// report writes what is known of the model, which may be there beside an error.
func (r request) report(ctx context.Context, p *program.Program, res result, model *hacarus.Model, err error) error {
	if model == nil {
		model = modelOf(err)
	}
	if model == nil {
		return err
	}
	res.ModelID, res.Name, res.Status, res.Version = model.ModelID, model.Name, string(model.Status), model.Version
	if err != nil {
		res.Error = new(output.JSONString(err.Error()))
		if !errors.Is(err, hacarus.ErrTrainingFailed) {
			p.Say("It goes on in the service: hacarus models wait %s", res.ModelID)
		}
	}
	written := p.Out.Value(res, []output.Column{
		{Name: "model_id", Title: p.Text("ID")}, {Name: "name", Title: p.Text("Model")}, {Name: "status", Title: p.Text("Status")},
		{Name: "algorithm", Title: p.Text("Algorithm")}, {Name: "images", Title: p.Text("Images")},
	}, output.Text(res.ModelID), output.Text(res.Name), output.Text(res.Status), output.Text(res.Algorithm), output.Number(count(res.Images)))
	switch {
	case err != nil:
		return exit.With(exit.Code(ctx, err), errors.Join(err, written))
	case written != nil:
		return written
	case len(res.Failed) > 0:
		return exit.With(exit.Incomplete, errors.New(p.Text("images that the model was trained without: %d", len(res.Failed))))
	}
	return nil
}

// modelOf returns the model that an error of a wait tells of; nil for none.
func modelOf(err error) *hacarus.Model {
	if failed, ok := errors.AsType[*hacarus.TrainingError](err); ok {
		return &failed.Model
	}
	if wait, ok := errors.AsType[*hacarus.WaitError](err); ok {
		if wait.Model != nil {
			return wait.Model
		}
		return &hacarus.Model{ModelID: wait.ModelID}
	}
	return nil
}
