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
	request := Request{
		Name: cmd.String("name"), Paths: pathsOf(whole), Journal: cmd.String("journal"), Force: cmd.Bool("force"), params: params, left: left,
	}
	result, err := request.Train(ctx, p, client, cmd.String("algorithm"))
	return report(ctx, p, result, err)
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

// Request is a training that is asked for.
type Request struct {
	Name    string   // of the model; "" for one that tells the time
	Paths   []string // images of good products
	Journal string   // of the upload; "" for none
	Force   bool     // also with images that do not suit the algorithm

	params []param
	left   []failed // images that are not sent
}

// Result is what came of it.
type Result struct {
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

// Train uploads the images and trains a model. A model may have come into being
// beside an error: then the result has its id.
func (r Request) Train(ctx context.Context, p *program.Program, client *hacarus.Client, algorithmName string) (Result, error) {
	result := Result{Failed: append([]failed{}, r.left...)}
	algorithm, err := resources.FindAlgorithm(ctx, client, algorithmName)
	if err != nil {
		return result, err
	}
	overrides, err := r.overrides(algorithm)
	if err != nil {
		return result, err
	}
	if err := r.checkSizes(p, algorithm); err != nil {
		return result, err
	}
	ids, err := r.upload(ctx, p, client, &result)
	if err != nil {
		return result, err
	}
	if len(ids) == 0 {
		return result, errors.New(p.Text("none of the images could be uploaded"))
	}
	result.Algorithm, result.Images = algorithm.Name, len(ids)
	p.Say("Training %s. Images: %d.", algorithm.Name, len(ids))
	model, err := client.TrainAndWait(ctx, algorithm.AlgorithmID, hacarus.TrainRequest{
		Name: r.modelName(), ItemIDs: ids, OverrideParams: overrides,
	}, hacarus.WithProgress(resources.ReportWait(p)))
	if model == nil {
		model = modelOf(err)
	}
	if model != nil {
		result.ModelID, result.Name, result.Status, result.Version = model.ModelID, model.Name, string(model.Status), model.Version
	}
	return result, err
}

// modelName is the name that was given, or one that tells when it was trained.
func (r Request) modelName() string {
	if r.Name != "" {
		return r.Name
	}
	return "hacarus-" + time.Now().UTC().Format("20060102-150405")
}

func (r Request) overrides(algorithm *hacarus.Algorithm) (overrides []hacarus.OverrideParam, err error) {
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
func (r Request) checkSizes(p *program.Program, algorithm *hacarus.Algorithm) error {
	err := algorithm.CheckImages(images.Files(r.Paths)...)
	odd, ok := errors.AsType[*hacarus.ImageSizesError](err)
	switch {
	case !ok: // a file that cannot be opened is the upload's to tell
		return nil
	case r.Force:
		p.Warn("%v", odd)
		return nil
	}
	return errors.New(p.Text("%v; --force trains all the same", odd))
}

// upload makes training items of the images, and returns their ids.
func (r Request) upload(ctx context.Context, p *program.Program, client *hacarus.Client, res *Result) (ids []string, err error) {
	bar := p.Console.Bar(p.Text("Uploading"), int64(len(r.Paths)))
	defer bar.Close()
	for uploaded, err := range client.Upload(ctx, hacarus.UploadRequest{
		Files: images.Files(r.Paths), Training: true, Good: new(true), Journal: r.Journal,
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
func report(ctx context.Context, p *program.Program, res Result, err error) error {
	if res.ModelID == "" {
		return err
	}
	if err != nil {
		res.Error = new(output.JSONString(err.Error()))
		if !errors.Is(err, hacarus.ErrTrainingFailed) {
			p.Say("It goes on in the service: hacarus models wait %s", res.ModelID)
		}
	}
	written := p.Out.Value(res, []output.Column{
		{Name: "model_id", Title: p.Text("ID")}, {Name: "name", Title: p.Text("Model")}, {Name: "status", Title: p.Text("Status")},
		{Name: "algorithm", Title: p.Text("Algorithm")}, {Name: "images", Title: p.Text("Images")},
	}, output.Text(res.ModelID), output.Text(res.Name), output.Word(res.Status), output.Text(res.Algorithm), output.Number(count(res.Images)))
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
