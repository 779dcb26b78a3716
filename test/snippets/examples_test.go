package snippets

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryNameHasAnExample: a function and a method have one of their own, whose
// output is compared. A type is shown by that of its constructor, a method or a
// constant, too, or by its name in the code of any; an error by its name, and
// constants of one group by one of theirs.
func TestEveryNameHasAnExample(t *testing.T) {
	t.Parallel()
	hacarus, hacarustest := parsePackage(t, "."), parsePackage(t, "hacarustest")
	named := map[string]bool{}
	for _, p := range []*parsedPackage{hacarus, hacarustest} {
		p.namedInExamples(named)
	}
	for _, p := range []*parsedPackage{hacarus, hacarustest} {
		assert.Empty(t, p.withoutExample(named), "exported names of %s without an Example that has an // Output:", p.Name)
	}
}

// The gate finds what has no Example, and one that compares nothing is none.
func TestNameWithoutAnExampleIsFound(t *testing.T) {
	t.Parallel()
	p := parseFiles(t, map[string]string{
		"p.go": `package p
			type T struct{}; func NewT() T; func (T) M(); type U struct{}; type Shown struct{}; var ErrA, ErrB error; const C, D = 1, 2
			func F(); func G(); func unexported()`,
		"p_test.go": `package p_test
			func ExampleF() {
				p.Shown{}; p.ErrA; p.C
				// Output:
			}
			func ExampleG() {}
			func ExampleNewT() { f()
				// Output: 1
			}
			func f() { p.U{} }`,
	})
	named := map[string]bool{}
	p.namedInExamples(named)
	require.Equal(t, []string{"G", "T.M", "U", "ErrB"}, p.withoutExample(named))
}

type parsedPackage struct {
	*doc.Package
	examples []*doc.Example
}

func parsePackage(t *testing.T, folder string) *parsedPackage {
	t.Helper()
	files := map[string]string{}
	for _, name := range glob(t, filepath.Join(folder, "*.go")) {
		files[name] = read(t, name)
	}
	return parseFiles(t, files)
}

func parseFiles(t *testing.T, texts map[string]string) *parsedPackage {
	t.Helper()
	fset := token.NewFileSet()
	var files, tests []*ast.File
	for name, text := range texts {
		file, err := parser.ParseFile(fset, name, text, parser.ParseComments)
		require.NoError(t, err)
		files = append(files, file)
		if strings.HasSuffix(name, "_test.go") {
			tests = append(tests, file)
		}
	}
	p, err := doc.NewFromFiles(fset, files, "example.org/p")
	require.NoError(t, err)
	return &parsedPackage{p, doc.Examples(tests...)}
}

// namedInExamples adds what the code of the package's Examples takes from any package.
func (p *parsedPackage) namedInExamples(named map[string]bool) {
	for _, e := range p.examples {
		if !isCompared(e) {
			continue
		}
		ast.Inspect(e.Code, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if of, ok := s.X.(*ast.Ident); ok {
					named[of.Name+"."+s.Sel.Name] = true
				}
			}
			return true
		})
	}
}

func isCompared(e *doc.Example) bool { return e.Output != "" || e.EmptyOutput }

func hasExample(examples []*doc.Example) bool {
	for _, e := range examples {
		if isCompared(e) {
			return true
		}
	}
	return false
}

func (p *parsedPackage) withoutExample(named map[string]bool) (missing []string) {
	funcs := func(prefix string, funcs []*doc.Func) (shown bool) {
		for _, f := range funcs {
			if !hasExample(f.Examples) {
				missing = append(missing, prefix+f.Name)
				continue
			}
			shown = true
		}
		return shown
	}
	// What a group of errors says differs; constants of a group are values of one kind.
	values := func(groups []*doc.Value, one bool) (shown bool) {
		for _, group := range groups {
			var unnamed []string
			for _, name := range group.Names {
				if !named[p.Name+"."+name] {
					unnamed = append(unnamed, name)
				}
			}
			shown = shown || len(unnamed) < len(group.Names)
			if !one || len(unnamed) == len(group.Names) {
				missing = append(missing, unnamed...)
			}
		}
		return shown
	}
	funcs("", p.Funcs)
	for _, typ := range p.Types {
		shown := []bool{
			funcs("", typ.Funcs), funcs(typ.Name+".", typ.Methods), values(typ.Consts, true), values(typ.Vars, false),
			hasExample(typ.Examples), named[p.Name+"."+typ.Name],
		}
		if !slices.Contains(shown, true) {
			missing = append(missing, typ.Name)
		}
	}
	values(p.Consts, true)
	values(p.Vars, false)
	return missing
}
