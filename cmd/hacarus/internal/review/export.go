package review

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/exit"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/judge"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/period"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// The forms of an export.
const (
	formCSV     = "csv"
	formCOCO    = "coco"
	formFolders = "folders"
)

func exportCommand(p *program.Program) *cli.Command {
	return &cli.Command{
		Name:  "export",
		Usage: p.Text("write what people have judged, for spreadsheets, training and other programs"),
		Description: p.Text(`Only images that a person has judged are exported, with what holds. csv is a table of
them; coco is a folder with annotations.json and the images; folders is a folder with good/
and bad/, as train and evaluate take them. Images that a person is not sure of are in the
table only. Where a folder is exported again, it gets what is judged now; what the program
did not write there itself stays, and a table that is there is not overwritten.`) + `

  hacarus review export --record line7.jsonl --format csv --out judgements.csv
  hacarus review export --record line7.jsonl --format folders --out labeled
  hacarus train labeled/good
  hacarus evaluate --model active --set labeled`,
		Flags: slices.Concat([]cli.Flag{
			recordFlag(p),
			&cli.StringFlag{Name: "format", Usage: p.Text("`FORM` of the export: csv, coco or folders")},
			&cli.StringFlag{Name: "out", TakesFile: true, Usage: p.Text("`PATH` of the table, or of the folder")},
		}, timeFlags(p)),
		Action: func(ctx context.Context, cmd *cli.Command) error { return export(ctx, p, cmd) },
	}
}

// exported is what came of an export.
type exported struct {
	Format   string    `json:"format"`
	Out      string    `json:"out"`
	Good     int       `json:"good"`
	Bad      int       `json:"bad"`
	Unknown  int       `json:"unknown"`  // a person does not know
	Unjudged int       `json:"unjudged"` // images that no person has judged
	Boxless  int       `json:"boxless"`  // NG images that are left out of COCO, where they would count as good
	Missing  []missing `json:"missing"`  // images that are not there or cannot be read, and are left out
}

type missing struct {
	File  string `json:"file"`
	Error string `json:"error"`
}

// exporter writes judged images.
type exporter struct {
	p     *program.Program
	judge *judge.Judge
	out   string
	res   *exported
}

func export(ctx context.Context, p *program.Program, cmd *cli.Command) error {
	path, within, err := selection(p, cmd)
	if err != nil {
		return err
	}
	res := &exported{Format: cmd.String("format"), Out: cmd.String("out"), Missing: []missing{}}
	write := map[string]func(*exporter, context.Context, []record.Entry) error{
		formCSV: (*exporter).writeCSV, formCOCO: (*exporter).writeCOCO, formFolders: (*exporter).writeFolders,
	}[res.Format]
	switch {
	case write == nil:
		return errors.New(p.Text("--format is csv, coco or folders, not %q", res.Format))
	case res.Out == "":
		return p.Missing("out")
	}
	var client *hacarus.Client
	if res.Format != formCSV {
		if client, err = connect(ctx, p, cmd); err != nil {
			return err
		}
	}
	if client != nil {
		defer client.Close()
	}
	entries, unjudged, err := judged(path, within)
	if err != nil {
		return err
	}
	res.Unjudged = unjudged
	e := &exporter{p, judge.New(nil, client), res.Out, res}
	if err := write(e, ctx, entries); err != nil {
		return err
	}
	return e.tell()
}

// judged returns what holds of the images that people have judged, in the order in
// which they were inspected, and how many nobody has. The record is read twice, so
// that only what is exported is kept in memory.
func judged(path string, within period.Period) (entries []record.Entry, unjudged int, err error) {
	byPerson, err := inspected(path, within)
	if err != nil {
		return nil, 0, err
	}
	images := map[string]*judge.Image{}
	var order []string
	for e, err := range record.Entries(path) {
		if err != nil {
			return nil, 0, err
		}
		if !byPerson[e.ID] {
			continue
		}
		if images[e.ID] == nil {
			images[e.ID] = &judge.Image{}
			order = append(order, e.ID)
		}
		images[e.ID].Add(record.Line{Entry: &e})
	}
	for _, id := range order {
		image := images[id]
		if !image.Judged() { // it was taken back
			continue
		}
		e, said := image.Last(), image.Holding()
		e.By, e.Note, e.Time = said.By, said.Note, said.Time // after an undo too
		entries = append(entries, e)
	}
	return entries, len(byPerson) - len(entries), nil
}

