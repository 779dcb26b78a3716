package shift

import (
	"fmt"
	"slices"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
)

// show writes the report for people: tables, one for each question.
func (r *Report) show(p *program.Program) error {
	if err := p.Out.Text(p.Text("Images: %d. OK: %d, NG: %d, without a verdict: %d.", r.Images, r.OK, r.NG, r.NoVerdict) + r.share(p)); err != nil {
		return err
	}
	for _, list := range []struct {
		title  string
		groups []Group
	}{
		{p.Text("Hour"), hoursOf(r.Hours)}, {p.Text("Lot"), r.Lots}, {p.Text("Station"), r.Stations}, {p.Text("Model"), r.Models},
	} {
		if err := section(p, groupColumns(p, list.title), list.groups, groupCells(p)); err != nil {
			return err
		}
	}
	reasons := []output.Column{{Title: p.Text("Without a verdict because")}, {Title: p.Text("Images"), Right: true}}
	if err := section(p, reasons, r.Reasons, func(x Reason) []output.Cell { return []output.Cell{output.Text(x.Reason), number(x.Images)} }); err != nil {
		return err
	}
	people := []output.Column{{Title: p.Text("Judged by")}, {Title: p.Text("Images"), Right: true}, {Title: p.Text("of these changed"), Right: true}}
	if err := section(p, people, r.People, func(x Person) []output.Cell {
		return []output.Cell{output.Text(x.Name), number(x.Judged), number(x.Changed)}
	}); err != nil {
		return err
	}
	return section(p, judgementColumns(p), r.Judgements, Judgement.cells)
}

// share is how many of the images with a verdict are NG.
func (r *Report) share(p *program.Program) string {
	if r.NGRate == nil {
		return ""
	}
	return p.Text(" NG of those with a verdict: %s.", percent(r.NGRate))
}

func percent(rate *float64) string {
	if rate == nil {
		return ""
	}
	return fmt.Sprintf("%.2f %%", 100**rate)
}

// section writes a table below an empty line; nothing where there are no rows.
func section[T any](p *program.Program, columns []output.Column, rows []T, cells func(T) []output.Cell) error {
	if len(rows) == 0 {
		return nil
	}
	if err := p.Out.Text(""); err != nil {
		return err
	}
	return writeList(p.Out, columns, rows, cells)
}

// hoursOf are the hours as people write them: with what tells the two apart that the
// end of summer time makes of one.
func hoursOf(hours []Group) []Group {
	shown := slices.Clone(hours)
	times := map[string]int{}
	for i, hour := range hours {
		if t, err := time.Parse(hourForm, hour.Name); err == nil {
			shown[i].Name = t.Format("2006-01-02 15:04")
		}
		times[shown[i].Name]++
	}
	for i, hour := range hours {
		if times[shown[i].Name] > 1 {
			shown[i].Name += hour.Name[len("2006-01-02T15:04"):]
		}
	}
	return shown
}

func groupColumns(p *program.Program, title string) []output.Column {
	return []output.Column{
		{Title: title}, {Title: p.Text("Images"), Right: true}, {Title: "OK", Right: true}, {Title: "NG", Right: true},
		{Title: p.Text("no verdict"), Right: true}, {Title: p.Text("NG rate"), Right: true},
	}
}

func groupCells(p *program.Program) func(Group) []output.Cell {
	return func(g Group) []output.Cell {
		name := g.Name
		if name == "" {
			name = p.Text("none")
		}
		return append(append([]output.Cell{output.Text(name)}, g.cells()...), output.Number(percent(g.NGRate)))
	}
}

func judgementColumns(p *program.Program) []output.Column {
	return []output.Column{
		{Name: "time", Title: p.Text("Time")}, {Name: "file", Title: p.Text("File")}, {Name: "lot", Title: p.Text("Lot")}, {Name: "serial", Title: p.Text("Serial number")},
		{Name: "model_verdict", Title: p.Text("Model")}, {Name: "verdict", Title: p.Text("Verdict")}, {Name: "by", Title: p.Text("Judged by")}, {Name: "note", Title: p.Text("Note")},
	}
}

func (j Judgement) cells() []output.Cell {
	return []output.Cell{
		output.Text(timeText(j.Time)), output.Text(j.File), output.Text(j.Lot), output.Text(j.Serial),
		output.Verdict(hacarus.Verdict(j.Model)), output.Verdict(hacarus.Verdict(j.Verdict)), output.Text(j.By), output.Text(j.Note),
	}
}
