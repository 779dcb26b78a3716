// Package demo holds the command that shows the main job without an account.
package demo

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v3"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/images"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/inspect"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/outdir"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/report"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/train"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/testdata"
)

// Command is "hacarus demo".
func Command(p *program.Program) *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: p.Text("train and inspect on a stand-in, without an account"),
		Description: p.Text(`Trains a model with pictures of good plates, has it inspect others, and shows what it
found. The pictures are in the program; nothing leaves this computer.`) + `

  hacarus demo
  hacarus demo --out demo`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", TakesFile: true, Usage: p.Text("`FOLDER` for pictures and results (default: a new one)")},
		},
		Action: func(ctx context.Context, cmd *cli.Command) error { return run(ctx, p, cmd) },
	}
}

func run(ctx context.Context, p *program.Program, cmd *cli.Command) error {
	if err := p.NoArguments(cmd); err != nil {
		return err
	}
	dir, err := folder(cmd.String("out"))
	if err != nil {
		return err
	}
	out, err := outdir.Open(dir, nil)
	if err != nil {
		return err
	}
	defer out.Close()
	trained, inspected, err := unpack(dir)
	if err != nil {
		return err
	}
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client(hacarus.WithLanguage(p.Language()))
	p.Say("This is a stand-in of HACARUS CHECK, for trials: its verdicts are not those of the service.")
	model, err := train.Request{Name: "plates", Paths: trained}.Train(ctx, p, client, hacarus.AlgorithmPatternMatching)
	if err != nil {
		return err
	}
	results, err := inspect.Inspect(ctx, p, client, true, hacarus.InspectRequest{ModelID: model.ModelID, Files: images.Files(inspected)})
	results.HeatMaps = client
	if err := errors.Join(err, results.Save(ctx, p, out, p.Text("Inspection with model %s", model.Name), inspected)); err != nil {
		return err
	}
	p.Say("All of it is in %s", out.Path(report.PageName))
	return results.Verdict(p, false)
}

func folder(wanted string) (string, error) {
	if wanted != "" {
		return wanted, os.MkdirAll(wanted, 0o755)
	}
	return os.MkdirTemp("", "hacarus-demo-")
}

// unpack writes the plates into a folder, and returns the paths of those to train
// with and of those to inspect.
func unpack(dir string) (trained, inspected []string, err error) {
	err = fs.WalkDir(testdata.Plates, "plates", func(path string, entry fs.DirEntry, err error) error {
		target := filepath.Join(dir, filepath.FromSlash(path))
		if err != nil || entry.IsDir() {
			return errors.Join(err, os.MkdirAll(filepath.Dir(target), 0o755))
		}
		content, err := fs.ReadFile(testdata.Plates, path)
		if err != nil {
			return err
		}
		if filepath.Base(filepath.Dir(target)) == "train" {
			trained = append(trained, target)
		} else {
			inspected = append(inspected, target)
		}
		return place(target, content)
	})
	return trained, inspected, err
}

// place writes a picture, unless it is there already.
func place(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return nil // of an earlier demo, or somebody's own
	}
	return os.WriteFile(path, content, 0o644) //nolint:gosec // others look at it
}
