package snippets

import (
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// TestOperationsOfTheREADMEs holds that both tables of operations have the
// contract's, in its order, with their methods, and that an operation is said to
// be repeated by itself exactly when its class may be.
func TestOperationsOfTheREADMEs(t *testing.T) {
	t.Parallel()
	row := regexp.MustCompile(`(?m)^\| (\w+) \| \[` + "`(\\w+)`" + `\]\(https://pkg\.go\.dev/github\.com/hacarus/hacarus-check-go#Client\.(\w+)\).* \| (.*) \|$`)
	for file, words := range map[string]struct{ repeated, otherwise string }{
		"README.md":    {"yes", "only if not executed"},
		"README.ja.md": {"する", "未実行が確実な場合のみ"},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			var ids []string
			for _, cells := range row.FindAllStringSubmatch(read(t, file), -1) {
				id, shown, linked, repeated := cells[1], cells[2], cells[3], cells[4]
				ids = append(ids, id)
				require.Equal(t, testkit.Methods()[id], shown, id)
				require.Equal(t, shown, linked, id)
				want := words.repeated
				if testkit.Classes()[id] == 'N' {
					want = words.otherwise
				}
				require.Equal(t, want, repeated, id)
			}
			require.Equal(t, testkit.Operations(), ids)
		})
	}
}

// madeUp are the names that CONTRIBUTING.md makes up for its example of a new
// operation.
var madeUp = regexp.MustCompile(`(?i)station|last_?seen|temperature`)

// TestContributingNamesWhatExists holds for all that CONTRIBUTING.md has between
// backquotes, and for its Go code, that files are there and names are in use.
func TestContributingNamesWhatExists(t *testing.T) {
	t.Parallel()
	text := read(t, "CONTRIBUTING.md")
	fence := regexp.MustCompile("(?ms)^ *```(\\w*)\n(.*?)^ *```$")
	var code []string
	for _, block := range fence.FindAllStringSubmatch(text, -1) {
		if block[1] == "go" {
			code = append(code, block[2])
		}
	}
	require.NotEmpty(t, code)
	for _, span := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		words := strings.Fields(span[1])
		if len(words) > 1 { // a command, or code
			words = paths(words)
		}
		for _, word := range words {
			if !madeUp.MatchString(word) && len(glob(t, word)) == 0 {
				code = append(code, word)
			}
		}
	}
	known := sourceWords(t)
	for _, text := range code {
		for _, name := range identifiers(text) {
			require.True(t, known[name] || madeUp.MatchString(name), "%s is neither a file nor a name in the source: %s", name, text)
		}
	}
}

// paths are the words of a command that are paths in the repository.
func paths(words []string) []string {
	var found []string
	for _, word := range words {
		if strings.HasPrefix(word, "./") || strings.HasPrefix(word, ".ci/") {
			found = append(found, strings.TrimSuffix(word, "/..."))
		}
	}
	return found
}

// sourceWords are the words of all Go files of the repository: names, and those in
// literals, such as keys of JSON.
func sourceWords(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	word := regexp.MustCompile(`\w+`)
	require.NoError(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		raw, err := os.ReadFile(path)
		for _, found := range word.FindAll(raw, -1) {
			known[string(found)] = true
		}
		return err
	}))
	return known
}

// identifiers are the names in Go code.
func identifiers(code string) (names []string) {
	scan([]byte(code), func(_ int, tok token.Token, literal string) {
		if tok == token.IDENT {
			names = append(names, literal)
		}
	})
	return names
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	require.NoError(t, err)
	return string(text)
}

// glob are the repository's files and folders of that pattern.
func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, pattern))
	require.NoError(t, err)
	for i := range found {
		found[i], err = filepath.Rel(root, found[i])
		require.NoError(t, err)
	}
	return found
}
