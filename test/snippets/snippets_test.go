// Package snippets proves that the Go code in the README and in docs compiles.
package snippets

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	// So that a cached result ends where either changes.
	_ "github.com/hacarus/hacarus-check-go"
	_ "github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// imports are what a fragment may use without saying so.
var imports = []string{
	"context", "crypto/rand", "errors", "fmt", "io", "iter", "log", "log/slog", "net/http", "os", "time",
	"github.com/hacarus/hacarus-check-go",
	"github.com/hacarus/hacarus-check-go/hacarustest",
}

// given declares the reader's own functions, which a fragment calls.
const given = `
func runYourProgram(*hacarus.Client) {}
func fromCamera(context.Context) iter.Seq[hacarus.File] { return nil }
`

// parameters are the variables that a fragment finds in its place.
const parameters = `ctx context.Context, client *hacarus.Client, server *hacarustest.Server, id, secret, modelID string, ids []string, err error`

// snippet is one block of Go code.
type snippet struct {
	file string
	line int // of its first line of code
	code []byte
}

func (s snippet) String() string { return fmt.Sprintf("%s:%d", s.file, s.line) }

func TestSnippetsCompile(t *testing.T) {
	t.Parallel()
	check := newChecker(t)
	for _, s := range allSnippets(t) {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			require.NoError(t, check(s))
		})
	}
}

// Both READMEs show the same code; only its comments are translated.
func TestSnippetsAreTheSameInBothLanguages(t *testing.T) {
	t.Parallel()
	english, japanese := snippetsIn(t, "README.md"), snippetsIn(t, "README.ja.md")
	require.NotEmpty(t, english)
	require.Len(t, japanese, len(english))
	for i := range english {
		require.Equal(t, tokens(english[i].code), tokens(japanese[i].code), "%s and %s", english[i], japanese[i])
	}
}

func TestSnippetThatDoesNotCompileFailsWithItsLine(t *testing.T) {
	t.Parallel()
	check := newChecker(t)
	for name, c := range map[string]struct{ code, want string }{
		"unknown method":    {"fmt.Println(1)\nclient.Nothing(ctx)", "README.md:8:8: client.Nothing undefined"},
		"unknown name":      {"nothing()", "README.md:7:1: undefined: nothing"},
		"wrong type":        {"\nvar n int = client.Close()", "README.md:8:13: cannot use client.Close()"},
		"syntax":            {"for {", "README.md"},
		"in a declaration":  {"func f() error {\n\treturn 1\n}", "README.md:8:9: cannot use 1"},
		"in a whole file":   {"package main\n\nfunc main() { f() }", "README.md:9:15: undefined: f"},
		"beside an omitted": {"… ; client.Nothing(ctx)", "README.md:7:14: client.Nothing undefined"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, check(snippet{"README.md", 7, []byte(c.code)}), c.want)
		})
	}
	require.NoError(t, check(snippet{"README.md", 7, []byte("… // the rest\nfor range ids { … }\nfmt.Println(\"…\")")}))
}

func TestSnippetsAreFoundWithTheirLines(t *testing.T) {
	t.Parallel()
	text := "# Title\n\n```go\na := 1\nb := 2\n```\n\n```\nnot Go\n```\n\n    ```go\n\n```go\nc := 3\n```\n"
	require.Equal(t, []snippet{
		{"x.md", 4, []byte("a := 1\nb := 2\n")},
		{"x.md", 15, []byte("c := 3\n")},
	}, parseMarkdown("x.md", text))
}

func allSnippets(t *testing.T) []snippet {
	t.Helper()
	files := []string{"README.md", "README.ja.md"}
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	require.NotEmpty(t, docs)
	for _, path := range docs {
		files = append(files, filepath.Join("docs", filepath.Base(path)))
	}
	var all []snippet
	for _, file := range files {
		all = append(all, snippetsIn(t, file)...)
	}
	return all
}

