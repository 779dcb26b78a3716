// Package cli puts the commands together, and tells how they ended.
package cli

import (
	"context"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/demo"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/doctor"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/evaluate"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/exit"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/inspect"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/resources"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/review"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/serve"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/shift"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/train"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/watch"
)

// Run runs the command that the arguments name, and returns the exit code.
func Run(ctx context.Context, p *program.Program) int {
	root := newRoot(p)
	cli.HelpPrinter = func(_ io.Writer, _ string, cmd any) { // the one way to print help in columns that Japanese fits into
		_ = showHelp(p, cmd.(*cli.Command)) // nobody is there to be told
	}
	err := root.Run(ctx, append([]string{root.Name}, p.Args...))
	code := exit.Code(ctx, err)
	if message := explain(p, code, err); message != "" {
		p.Console.Fail(root.Name + ": " + strings.TrimPrefix(message, "hacarus: "))
		if err := p.Out.Failure(output.JSONString(message), code); err != nil {
			p.Console.Fail(root.Name + ": " + err.Error())
		}
	}
	return code
}

func newRoot(p *program.Program) *cli.Command {
	root := &cli.Command{
		Name:  "hacarus",
		Usage: p.Text("HACARUS CHECK at the line and at the support desk"),
		Description: p.Text("The service is named by the environment, by flags or by a profile; doctor checks it.") + `

  sh:
    export HACARUS_BASE_URL=https://sdd-api.hacarus.com HACARUS_CLIENT_ID=line7
    read -rs HACARUS_CLIENT_SECRET && export HACARUS_CLIENT_SECRET

  PowerShell:
    $env:HACARUS_BASE_URL = "https://sdd-api.hacarus.com"
    $env:HACARUS_CLIENT_ID = "line7"
    $s = Read-Host -AsSecureString
    $env:HACARUS_CLIENT_SECRET = [Net.NetworkCredential]::new("", $s).Password`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: string(output.Table), Sources: cli.EnvVars(program.OutputVariable),
				Validator: checkFormat(p), Usage: p.Text("`FORM` of the results: table, json, jsonl or csv")},
			// Its variable is the SDK's too, which takes any language: one that is not spoken here is no error.
			&cli.StringFlag{Name: "lang", Validator: checkLanguage(p), Usage: p.Text("`LANGUAGE` of texts: en or ja; or else %s and LANG", program.LanguageVariable)},
		},
		Commands: []*cli.Command{
			demo.Command(p),
			doctor.Command(p),
			train.Command(p),
			inspect.Command(p),
			evaluate.Command(p),
			watch.Command(p),
			line.Command(p),
			review.Command(p),
			shift.Command(p),
			resources.Algorithms(p),
			resources.Models(p),
			resources.Items(p),
			resources.License(p),
			resources.Logs(p),
			serve.Command(p),
			versionCommand(p),
			helpCommand(p),
		},
		Action:                          group(p),
		Writer:                          p.Out,
		ErrWriter:                       p.Console,
		HideHelpCommand:                 true, // "help" is a name that files may have
		HideVersion:                     true,
		EnableShellCompletion:           true,
		ConfigureShellCompletionCommand: describeCompletion(p),
		DisableSliceFlagSeparator:       true, // values may have commas
		ExitErrHandler:                  func(context.Context, *cli.Command, error) {},
	}
	prepare(p, root)
	return root
}

// prepare gives each command what none may lack: errors in the user's language,
// on stderr and without help around them.
func prepare(p *program.Program, cmd *cli.Command) {
	cmd.OnUsageError = func(_ context.Context, cmd *cli.Command, err error, _ bool) error { return usageError(p, cmd, err) }
	for _, sub := range cmd.Commands {
		if len(sub.Commands) > 0 && sub.Action == nil {
			sub.Action = group(p)
		}
		prepare(p, sub)
	}
}

// group is the action of a command that has commands of its own.
func group(p *program.Program) cli.ActionFunc {
	return func(_ context.Context, cmd *cli.Command) error {
		if name := cmd.Args().First(); name != "" {
			return errors.New(p.Text("%s has no command %q; %s --help lists them.", cmd.FullName(), name, cmd.FullName()))
		}
		return showHelp(p, cmd)
	}
}

