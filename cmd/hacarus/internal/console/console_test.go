package console

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// screenOf returns what a terminal shows of what was written to it.
func screenOf(text string) (lines []string) {
	var line []rune
	at := 0
	for _, r := range text {
		switch r {
		case '\r':
			at = 0
		case '\n':
			lines, line, at = append(lines, strings.TrimRight(string(line), " ")), nil, 0
		default:
			for len(line) <= at {
				line = append(line, ' ')
			}
			line[at] = r
			at++
		}
	}
	return append(lines, strings.TrimRight(string(line), " "))
}

// Lines stand above the bar, whoever writes them, and nothing is left of it.
func TestBarsMakeRoom(t *testing.T) {
	t.Parallel()
	var terminal bytes.Buffer
	c := &Console{w: &terminal, terminal: true}
	results := c.Above(&terminal)
	bar := c.Bar("Inspecting", 10)
	for n := range 3 {
		_, err := fmt.Fprintf(results, "{\"file\": %d}\n", n)
		require.NoError(t, err)
		if n == 0 { // later, only so often
			require.Contains(t, screenOf(terminal.String())[1], "Inspecting")
		}
		bar.Set(int64(n + 1))
	}
	c.Say("It goes on.")
	bar.Close()
	require.Equal(t, []string{`{"file": 0}`, `{"file": 1}`, `{"file": 2}`, "It goes on.", ""}, screenOf(terminal.String()))
}

// A list of JSON, whose lines end with the next one, has no bar below it.
func TestBarsAndUnfinishedLines(t *testing.T) {
	t.Parallel()
	var terminal bytes.Buffer
	c := &Console{w: &terminal, terminal: true}
	bar := c.Bar("Inspecting", 2)
	for n, text := range []string{"[\n  {}", ",\n  {}", "\n]\n"} {
		_, err := c.Above(&terminal).Write([]byte(text))
		require.NoError(t, err)
		bar.Set(int64(n))
	}
	bar.Close()
	require.Equal(t, []string{"[", "  {},", "  {}", "]", ""}, screenOf(terminal.String()))
}

// Where there is no terminal, there is no bar.
func TestNoBars(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	c := New(&log, func(string) string { return "" })
	bar := c.Bar("Inspecting", 2)
	bar.Set(1)
	c.Warn("look\x1b[31m")
	bar.Close()
	require.Equal(t, "look\\x1b[31m\n", log.String())
}
