// Package resources holds the commands that show and change what the service has:
// algorithms, models, items, its license and its logs.
package resources

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/console"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/settings"
)

// action is what a command does with the service.
type action func(ctx context.Context, p *program.Program, cmd *cli.Command, client *hacarus.Client) error

// command makes a command that talks to the service. It takes as many arguments
// as its description names: those with an ellipsis are one or more.
func command(p *program.Program, name, usage, args string, do action, flags ...cli.Flag) *cli.Command {
	return &cli.Command{
		Name:      name,
		Usage:     usage,
		ArgsUsage: args,
		Flags:     append(flags, settings.Flags(p)...),
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if err := checkArgs(p, cmd, args); err != nil {
				return err
			}
			client, err := settings.Connect(ctx, p, cmd)
			if err != nil {
				return err
			}
			defer client.Close()
			return do(ctx, p, cmd, client)
		},
	}
}

func checkArgs(p *program.Program, cmd *cli.Command, args string) error {
	given := cmd.Args().Len()
	most := len(strings.Fields(args))
	least := most - strings.Count(args, "[")
	if given < least || given > most && !strings.Contains(args, "…") {
		if args == "" {
			return p.NoArguments(cmd)
		}
		return errors.New(p.Text("%s takes %s as its arguments", cmd.FullName(), args))
	}
	return nil
}

// each yields what a call has returned.
func each[T any](list []T, err error) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		if err != nil {
			yield(nil, err)
			return
		}
		for i := range list {
			if !yield(&list[i], nil) {
				return
			}
		}
	}
}

// confirmed asks the person whether something is to be deleted. Without a person
// it takes the flag --yes.
func confirmed(p *program.Program, cmd *cli.Command, question string) error {
	if cmd.Bool("yes") {
		return nil
	}
	stdin, ok := p.Stdin.(*os.File)
	if !ok || !console.IsTerminal(stdin) || !p.Console.Terminal() {
		return errors.New(p.Text("%s Say so with --yes.", question))
	}
	p.Console.Ask(question + " [y/N] ")
	line, err := bufio.NewReader(stdin).ReadString('\n')
	if reply := strings.ToLower(strings.TrimSpace(line)); err == nil && (reply == "y" || reply == "yes") {
		return nil
	}
	return errors.New(p.Text("nothing was deleted"))
}

func yesFlag(p *program.Program) cli.Flag {
	return &cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: p.Text("do not ask")}
}

// save writes a download into a file, which must not be there.
func save(p *program.Program, download *hacarus.Download, path string) error {
	defer download.Close()
	if err := absent(p, path); err != nil {
		return err
	}
	if err := download.SaveFile(path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return p.Out.Value(map[string]any{"file": output.JSONString(path), "bytes": info.Size()},
		[]output.Column{{Name: "file", Title: p.Text("File")}, {Name: "bytes", Title: p.Text("Bytes")}},
		output.Text(path), output.Number(number(info.Size())))
}

// absent refuses a file that is there: it may be the only copy of something.
func absent(p *program.Program, path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return err
		}
		return errors.New(p.Text("%s is there already, and is not overwritten", path))
	}
	return nil
}

// when is a time as people write it; "" for none.
func when(t hacarus.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime)
}
