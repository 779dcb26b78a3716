// Package program is what all commands work with: the streams, the language and
// the form of the results.
package program

import (
	"cmp"
	"io"
	"os"
	"strings"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/console"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
)

// Program is one run of the program.
type Program struct {
	Args    []string // without the program's name
	Version string   // of the program; "" for one that was not released

	Stdin  io.Reader
	Getenv func(string) string

	Out     *output.Writer   // results, on stdout
	Console *console.Console // all else, on stderr

	language language.Language
}

// The environment variables of what every command has.
const (
	LanguageVariable = "HACARUS_LANGUAGE"
	OutputVariable   = "HACARUS_OUTPUT"
)

// New returns the run of the process. The language and the form of results are
// taken from the arguments before these are checked, since they decide how it is
// told that one is wrong.
func New(args []string, version string) *Program {
	format, _ := output.Parse(cmp.Or(flagValue(args, "o", "output"), os.Getenv(OutputVariable)))
	screen := console.New(os.Stderr, os.Getenv)
	var stdout io.Writer = os.Stdout
	if screen.Terminal() && console.IsTerminal(os.Stdout) {
		stdout = screen.Above(os.Stdout)
	}
	p := &Program{
		Args:     args,
		Version:  version,
		Stdin:    os.Stdin,
		Getenv:   os.Getenv,
		Out:      output.New(stdout, format, console.Colored(os.Stdout, os.Getenv)),
		Console:  screen,
		language: language.Choose(append([]string{flagValue(args, "lang")}, localesOf(os.Getenv)...)...),
	}
	p.Out.Translate(p.words())
	return p
}

// NewFor returns a run with streams of its own, in English: for tests of commands.
func NewFor(stdout, stderr io.Writer, format output.Format) *Program {
	none := func(string) string { return "" }
	return &Program{Stdin: strings.NewReader(""), Getenv: none, Out: output.New(stdout, format, false), Console: console.New(stderr, none), language: language.English}
}

// Language is the tag of the language that the program speaks.
func (p *Program) Language() string { return string(p.language) }

// Text returns a text in the user's language; see [language.Language.Text].
// Names of files and words of the service are escaped in it.
func (p *Program) Text(english string, args ...any) string {
	shown := make([]any, len(args))
	for i, arg := range args {
		switch v := arg.(type) {
		case string:
			shown[i] = output.Escape(v)
		case error:
			shown[i] = p.Explain(v)
		default:
			shown[i] = v
		}
	}
	return p.language.Text(english, shown...)
}

// Explain returns what an error says, in the user's language if it is one of the
// program's own.
func (p *Program) Explain(err error) string {
	if english, args, ok := language.MessageOf(err); ok {
		return p.Text(english, args...)
	}
	return output.Escape(err.Error())
}

// Say tells the person at the terminal something.
func (p *Program) Say(english string, args ...any) { p.Console.Say(p.Text(english, args...)) }

// Warn tells the person at the terminal what to look at.
func (p *Program) Warn(english string, args ...any) { p.Console.Warn(p.Text(english, args...)) }

// flagValue returns the last value of a flag, without checking the others.
func flagValue(args []string, names ...string) (value string) {
	for i, arg := range args {
		if arg == "--" {
			break
		}
		name, inline, hasInline := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		for _, wanted := range names {
			switch {
			case !strings.HasPrefix(arg, "-") || name != wanted:
			case hasInline:
				value = inline
			case i+1 < len(args):
				value = args[i+1]
			}
		}
	}
	return value
}

// Speaks reads a language's tag. It is false for one that the program does not speak.
func (p *Program) Speaks(tag string) (language.Language, bool) { return language.Parse(tag) }
