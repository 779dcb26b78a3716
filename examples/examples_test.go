package examples

import (
	"bytes"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An example is one file that can be copied as it is, and read at a glance.
func TestExamplesCanBeCopied(t *testing.T) {
	t.Parallel()
	programs, err := filepath.Glob(filepath.Join("*", "main.go"))
	require.NoError(t, err)
	require.NotEmpty(t, programs)
	for _, program := range programs {
		source, err := os.ReadFile(program)
		require.NoError(t, err)
		require.Less(t, bytes.Count(source, []byte("\n")), 120, program)
		parsed, err := parser.ParseFile(token.NewFileSet(), program, source, parser.ImportsOnly)
		require.NoError(t, err)
		for _, imported := range parsed.Imports {
			require.NotContains(t, imported.Path.Value, "/internal", program)
		}
		sources, err := filepath.Glob(filepath.Join(filepath.Dir(program), "*"))
		require.NoError(t, err)
		for _, source := range sources {
			require.True(t, source == program || strings.HasSuffix(source, "_test.go"), source)
		}
	}
}
