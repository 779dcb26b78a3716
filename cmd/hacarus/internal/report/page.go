package report

import (
	_ "embed"
	"html/template"
	"io"
	"net/url"
	"path/filepath"
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
	Title   string
	Lines   []string      // below the title
	Figures template.HTML // made by the program; "" for none
	Heading string        // of the images; "" for none
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
			BoxesNote: p.Text("Boxes are left, top, right and bottom in pixels."),
		})
	})
}

// view is the page with the words of its language.
type view struct {
	Page
	Language, Now                                      string
	All, None, NoVerdict, ScoreWord, Filter, BoxesNote string
}

// Count is how many images have a verdict.
func (v view) Count(verdict hacarus.Verdict) (n int) {
	for _, i := range v.Images {
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
