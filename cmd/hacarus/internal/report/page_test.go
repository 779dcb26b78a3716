package report

import (
	"bytes"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/outdir"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

func saved(t *testing.T, page Page) string {
	t.Helper()
	dir := t.TempDir()
	folder, err := outdir.Open(dir, nil)
	require.NoError(t, err)
	defer folder.Close()
	require.NoError(t, page.Save(program.NewFor(io.Discard, io.Discard, output.Table), folder))
	text, err := os.ReadFile(filepath.Join(dir, PageName))
	require.NoError(t, err)
	return string(text)
}

// Names and words of the service are text, whatever they are; nothing is fetched
// from elsewhere, and each picture says what it shows.
func TestPage(t *testing.T) {
	t.Parallel()
	const evil = `<script>alert(1)</script>" onerror="x`
	text := saved(t, Page{
		Title: evil, Lines: []string{evil},
		Sections: []Section{
			{Filter: true, Images: []Image{
				{File: "a/" + evil + ".png", Verdict: hacarus.VerdictNG, Score: "0.9", Boxes: []string{"(1,2)-(3,4)"}, Picture: "pictures/0001-a.jpg", HeatMap: "pictures/0001-a-heat.jpg"},
				{File: "b.png", Verdict: hacarus.VerdictUnknown, Error: evil, Note: evil},
			}},
			{Heading: evil, Images: []Image{{File: "c.png", Verdict: hacarus.VerdictOK, Picture: "pictures/0003-c.jpg"}}},
		},
	})
	require.NotContains(t, text, "<script")
	require.NotContains(t, text, `" onerror`)
	require.NotRegexp(t, `(src|href|url)=?[("']+(https?:)?//`, text)
	images := regexp.MustCompile(`<img [^>]*alt="([^"]+)"`).FindAllStringSubmatch(text, -1)
	require.Len(t, images, strings.Count(text, "<img"))
	require.Equal(t, "a/"+evil+".png: NG", html.UnescapeString(images[0][1]))
	require.Equal(t, "c.png: OK", images[2][1])
	require.Contains(t, text, `id="heat"`)
	require.Contains(t, text, `id="only-unknown"`)
	require.Contains(t, text, "<b>2</b>all", "those that can be filtered")

	plain := saved(t, Page{Sections: []Section{{Filter: true}}})
	require.NotContains(t, plain, `id="heat"`)
	require.NotContains(t, plain, "<fieldset>")
	require.Contains(t, plain, "none")
}

// Each picture is drawn with and without its heat map. A heat map that is not there
// any more costs nothing else.
func TestDraw(t *testing.T) {
	t.Parallel()
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	client := s.Client()
	s.AddModel(hacarus.Model{ModelID: "m"})
	plate := filepath.Join("..", "..", "..", "..", "testdata", "plates", "inspect", "OK-01.jpg")
	item := func(url string) *hacarus.Item {
		return &hacarus.Item{Assessments: []hacarus.Assessment{{ModelID: "m", Label: hacarus.LabelNG, Images: []hacarus.ImageMeta{{URL: url}}}}}
	}
	heat := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/gone" {
			http.NotFound(w, r)
			return
		}
		http.ServeFile(w, r, plate)
	}))
	t.Cleanup(heat.Close)
	dir := t.TempDir()
	folder, err := outdir.Open(dir, nil)
	require.NoError(t, err)
	defer folder.Close()
	var told bytes.Buffer
	images := []Image{
		{File: plate, Item: item(heat.URL + "/heat")}, {File: plate, Item: item(heat.URL + "/gone")},
		{File: plate, Item: &hacarus.Item{}}, {File: plate}, {File: "nowhere.png", Item: item(heat.URL + "/heat")},
	}
	p := program.NewFor(io.Discard, &told, output.Table)
	require.NoError(t, Draw(t.Context(), p, folder, client, images))
	var names []string
	for _, i := range images {
		names = append(names, i.Picture, i.HeatMap)
	}
	require.Equal(t, []string{
		"pictures/0001-OK-01.jpg", "pictures/0001-OK-01-heat.jpg", "pictures/0002-OK-01.jpg", "",
		"pictures/0003-OK-01.jpg", "", "pictures/0004-OK-01.jpg", "", "", "",
	}, names)
	for _, name := range names {
		if name != "" {
			require.FileExists(t, filepath.Join(dir, filepath.FromSlash(name)))
		}
	}
	require.Contains(t, told.String(), "there is no heat map")
	require.Contains(t, told.String(), "nowhere.png: there is no picture")

	images = []Image{{File: plate, Item: item(heat.URL + "/heat")}}
	require.NoError(t, Draw(t.Context(), p, folder, nil, images))
	require.Empty(t, images[0].HeatMap, "nobody wanted one")
}
