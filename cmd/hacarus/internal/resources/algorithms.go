package resources

import (
	"context"
	"errors"
	"strings"

	"github.com/urfave/cli/v3"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
)

// Algorithms is "hacarus algorithms".
func Algorithms(p *program.Program) *cli.Command {
	return &cli.Command{
		Name:  "algorithms",
		Usage: p.Text("what models can be trained with"),
		Commands: []*cli.Command{
			command(p, "list", p.Text("list the algorithms"), "", listAlgorithms),
			command(p, "show", p.Text("show the parameters of an algorithm"), "NAME", showAlgorithm),
		},
	}
}

func listAlgorithms(ctx context.Context, p *program.Program, _ *cli.Command, client *hacarus.Client) error {
	columns := []output.Column{
		{Name: "name", Title: p.Text("Algorithm")}, {Name: "algorithm_id", Title: p.Text("ID")},
		{Name: "version", Title: p.Text("Version")}, {Name: "parameters", Title: p.Text("Parameters")},
	}
	list, err := client.ListAlgorithms(ctx)
	return output.All(p.Out, columns, each(list, err), func(a *hacarus.Algorithm) []output.Cell {
		names := make([]string, len(a.Parameters))
		for i, parameter := range a.Parameters {
			names[i] = parameter.Name
		}
		return []output.Cell{output.Text(a.Name), output.Text(a.AlgorithmID), output.Text(a.Version), output.Text(strings.Join(names, " "))}
	})
}

func showAlgorithm(ctx context.Context, p *program.Program, cmd *cli.Command, client *hacarus.Client) error {
	algorithm, err := FindAlgorithm(ctx, client, cmd.Args().First())
	if err != nil {
		return err
	}
	if p.Out.Format() == output.JSON || p.Out.Format() == output.JSONL {
		return p.Out.Value(algorithm, nil)
	}
	if err := p.Out.Text(p.Text("%s (%s), version %s", algorithm.Name, algorithm.AlgorithmID, algorithm.Version)); err != nil {
		return err
	}
	columns := []output.Column{
		{Name: "name", Title: p.Text("Parameter")}, {Name: "data_type", Title: p.Text("Type")}, {Name: "value", Title: p.Text("Default")},
		{Name: "range_lower", Title: p.Text("From")}, {Name: "range_upper", Title: p.Text("To")},
	}
	return output.All(p.Out, columns, each(algorithm.Parameters, nil), func(a *hacarus.AlgorithmParameter) []output.Cell {
		return []output.Cell{output.Text(a.Name), output.Text(a.DataType), output.Text(a.Value), output.Text(a.RangeLower), output.Text(a.RangeUpper)}
	})
}

// FindAlgorithm returns the algorithm of a name or of an id.
func FindAlgorithm(ctx context.Context, client *hacarus.Client, nameOrID string) (*hacarus.Algorithm, error) {
	algorithm, err := client.FindAlgorithm(ctx, nameOrID)
	if !errors.Is(err, hacarus.ErrNotFound) {
		return algorithm, err
	}
	list, listErr := client.ListAlgorithms(ctx)
	if listErr != nil {
		return nil, listErr
	}
	for i := range list {
		if list[i].AlgorithmID == nameOrID {
			return &list[i], nil
		}
	}
	return nil, err // which tells the names that there are
}
