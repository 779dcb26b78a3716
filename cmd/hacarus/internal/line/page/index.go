package page

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
)

//go:embed assets
var embedded embed.FS

// assets are what browsers load, and their version: a page that has stayed open
// while the program was replaced loads them anew.
var assets, assetsVersion = versioned(embedded)

func versioned(from embed.FS) (fs.FS, string) {
	files, err := fs.Sub(from, "assets")
	if err != nil {
		panic(err) // it is embedded
	}
	hash := sha256.New()
	err = fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		hash.Write([]byte(name))
		hash.Write(content)
		return err
	})
	if err != nil {
		panic(err)
	}
	return files, hex.EncodeToString(hash.Sum(nil)[:6])
}

var (
	indexPage   = parse("index.html")
	refusedPage = parse("refused.html")
)

func parse(name string) *template.Template {
	return template.Must(template.New(name).Option("missingkey=error").ParseFS(assets, name))
}

// languageCookie keeps the language that somebody has chosen.
const languageCookie = "hacarus_line_language"

// view is what the templates show.
type view struct {
	Title    string
	Language language.Language
	Words    map[string]string
	Static   string // the folder of the assets
	MayJudge bool
	Config   config
}

// config is what the script has to know.
type config struct {
	Language string            `json:"language"`
	Version  string            `json:"version"`
	Stale    int64             `json:"stale"` // milliseconds
	Beat     int64             `json:"beat"`  // milliseconds
	MayJudge bool              `json:"mayJudge"`
	Kept     int               `json:"kept"`
	Words    map[string]string `json:"words"`
}

func (page *Page) index(w http.ResponseWriter, r *http.Request) {
	page.show(w, r, indexPage, http.StatusOK)
}

// refuse is for who has no token: a page where a person looks, else a line.
func (page *Page) refuse(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" {
		page.show(w, r, refusedPage, http.StatusForbidden)
		return
	}
	http.Error(w, "looking needs the page's token", http.StatusForbidden)
}

func (page *Page) show(w http.ResponseWriter, r *http.Request, shown *template.Template, status int) {
	chosen := languageOf(r)
	if asked := r.URL.Query().Get("lang"); asked != "" {
		//nolint:gosec // on http there is no cookie for https only
		http.SetCookie(w, &http.Cookie{
			Name: languageCookie, Value: string(chosen), MaxAge: int((365 * 24 * time.Hour).Seconds()),
			HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteLaxMode,
		})
	}
	words, mayJudge := wordsOf(chosen), page.mayJudge(r)
	v := view{
		Title: cmp.Or(page.opts.Title, words["title"]), Language: chosen, Words: words, Static: "static/" + assetsVersion, MayJudge: mayJudge,
		Config: config{
			Language: string(chosen), Version: page.version, Stale: page.opts.Stale.Milliseconds(), Beat: page.beat.Milliseconds(),
			MayJudge: mayJudge, Kept: keptImages, Words: words,
		},
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	if err := shown.Execute(w, v); err != nil {
		page.opts.Logger.Debug("the page was not sent", "error", err)
	}
}

// languageOf is what the address asks for, then what was chosen earlier, then what
// the browser wishes.
func languageOf(r *http.Request) language.Language {
	wishes := []string{r.URL.Query().Get("lang")}
	if cookie, err := r.Cookie(languageCookie); err == nil {
		wishes = append(wishes, cookie.Value)
	}
	for wish := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		wishes = append(wishes, strings.TrimSpace(wish))
	}
	return language.Choose(wishes...)
}

// static serves the assets. Their folder is their version, so that browsers need
// not ask again.
func (page *Page) static(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	content, err := fs.ReadFile(assets, name)
	if err != nil || path.Ext(name) == ".html" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	if r.PathValue("version") == assetsVersion {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, _ = w.Write(content) // the browser may have gone
}
