package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const sdk = "github.com/hacarus/hacarus-check-go"

// The README's table names exactly the modules that a program gets, and those
// that the SDK needs beside them.
func TestModulesAreThoseOfTheREADME(t *testing.T) {
	t.Parallel()
	client := modules(t, sdk)
	pixels := modules(t, sdk+"/overlay", sdk+"/hacarustest")
	figures := modules(t, sdk+"/evaluation")
	users := union(client, pixels, figures)
	all := union(users, required(t))
	for _, c := range []struct {
		name, row string // row is what ends a row of the table
		want      []string
	}{
		{"the client", "every program", client},
		{"overlay and hacarustest", "who imports `overlay` or `hacarustest`", without(pixels, client)},
		{"evaluation", "who imports `evaluation`", without(figures, client)},
		{"tests of the SDK", "this repository's tests", without(all, users)},
		{"all", "", all},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := table(t, "README.md", c.row); !slices.Equal(got, c.want) {
				t.Errorf("the README names %q, it is %q", got, c.want)
			}
		})
	}
	if got := table(t, "README.ja.md", ""); !slices.Equal(got, all) {
		t.Errorf("README.ja.md names %q, it is %q", got, all)
	}
}

// A program that uses the SDK contains nothing that is made for tests; one that
// uses hacarustest too, outside of tests, nothing that registers flags.
func TestNoTestCodeIsLinked(t *testing.T) {
	t.Parallel()
	for _, root := range []string{".", sdk, sdk + "/hacarustest", sdk + "/overlay", sdk + "/evaluation"} {
		for _, path := range list(t, "{{.ImportPath}}", root) {
			if path == "testing" || strings.HasPrefix(path, "testing/") || path == "net/http/httptest" || path == "flag" || strings.Contains(path, "testify") {
				t.Errorf("%s imports %s", root, path)
			}
		}
	}
	for _, path := range list(t, "{{.ImportPath}}", ".") {
		if strings.HasPrefix(path, "golang.org/x/image") || strings.HasPrefix(path, "gonum.org/") || path == sdk+"/hacarustest" {
			t.Errorf("a plain client imports %s", path)
		}
	}
}

// modules are the modules of packages and of all that they import, without the SDK's own.
func modules(t *testing.T, packages ...string) []string {
	t.Helper()
	return without(list(t, "{{with .Module}}{{.Path}}{{end}}", packages...), []string{sdk, ""})
}

// required are the modules that the SDK's go.mod requires for its own sake.
func required(t *testing.T) []string {
	t.Helper()
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(goTool(t, "mod", "edit", "-json", "../../go.mod"), &mod); err != nil {
		t.Fatal(err)
	}
	var direct []string
	for _, r := range mod.Require {
		if !r.Indirect {
			direct = append(direct, r.Path)
		}
	}
	return direct
}

func list(t *testing.T, format string, packages ...string) []string {
	t.Helper()
	out := goTool(t, append([]string{"list", "-deps", "-f", format}, packages...)...)
	return union(strings.Split(strings.TrimSpace(string(out)), "\n"))
}

func goTool(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(os.Environ(), "GOWORK=off")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
	return out
}

var link = regexp.MustCompile(`^\| \[([^\s\x60]+)\]\(https://pkg\.go\.dev/(\S+)\) \|`)

// table are the modules in a README's rows that end with ending, "" for all.
func table(t *testing.T, file, ending string) []string {
	t.Helper()
	text, err := os.ReadFile("../../" + file)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		match := link.FindStringSubmatch(line)
		if match == nil || !strings.HasSuffix(line, ending+" |") {
			continue
		}
		if match[1] != match[2] {
			t.Errorf("%s: [%s] links to %s", file, match[1], match[2])
		}
		found = append(found, match[1])
	}
	return union(found)
}

// union is sorted, and has each element once.
func union(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}

func without(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(others, s) })
}
