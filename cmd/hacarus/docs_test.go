//go:build !windows

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// The page in Japanese has the same commands, and every command has its line.
func TestTwinOfTheDocumentation(t *testing.T) {
	t.Parallel()
	var pages []string
	for _, name := range []string{"program.md", "program.ja.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
		require.NoError(t, err)
		pages = append(pages, string(text))
	}
	require.Equal(t, shellBlock.FindAllString(pages[0], -1), shellBlock.FindAllString(pages[1], -1))
	help, err := exec.CommandContext(t.Context(), "hacarus", "--lang", "en").Output()
	require.NoError(t, err)
	for _, line := range regexp.MustCompile(`(?m)^  ([a-z]+)   `).FindAllStringSubmatch(string(help), -1) {
		for _, page := range pages {
			require.Contains(t, page, "hacarus "+line[1], "a command that is not explained")
		}
	}
}

// The service starts the program with flags that it has, and the page in Japanese has
// the same commands.
func TestServiceOfTheDocumentation(t *testing.T) {
	t.Parallel()
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
		require.NoError(t, err)
		return string(text)
	}
	indented := regexp.MustCompile(`(?m)^    [^#\n]+`)
	require.Equal(t, indented.FindAllString(read("service.md"), -1), indented.FindAllString(read("service.ja.md"), -1))
	help, err := exec.CommandContext(t.Context(), "hacarus", "--lang", "en", "help", "watch").Output()
	require.NoError(t, err)
	for _, text := range []string{read("hacarus-watch.service"), read("service.md"), read("service.ja.md")} {
		begin := regexp.MustCompile(`watch (/srv|C:\\)`).FindStringIndex(text)
		require.NotNil(t, begin)
		command, _, _ := strings.Cut(text[begin[0]:], "\n\n")
		flags := regexp.MustCompile(`--[a-z-]+`).FindAllString(command, -1)
		require.Greater(t, len(flags), 8)
		for _, flag := range flags {
			require.Contains(t, string(help), flag)
		}
	}
}

// The commands of the documentation work, in their order.
func TestCommandsOfTheDocumentation(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "the scripts run the same commands")
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "program.md"))
	require.NoError(t, err)
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	dir := t.TempDir()
	plates, err := filepath.Abs(filepath.Join("..", "..", "testdata", "plates"))
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(filepath.Join(dir, "good"), os.DirFS(filepath.Join(plates, "train"))))
	require.NoError(t, os.CopyFS(filepath.Join(dir, "line7"), os.DirFS(filepath.Join(plates, "inspect"))))
	for _, name := range []string{"OK-01.jpg", "OK-02.jpg", "NG-01-scratch.jpg", "NG-02-scratch.jpg", "NG-03-dent.jpg", "NG-04-dent.jpg", "NG-05-stain.jpg", "NG-06-stain.jpg"} {
		folder := map[string]string{"OK": "good", "NG": "bad"}[name[:2]]
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "test", folder), 0o700))
		content, err := os.ReadFile(filepath.Join(plates, "inspect", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "test", folder, name), content, 0o600))
	}
	line := `{"id":"a","time":"2026-11-26T06:00:00Z","file":"a.png","verdict":"NG","by":"model","error":null}` + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "line7.jsonl"), []byte(line), 0o600))
	count := 0
	for _, block := range shellBlock.FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			command := exec.CommandContext(t.Context(), "sh", "-c", line)
			command.Dir = dir
			command.Env = append(os.Environ(), "TMPDIR="+dir, "HOME="+dir, "XDG_CONFIG_HOME="+dir,
				"HACARUS_BASE_URL="+s.URL, "HACARUS_CLIENT_ID="+s.ClientID, "HACARUS_CLIENT_SECRET="+s.ClientSecret)
			output, err := command.CombinedOutput()
			require.NoError(t, err, "%s%s", line, output)
			count++
		}
	}
	require.Greater(t, count, 20)
}
