// Package doctor holds the command that finds out why a service cannot be used.
package doctor

import (
	"context"
	"errors"
	"strconv"

	"github.com/urfave/cli/v3"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/exit"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/settings"
)

// Command is "hacarus doctor".
func Command(p *program.Program) *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: p.Text("check the way to the service, and the account"),
		Description: p.Text(`Each line is a check, and what to do where it failed. Nothing is changed in the service,
and no secret is shown. The exit code is 4 where the login or the license is at fault.`) + `

  hacarus doctor
  hacarus doctor -o json`,
		Flags:  settings.Flags(p),
		Action: func(ctx context.Context, cmd *cli.Command) error { return run(ctx, p, cmd) },
	}
}

// Check is what was looked at.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Hint   string `json:"hint"` // what to do; "" for nothing

	title  string // its name in the user's language
	denied bool   // the login or the license is at fault
}

// Report is all of it.
type Report struct {
	OK     bool    `json:"ok"`
	Checks []Check `json:"checks"`
}

func run(ctx context.Context, p *program.Program, cmd *cli.Command) error {
	if err := p.NoArguments(cmd); err != nil {
		return err
	}
	e := &examination{p: p}
	e.all(ctx, cmd)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	report, code := Report{OK: true, Checks: e.checks}, exit.Done
	for _, c := range e.checks {
		report.OK = report.OK && c.OK
		switch {
		case c.denied:
			code = exit.Denied
		case !c.OK && code == exit.Done:
			code = exit.Failed
		}
	}
	if err := show(p, report); err != nil {
		return err
	}
	if code != exit.Done {
		return exit.With(code, nil)
	}
	return nil
}

func show(p *program.Program, report Report) error {
	if p.Out.Format() == output.JSON || p.Out.Format() == output.JSONL {
		return p.Out.Value(report, nil)
	}
	columns := []output.Column{{Name: "name"}, {Name: "ok"}, {Name: "detail"}, {Name: "hint"}}
	list := p.Out.List(columns)
	for _, c := range report.Checks {
		if err := add(p, list, c); err != nil {
			return err
		}
	}
	return list.Close()
}

// add adds a check. For people, what to do has a line of its own.
func add(p *program.Program, list *output.List, c Check) error {
	if p.Out.Format() == output.CSV {
		return list.Add(c, output.Text(c.Name), output.Text(strconv.FormatBool(c.OK)), output.Text(c.Detail), output.Text(c.Hint))
	}
	result := output.Cell{Text: p.Text("good"), Style: output.Green}
	if !c.OK {
		result = output.Cell{Text: p.Text("failed"), Style: output.Red}
	}
	none := output.Text("")
	err := list.Add(c, output.Text(c.title), result, output.Text(c.Detail), none)
	if c.Hint != "" {
		err = errors.Join(err, list.Add(c, none, none, output.Cell{Text: "→ " + c.Hint, Style: output.Amber}, none))
	}
	return err
}
