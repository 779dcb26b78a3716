package report

import (
	_ "embed"
	"html/template"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/outdir"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
)

// PageName is the page's name in its folder.
const PageName = "index.html"

// Page is what a page shows.
type Page struct {
	Title    string
	Lines    []string      // below the title
	Figures  template.HTML // made by the program; "" for none
	Sections []Section
	OK, NG   string // what the filters of these verdicts are called; "" for the verdict
}

// Section is a part of the page with images.
type Section struct {
	Heading string // "" for one that needs none
	Filter  bool   // images can be chosen by verdict
	Images  []Image
}

//go:embed page.html
var source string

// Save writes the page into a folder.
func (page Page) Save(p *program.Program, folder *outdir.Folder) error {
	parsed, err := template.New("page").Funcs(template.FuncMap{
		"show":   output.Escape,
		"class":  class,
		"url":    address,
		"base":   filepath.Base,
		"folder": folderOf,
	}).Parse(source)
	if err != nil {
		return err
	}
	return folder.Write(PageName, func(w io.Writer) error {
		return parsed.Execute(w, view{
			Page: page, Language: p.Language(), Now: time.Now().Format(time.DateTime),
			All: p.Text("all"), None: p.Text("none"), NoVerdict: p.Text("no verdict"), ScoreWord: p.Text("Score"), Filter: p.Text("Show"),
			ImagesWord: p.Text("Images"), BoxesNote: p.Text("Boxes are left, top, right and bottom in pixels."), HeatWord: p.Text("Heat maps"),
			DefectsWord: p.Text("Defects"),
		})
	})
}

// view is the page with the words of its language.
type view struct {
	Page
	Language, Now                                      string
	All, None, NoVerdict, ScoreWord, Filter, BoxesNote string
	ImagesWord, HeatWord, DefectsWord                  string
}

// Word is a verdict as the page has it.
func (v view) Word(verdict hacarus.Verdict) string {
	if verdict == hacarus.VerdictUnknown {
		return v.NoVerdict
	}
	return string(verdict)
}

// HeatMaps says whether there is a heat map.
func (v view) HeatMaps() bool {
	return slices.ContainsFunc(v.Sections, func(s Section) bool {
		return slices.ContainsFunc(s.Images, func(i Image) bool { return i.HeatMap != "" })
	})
}

// Boxes says whether there are places of defects.
func (v view) Boxes() bool {
	return slices.ContainsFunc(v.Sections, func(s Section) bool {
		return slices.ContainsFunc(s.Images, func(i Image) bool { return len(i.Boxes) > 0 })
	})
}

// Count is how many images have a verdict.
func (s Section) Count(verdict hacarus.Verdict) (n int) {
	for _, i := range s.Images {
		if i.Verdict == verdict {
			n++
		}
	}
	return n
}

// folderOf is where a file lies; "" for where the program runs.
func folderOf(file string) string {
	if dir := filepath.Dir(file); dir != "." {
		return dir
	}
	return ""
}

func class(v hacarus.Verdict) string { return strings.ToLower(string(v)) }

// address is a picture's beside the page.
func address(name string) string {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return "./" + strings.Join(parts, "/")
}
