package language

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	for wish, want := range map[string]Language{
		"": English, "en": English, "C.UTF-8": English, "en_US.UTF-8": English, "de_DE": English,
		"ja": Japanese, "JA": Japanese, "ja_JP.UTF-8": Japanese, "ja-JP": Japanese, "ja,en;q=0.5": Japanese, "en@euro": English,
	} {
		require.Equal(t, want, Choose(wish), wish)
	}
	require.Equal(t, Japanese, Choose("", "de_DE", "ja_JP", "en"), "the first that it speaks")
	_, ok := Parse("java")
	require.False(t, ok)
}

// said is the texts that the program's code has, by the position of one of each.
func said(t *testing.T) map[string]token.Position {
	t.Helper()
	texts := map[string]token.Position{}
	files := token.NewFileSet()
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		tree, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if text, ok := textOf(n); ok {
				texts[text] = files.Position(n.Pos())
			}
			return true
		})
		return nil
	})
	require.NoError(t, err)
	return texts
}

// textOf returns the text of a call such as p.Text("…").
func textOf(n ast.Node) (string, bool) {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return "", false
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !slices.Contains([]string{"Text", "Say", "Warn", "Errorf"}, method.Sel.Name) {
		return "", false
	}
	switch receiver := method.X.(type) {
	case *ast.Ident:
		ok = receiver.Name == "p" || receiver.Name == "language"
	case *ast.SelectorExpr:
		ok = receiver.Sel.Name == "p"
	}
	if !ok {
		return "", false
	}
	literal, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return "", false
	}
	text, err := strconv.Unquote(literal.Value)
	return text, err == nil
}

var verb = regexp.MustCompile(`%(\[\d+\])?[-+#0-9.]*[a-z%]`)

// Every text is there in Japanese, with the same values in it, and no other is.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	texts := said(t)
	require.NotEmpty(t, texts)
	for text, position := range texts {
		translated, ok := japanese[text]
		if !ok {
			t.Errorf("%s: not in Japanese: %q", position, text)
			continue
		}
		want, got := verb.FindAllString(text, -1), verb.FindAllString(translated, -1)
		for i := range got { // whose order another language may change
			got[i] = regexp.MustCompile(`\[\d+\]`).ReplaceAllString(got[i], "")
		}
		slices.Sort(want)
		slices.Sort(got)
		require.Equal(t, want, got, text)
		require.Equal(t, strings.Count(text, "`"), strings.Count(translated, "`"), "the name of a value: %s", text)
	}
	for text := range japanese {
		_, ok := texts[text]
		require.True(t, ok, "nobody says %q", text)
	}
}
