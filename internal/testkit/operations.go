package testkit

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Operation is one of the contract, testdata/openapi.yaml.
type Operation struct{ ID, Method, Path string }

// Contract is what the contract describes, in its order. Indentation tells a
// path from a method.
var Contract = sync.OnceValue(func() []Operation {
	raw, err := os.ReadFile(filepath.Join(Root(), "testdata", "openapi.yaml"))
	if err != nil {
		panic(err)
	}
	var all []Operation
	var op Operation
	method := regexp.MustCompile(`^    (get|post|put|patch|delete):$`)
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "  /") {
			op.Path = strings.TrimSuffix(strings.TrimSpace(line), ":")
		} else if match := method.FindStringSubmatch(line); match != nil {
			op.Method = strings.ToUpper(match[1])
		} else if id, ok := strings.CutPrefix(line, "      operationId: "); ok {
			op.ID = id
			all = append(all, op)
		}
	}
	return all
})

// Operations are the ids of all operations, in the contract's order.
func Operations() []string {
	var ids []string
	for _, op := range Contract() {
		ids = append(ids, op.ID)
	}
	return ids
}

// Methods are the names of the client's methods by the operation's id, as the
// rows of operations in the SDK's source have them.
var Methods = sync.OnceValue(func() map[string]string {
	files, err := filepath.Glob(filepath.Join(Root(), "*.go"))
	if err != nil {
		panic(err)
	}
	methods := map[string]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			panic(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if id, method, ok := operationRow(n); ok {
				methods[id] = method
			}
			return true
		})
	}
	return methods
})

// operationRow reads a call newOperation(id, method, …).
func operationRow(n ast.Node) (id, method string, ok bool) {
	row, ok := n.(*ast.CallExpr)
	if !ok || len(row.Args) < 2 {
		return "", "", false
	}
	if function, ok := row.Fun.(*ast.Ident); !ok || function.Name != "newOperation" {
		return "", "", false
	}
	id, method = stringLiteral(row.Args[0]), stringLiteral(row.Args[1])
	return id, method, id != ""
}

// stringLiteral is the value of a string literal; "" of anything else.
func stringLiteral(e ast.Expr) string {
	literal, ok := e.(*ast.BasicLit)
	if !ok {
		return ""
	}
	text, err := strconv.Unquote(literal.Value)
	if err != nil {
		return ""
	}
	return text
}
