package reliability

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// fuzzTargets are those that there must be.
var fuzzTargets = []string{
	"FuzzBaseURL", "FuzzCallPath", "FuzzCheckImages", "FuzzDecode", "FuzzErrorDetails", "FuzzJSON", "FuzzLogin", "FuzzMaskCredentials", "FuzzMultipart",
	"FuzzParseCallback", "FuzzParseRequirement", "FuzzParseRetryAfter", "FuzzPathEscape", "FuzzQuery", "FuzzReadCSV", "FuzzSafeName", "FuzzScanLine", "FuzzTime",
	"FuzzUnmarshal", "FuzzUnpack",
}

// S11: the fuzz targets are there and have seeds, and what fuzzing has found
// stays in their corpora. Go itself runs all of that as tests.
func TestSuiteFuzzTargets(t *testing.T) {
	t.Parallel()
	s11 := part{name: "S11", what: "fuzz targets, whose seeds and findings run as tests"}
	found := fuzzTargetsOf(t, testkit.Root())
	require.Equal(t, fuzzTargets, slices.Sorted(maps.Keys(found)))
	for _, name := range fuzzTargets {
		t.Run(name, func(t *testing.T) {
			s11.count(t)
			calls := methodsCalled(found[name])
			require.True(t, calls["Add"], "it has no seeds")
			require.True(t, calls["Fuzz"], "it fuzzes nothing")
		})
	}
	s11.done(t)
}

// fuzzTargetsOf are the fuzz targets of the module by their name. A corpus
// stands beside the target that it belongs to.
func fuzzTargetsOf(t *testing.T, module string) map[string]*ast.FuncDecl {
	t.Helper()
	targets, folders := map[string]*ast.FuncDecl{}, map[string]string{}
	corpora := map[string]string{}
	require.NoError(t, filepath.WalkDir(module, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != module && (entry.Name()[0] == '.' || isModule(path)):
			return fs.SkipDir
		case entry.IsDir() && strings.HasSuffix(filepath.ToSlash(filepath.Dir(path)), "testdata/fuzz"):
			corpora[entry.Name()] = filepath.Dir(filepath.Dir(filepath.Dir(path)))
		case strings.HasSuffix(path, "_test.go"):
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			for _, declaration := range file.Decls {
				if target, ok := declaration.(*ast.FuncDecl); ok && strings.HasPrefix(target.Name.Name, "Fuzz") {
					targets[target.Name.Name], folders[target.Name.Name] = target, filepath.Dir(path)
				}
			}
		}
		return nil
	}))
	for name, folder := range corpora {
		require.Equal(t, folders[name], folder, "the corpus of %s is not beside it", name)
	}
	return targets
}

func isModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}

// methodsCalled are the names of the methods that a function calls.
func methodsCalled(f *ast.FuncDecl) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if method, ok := call.Fun.(*ast.SelectorExpr); ok {
				names[method.Sel.Name] = true
			}
		}
		return true
	})
	return names
}
