package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
)

// showHelp explains a command.
func showHelp(p *program.Program, cmd *cli.Command) error {
	_, err := io.WriteString(p.Out, helpOf(p, cmd))
	return err
}

func helpOf(p *program.Program, cmd *cli.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n%s\n  %s\n", cmd.FullName(), cmd.Usage, p.Text("Usage:"), usageLine(p, cmd))
	if cmd.Description != "" {
		fmt.Fprintf(&b, "\n%s\n", cmd.Description)
	}
	section(&b, p.Text("Commands:"), commandRows(cmd))
	names, flags := byCategory(cmd.VisibleFlags())
	for _, name := range names {
		section(&b, categoryTitle(p, name), flagRows(p, flags[name]))
	}
	if cmd.Root() != cmd {
		section(&b, p.Text("Everywhere:"), flagRows(p, cmd.VisiblePersistentFlags()))
	}
	return b.String()
}

func commandRows(cmd *cli.Command) (rows [][2]string) {
	for _, sub := range cmd.Commands {
		if !sub.Hidden {
			rows = append(rows, [2]string{sub.Name, sub.Usage})
		}
	}
	return rows
}

// byCategory returns the flags of each category, and the categories in the order
// of their first flags.
func byCategory(all []cli.Flag) (names []string, flags map[string][]cli.Flag) {
	flags = map[string][]cli.Flag{}
	for _, flag := range all {
		name := ""
		if categorized, ok := flag.(cli.CategorizableFlag); ok {
			name = categorized.GetCategory()
		}
		if flags[name] == nil {
			names = append(names, name)
		}
		flags[name] = append(flags[name], flag)
	}
	return names, flags
}

func categoryTitle(p *program.Program, name string) string {
	if name == "" {
		return p.Text("Options:")
	}
	return name + ":"
}

func usageLine(p *program.Program, cmd *cli.Command) string {
	line := cmd.FullName()
	switch {
	case len(cmd.Commands) > 0 && len(cmd.VisibleFlags()) > 1: // it does something by itself, and --help is not all there is
		return line + " [" + p.Text("COMMAND") + "] " + p.Text("[OPTION]…")
	case len(cmd.Commands) > 0:
		return line + " " + p.Text("COMMAND")
	}
	return strings.TrimSpace(line + " " + p.Text("[OPTION]…") + " " + cmd.ArgsUsage)
}

// section writes two columns, the second aligned by what the first ones show as.
func section(b *strings.Builder, title string, rows [][2]string) {
	if len(rows) == 0 {
		return
	}
	width := 0
	for _, row := range rows {
		width = max(width, output.Width(row[0]))
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for _, row := range rows {
		fmt.Fprintf(b, "  %s   %s\n", output.Pad(row[0], width), row[1])
	}
}

func flagRows(p *program.Program, flags []cli.Flag) (rows [][2]string) {
	for _, flag := range flags {
		documented, ok := flag.(cli.DocGenerationFlag)
		if !ok {
			continue
		}
		if flag.Names()[0] == "help" {
			rows = append(rows, [2]string{"-h, --help", p.Text("explain the command")})
			continue
		}
		placeholder, usage := unquote(documented.GetUsage())
		name := ""
		for _, n := range flag.Names() {
			if len(n) == 1 {
				name = "-" + n + ", " + name
			} else {
				name += "--" + n
			}
		}
		if documented.TakesValue() {
			name += " " + placeholder
		}
		if value := documented.GetValue(); documented.TakesValue() && strings.Trim(value, `"[]`) != "" && value != "0" && value != "0s" {
			usage += " (" + p.Text("default: %s", strings.Trim(value, `"`)) + ")"
		}
		if variables := documented.GetEnvVars(); len(variables) > 0 {
			usage += " [" + strings.Join(variables, ", ") + "]"
		}
		rows = append(rows, [2]string{name, usage})
	}
	return rows
}

// unquote takes the name of a flag's value out of its description.
func unquote(usage string) (placeholder, rest string) {
	before, after, found := strings.Cut(usage, "`")
	name, after, closed := strings.Cut(after, "`")
	if !found || !closed {
		return "VALUE", usage
	}
	return name, before + name + after
}
