package program

import (
	"strings"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
)

// words are those of the service that tables show in the user's language.
func (p *Program) words() map[string]string {
	return map[string]string{
		// Verdicts.
		"unknown": p.Text("unknown"),
		// The status of a model.
		"creating": p.Text("creating"), "active": p.Text("active"), "failed": p.Text("failed"), "deleted": p.Text("deleted"),
		// The status of an item.
		"pending": p.Text("pending"), "done": p.Text("done"), "archived": p.Text("archived"),
		"yes": p.Text("yes"), "no": p.Text("no"),
	}
}

// Word returns a word of the service in the user's language.
func (p *Program) Word(word string) string { return p.Out.Shown(output.Word(word)).Text }

// Join returns a list of things as the user's language writes it.
func (p *Program) Join(things []string) string { return strings.Join(things, p.Text(", ")) }