// inspected returns the images that were inspected in a period, and whether a person has
// judged them.
func inspected(path string, within period.Period) (byPerson map[string]bool, err error) {
	byPerson, outside := map[string]bool{}, map[string]bool{}
	for e, err := range record.Entries(path) {
		if err != nil {
			return nil, err
		}
		_, known := byPerson[e.ID]
		switch {
		case outside[e.ID]:
		case !known && !within.Has(e.Time):
			outside[e.ID] = true
		default:
			byPerson[e.ID] = byPerson[e.ID] || e.By != record.Model
		}
	}
	return byPerson, nil
}

// count counts an image by what it is judged to be.
func (e *exporter) count(image record.Entry) {
	switch hacarus.Verdict(image.Verdict) {
	case hacarus.VerdictOK:
		e.res.Good++
	case hacarus.VerdictNG:
		e.res.Bad++
	default:
		e.res.Unknown++
	}
}

// known returns the images that are judged OK or NG, and counts the others.
func (e *exporter) known(images []record.Entry) (known []record.Entry) {
	for _, image := range images {
		switch hacarus.Verdict(image.Verdict) {
		case hacarus.VerdictOK, hacarus.VerdictNG:
			known = append(known, image)
		default:
			e.res.Unknown++
		}
	}
	return known
}

// content returns an image that was inspected. One that is not there any more is
// told of, and left out: another file, which may be on the service in its place, is
// not what was judged.
func (e *exporter) content(ctx context.Context, image record.Entry) ([]byte, bool, error) {
	content, from, err := e.judge.Content(ctx, image)
	if err == nil && (from != judge.FromServiceChanged || image.SHA256 == "") {
		return content, true, nil
	}
	if ctx.Err() != nil {
		return nil, false, context.Cause(ctx)
	}
	if err == nil {
		err = errors.New(e.p.Text("the service has another file of it"))
	}
	e.miss(image, err)
	return nil, false, nil
}

func (e *exporter) miss(image record.Entry, err error) {
	e.p.Warn("%s: %v", image.File, err)
	e.res.Missing = append(e.res.Missing, missing{image.File, err.Error()})
}

// names gives images names that differ, also where letters of both cases are the
// same: those that several have get the image's id. They stay the same in the next
// export, as long as the images are the same.
func names(images []record.Entry) []string {
	times, taken := map[string]int{}, map[string]bool{}
	base := func(e record.Entry) string { return filepath.Base(filepath.FromSlash(e.File)) }
	for _, e := range images {
		times[strings.ToLower(base(e))]++
	}
	names := make([]string, len(images))
	for n, e := range images {
		name := base(e)
		for again := times[strings.ToLower(name)] > 1; again || taken[strings.ToLower(name)]; again = false {
			name = distinct(name, hacarus.SafeName(e.ID))
		}
		taken[strings.ToLower(name)] = true
		names[n] = name
	}
	return names
}

// maxFileName is the longest name that a disk takes, in bytes.
const maxFileName = 255

// distinct is a name with an id in it, and of what it was as much as a disk takes.
func distinct(name, id string) string {
	extension := filepath.Ext(name)
	stem := strings.TrimSuffix(name, extension)
	if most := max(0, maxFileName-len("-"+id+extension)); len(stem) > most {
		stem = strings.ToValidUTF8(stem[:most], "") // a letter may be cut
	}
	return stem + "-" + id + extension
}

func (e *exporter) tell() error {
	res := *e.res
	number := func(n int) output.Cell { return output.Number(strconv.Itoa(n)) }
	err := e.p.Out.Value(res, []output.Column{
		{Name: "out", Title: e.p.Text("Export")}, {Name: "good", Title: "OK"}, {Name: "bad", Title: "NG"},
		{Name: "unknown", Title: e.p.Text("don't know")}, {Name: "unjudged", Title: e.p.Text("Not judged by a person")},
		{Name: "boxless", Title: e.p.Text("NG without a box, left out")}, {Name: "missing", Title: e.p.Text("Not found or not readable, left out")},
	}, output.Text(res.Out), number(res.Good), number(res.Bad), number(res.Unknown), number(res.Unjudged), number(res.Boxless), number(len(res.Missing)))
	if err == nil && len(res.Missing) > 0 {
		err = exit.With(exit.Incomplete, errors.New(e.p.Text("images that were left out: %d", len(res.Missing))))
	}
	return err
}

func boxText(b [4]int) string { return fmt.Sprintf("(%d,%d)-(%d,%d)", b[0], b[1], b[2], b[3]) }
