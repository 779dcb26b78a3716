package resources

import (
	"context"
	"errors"

	"github.com/urfave/cli/v3"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
)

// Items is "hacarus items".
func Items(p *program.Program) *cli.Command {
	model := func() cli.Flag {
		return &cli.StringFlag{Name: "model", Sources: cli.EnvVars("HACARUS_MODEL"), Usage: p.Text("verdicts of the model with this `ID` only")}
	}
	return &cli.Command{
		Name:  "items",
		Usage: p.Text("images that the service has"),
		Commands: []*cli.Command{
			command(p, "list", p.Text("list the items"), "", listItems, model(),
				&cli.BoolFlag{Name: "training", Usage: p.Text("those to train with, in place of those to inspect")}),
			command(p, "show", p.Text("show an item with its verdict"), "ID", showItem, model()),
			command(p, "image", p.Text("save the image of an item"), "ID FILE", saveImage,
				&cli.IntFlag{Name: "number", Value: 1, Usage: p.Text("`NUMBER` of the image, where an item has several")}),
			command(p, "delete", p.Text("delete items"), "ID…", deleteItems, yesFlag(p)),
		},
	}
}

func itemColumns(p *program.Program) []output.Column {
	return []output.Column{
		{Name: "item_id", Title: p.Text("ID")}, {Name: "name", Title: p.Text("File")}, {Name: "status", Title: p.Text("Status")},
		{Name: "verdict", Title: p.Text("Verdict")}, {Name: "score", Title: p.Text("Score"), Right: true},
		{Name: "defects", Title: p.Text("Defects"), Right: true},
	}
}

func itemCells(modelID string) func(*hacarus.Item) []output.Cell {
	return func(i *hacarus.Item) []output.Cell {
		name, score, defects := i.Name, "", ""
		if original, ok := hacarus.OriginalName(i.ItemID); ok {
			name = original
		}
		if a := i.Assessment(modelID); a != nil {
			score, defects = a.AnomalyScore, number(int64(len(a.Annotations)))
			if f, ok := a.Score(); ok {
				score = decimal(f) // as an inspection writes it
			}
		}
		return []output.Cell{
			output.Text(i.ItemID), output.Text(name), output.Word(string(i.Status)), output.Verdict(i.Verdict(modelID)),
			output.Number(score), output.Number(defects),
		}
	}
}

func listItems(ctx context.Context, p *program.Program, cmd *cli.Command, client *hacarus.Client) error {
	opts := hacarus.ListItemsOptions{Type: hacarus.ItemTypePrediction, ModelID: cmd.String("model")}
	if cmd.Bool("training") {
		opts.Type = hacarus.ItemTypeTraining
	}
	return output.All(p.Out, itemColumns(p), client.AllItems(ctx, opts), itemCells(opts.ModelID))
}

func showItem(ctx context.Context, p *program.Program, cmd *cli.Command, client *hacarus.Client) error {
	modelID := cmd.String("model")
	item, err := client.GetItem(ctx, cmd.Args().First(), &hacarus.GetItemOptions{ModelID: modelID})
	if err != nil {
		return err
	}
	return p.Out.Value(item, itemColumns(p), itemCells(modelID)(item)...)
}

func saveImage(ctx context.Context, p *program.Program, cmd *cli.Command, client *hacarus.Client) error {
	item, err := client.GetItem(ctx, cmd.Args().First(), nil)
	if err != nil {
		return err
	}
	number := cmd.Int("number")
	if number < 1 || number > len(item.Images) {
		return errors.New(p.Text("item %s has no image %d; it has %d", item.ItemID, number, len(item.Images)))
	}
	return fetch(p, cmd.Args().Get(1), func() (*hacarus.Download, error) { return client.GetImage(ctx, item.Images[number-1]) })
}

func deleteItems(ctx context.Context, p *program.Program, cmd *cli.Command, client *hacarus.Client) error {
	ids := cmd.Args().Slice()
	if err := confirmed(p, cmd, p.Text("Delete these items for good: %s?", p.Join(ids))); err != nil {
		return err
	}
	if err := client.DeleteItems(ctx, ids...); err != nil {
		return err
	}
	return showDeleted(p, ids)
}