// wrongValue is how package cli tells of a value that a flag does not take.
var wrongValue = regexp.MustCompile(`(?s)^invalid value (".*") for flag -+(\S+): (.*)$`)

// usageError tells what is wrong with the arguments.
func usageError(p *program.Program, cmd *cli.Command, err error) error {
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		text = p.Text("there is no --%s", strings.TrimLeft(name, "-"))
	} else if name, ok := strings.CutPrefix(text, "flag needs an argument: "); ok {
		text = p.Text("%s needs a value", name)
	} else if parts := wrongValue.FindStringSubmatch(text); parts != nil {
		text = parts[3] // what checks the flag says it all
		if value, err := strconv.Unquote(parts[1]); err == nil && isParseError(text) {
			text = p.Text("--%s does not take %q", parts[2], value)
		}
	}
	return errors.New(p.Text("%s. %s --help lists what there is.", text, cmd.FullName()))
}

// isParseError says whether a text is that of Go's parsers, which means nothing to
// who typed the value.
func isParseError(text string) bool {
	return strings.HasPrefix(text, "strconv.") || strings.HasPrefix(text, "time: ") || strings.HasPrefix(text, "parse error")
}

func checkFormat(p *program.Program) func(string) error {
	return func(name string) error {
		if _, ok := output.Parse(name); !ok {
			return errors.New(p.Text("the form is table, json, jsonl or csv, not %q", name))
		}
		return nil
	}
}

func checkLanguage(p *program.Program) func(string) error {
	return func(tag string) error {
		if _, ok := p.Speaks(tag); !ok {
			return errors.New(p.Text("the language is en or ja, not %q", tag))
		}
		return nil
	}
}

func versionCommand(p *program.Program) *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: p.Text("tell the program's version"),
		Action: func(context.Context, *cli.Command) error {
			v := versionOf(p.Version)
			return p.Out.Value(v, []output.Column{
				{Name: "version", Title: p.Text("Version")}, {Name: "sdk", Title: p.Text("SDK")},
				{Name: "go", Title: "Go"}, {Name: "platform", Title: p.Text("Platform")},
			}, output.Text(v.Version), output.Text(v.SDK), output.Text(v.Go), output.Text(v.Platform))
		},
	}
}

func helpCommand(p *program.Program) *cli.Command {
	return &cli.Command{
		Name:      "help",
		Usage:     p.Text("explain a command"),
		ArgsUsage: p.Text("[COMMAND]…"),
		Action: func(_ context.Context, cmd *cli.Command) error {
			wanted := cmd.Root()
			for _, name := range cmd.Args().Slice() {
				sub := wanted.Command(name)
				if sub == nil {
					return errors.New(p.Text("%s has no command %q; %s --help lists them.", wanted.FullName(), name, wanted.FullName()))
				}
				wanted = sub
			}
			return showHelp(p, wanted)
		},
	}
}

func describeCompletion(p *program.Program) cli.ConfigureShellCompletionCommand {
	return func(cmd *cli.Command) {
		cmd.Hidden = false
		cmd.Usage = p.Text("print a script that completes commands in a shell")
		cmd.Description = strings.Join([]string{
			"# bash (bash-completion): ~/.bashrc", "source <(hacarus completion bash)", "",
			"# zsh: ~/.zshrc", "source <(hacarus completion zsh)", "",
			"# fish", "hacarus completion fish > ~/.config/fish/completions/hacarus.fish", "",
			"# PowerShell", `hacarus completion pwsh > "$HOME/hacarus.ps1"`, // the script is for the command that its file is named after
			"# PowerShell: $PROFILE", `. "$HOME/hacarus.ps1"`,
		}, "\n")
		for _, shell := range cmd.Commands {
			shell.Usage = p.Text("the script for %s", shell.Name)
		}
		cmd.Action = group(p)
		prepare(p, cmd)
	}
}
