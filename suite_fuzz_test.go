package hacarus

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fuzzTargets are those that there must be.
var fuzzTargets = []string{
	"FuzzBaseURL", "FuzzCheckImages", "FuzzDecode", "FuzzErrorDetails", "FuzzLogin", "FuzzMultipart",
	"FuzzParseCallback", "FuzzParseRetryAfter", "FuzzPathEscape", "FuzzQuery", "FuzzSafeName", "FuzzTime",
	"hacarustest.FuzzUnpack", "jsonread.FuzzJSON",
}

// S11: the fuzz targets are there and have seeds, and what fuzzing has found
// stays in their corpora. Go itself runs all of that as tests.
func TestSuiteFuzzTargets(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for folder, prefix := range map[string]string{".": "", "hacarustest": "hacarustest.", filepath.Join("internal", "jsonread"): "jsonread."} {
		files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
		require.NoError(t, err)
		for _, name := range files {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			require.NoError(t, err)
			for _, declaration := range file.Decls {
				target, ok := declaration.(*ast.FuncDecl)
				if !ok || !strings.HasPrefix(target.Name.Name, "Fuzz") {
					continue
				}
				found[prefix+target.Name.Name] = true
				calls := methodsCalled(target)
				require.True(t, calls["Add"], "%s has no seeds", target.Name)
				require.True(t, calls["Fuzz"], "%s fuzzes nothing", target.Name)
			}
		}
		corpora, err := os.ReadDir(filepath.Join(folder, "testdata", "fuzz"))
		if !os.IsNotExist(err) {
			require.NoError(t, err)
		}
		for _, corpus := range corpora {
			require.Contains(t, found, prefix+corpus.Name(), "a corpus without its target")
		}
	}
	require.Equal(t, fuzzTargets, slices.Sorted(maps.Keys(found)))
	record(t, suiteRow{"S11", "fuzz targets, whose seeds and findings run as tests", len(found), -1, "", ""})
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