// root is the repository.
const root = "../.."

func snippetsIn(t *testing.T, file string) []snippet {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	require.NoError(t, err)
	return parseMarkdown(file, string(text))
}

func parseMarkdown(file, text string) []snippet {
	var found []snippet
	var current *snippet
	for i, line := range strings.Split(text, "\n") {
		switch {
		case current == nil && line == "```go":
			current = &snippet{file: file, line: i + 2}
		case current != nil && line == "```":
			found = append(found, *current)
			current = nil
		case current != nil:
			current.code = append(current.code, line+"\n"...)
		}
	}
	return found
}

// newChecker returns a function that type-checks a snippet. Its errors name the
// line of the document.
func newChecker(t *testing.T) func(snippet) error {
	t.Helper()
	testkit.NotWithRace(t, "the compiler is asked, which shares nothing")
	exports := exportData(t)
	return func(s snippet) error {
		fset := token.NewFileSet()
		file, err := parseSnippet(fset, s)
		if err != nil {
			return err
		}
		var errs []error
		config := types.Config{
			Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }),
			Error: func(err error) {
				// A fragment imports more than it uses, and what it leaves out uses more than is seen.
				if e, ok := errors.AsType[types.Error](err); !ok || !e.Soft {
					errs = append(errs, err)
				}
			},
		}
		_, _ = config.Check("snippet", fset, []*ast.File{file}, nil) // its errors are in errs
		return errors.Join(errs...)
	}
}

// parseSnippet parses a whole file, statements, or declarations.
func parseSnippet(fset *token.FileSet, s snippet) (*ast.File, error) {
	code := fmt.Sprintf("//line %s:%d:1\n%s", s.file, s.line, withoutEllipses(s.code))
	if bytes.HasPrefix(s.code, []byte("package ")) {
		return parser.ParseFile(fset, "", code, parser.SkipObjectResolution)
	}
	head := "package snippet\n"
	for _, path := range imports {
		head += fmt.Sprintf("import %q\n", path)
	}
	body := "func _(" + parameters + ") error {\n{\n" + code + "\n}\nreturn nil\n}\n"
	file, err := parser.ParseFile(fset, "", head+body+given, parser.SkipObjectResolution)
	if err == nil {
		return file, nil
	}
	if file, notDeclarations := parser.ParseFile(fset, "", head+code+given, parser.SkipObjectResolution); notDeclarations == nil {
		return file, nil
	}
	return nil, err
}

// withoutEllipses blanks each … that stands for left out code, and keeps those
// in strings and comments.
func withoutEllipses(code []byte) []byte {
	const ellipsis = "…"
	out := bytes.Clone(code)
	scan(code, func(offset int, tok token.Token, literal string) {
		if tok == token.ILLEGAL && literal == ellipsis {
			copy(out[offset:], strings.Repeat(" ", len(ellipsis)))
		}
	})
	return out
}

// tokens is code without comments and layout.
func tokens(code []byte) []string {
	var all []string
	scan(code, func(_ int, tok token.Token, literal string) { all = append(all, tok.String()+" "+literal) })
	return all
}

func scan(code []byte, see func(offset int, tok token.Token, literal string)) {
	file := token.NewFileSet().AddFile("", -1, len(code))
	var s scanner.Scanner
	s.Init(file, code, func(token.Position, string) {}, 0) // the parser reports what is wrong
	for {
		pos, tok, literal := s.Scan()
		if tok == token.EOF {
			return
		}
		see(file.Offset(pos), tok, literal)
	}
}

// exportData are the compiled declarations of imports and all that they import,
// by import path.
func exportData(t *testing.T) map[string]string {
	t.Helper()
	args := append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}, imports...)
	list := exec.CommandContext(t.Context(), "go", args...)
	list.Dir = root
	list.Stderr = os.Stderr
	out, err := list.Output()
	require.NoError(t, err)
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		files[path] = file
	}
	return files
}
