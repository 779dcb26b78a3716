package hacarustest_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// manifestOf lists files as the images of one model.
func manifestOf(t *testing.T, files ...string) []byte {
	t.Helper()
	type image struct {
		Name string `json:"name"`
		File string `json:"file"`
	}
	var images []image
	for n, file := range files {
		images = append(images, image{fmt.Sprintf("%d.png", n), file})
	}
	raw, err := json.Marshal([]map[string]any{{"model": map[string]string{"name": "plates"}, "images": images}})
	require.NoError(t, err)
	return raw
}

// archiveOf packs files under a manifest.
func archiveOf(t *testing.T, manifest []byte, content []byte, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, file := range files {
		f, err := w.Create(file)
		require.NoError(t, err)
		_, err = f.Write(content)
		require.NoError(t, err)
	}
	f, err := w.Create("models.json")
	require.NoError(t, err)
	_, err = f.Write(manifest)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// TestArchivesLeaveNoFile: what the files of an archive are called makes no
// file anywhere.
func TestArchivesLeaveNoFile(t *testing.T) {
	root := t.TempDir()
	work := filepath.Join(root, "a", "b")
	require.NoError(t, os.MkdirAll(work, 0o700))
	t.Chdir(work)
	s := start(t)
	c := s.Client()
	for _, name := range []string{
		"../slip", "../../slip", "a/../../slip", "/slip", `..\slip`, `a\..\..\slip`, `C:\slip`, "./slip",
	} {
		_, err := c.ImportModels(t.Context(), hacarus.FileFromBytes("models.zip", archiveOf(t, manifestOf(t, name), plate(180), name)))
		if err != nil {
			require.ErrorIs(t, err, hacarus.ErrUnprocessable, name)
		}
	}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		require.True(t, err != nil || entry.IsDir(), path)
		return err
	}))
}

// TestBombs: an archive is refused when it unpacks to far more than it is.
func TestBombs(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "many megabytes are read, by one goroutine")
	many := make([]string, 16)
	for n := range many {
		many[n] = fmt.Sprint(n)
	}
	same := make([]string, 16)
	for n := range same {
		same[n] = "0"
	}
	spaces := bytes.Repeat([]byte(" "), 1<<20)
	for name, archive := range map[string][]byte{
		"one large file":     archiveOf(t, manifestOf(t, "0"), bytes.Repeat(spaces, 16), "0"),
		"many files":         archiveOf(t, manifestOf(t, many...), spaces, many...),
		"one file, often":    archiveOf(t, manifestOf(t, same...), spaces, "0"),
		"the list of models": archiveOf(t, append(manifestOf(t), bytes.Repeat(spaces, 16)...), nil),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			_, err := s.Client().ImportModels(t.Context(), hacarus.FileFromBytes("models.zip", archive))
			require.ErrorIs(t, err, hacarus.ErrUnprocessable)
			require.Zero(t, s.Executions("importModels"))
		})
	}
}

// A model of AddModel says of the same image what it said before its export; a
// model whose training failed fails again.
func TestExportOfModelsWithoutImages(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		opts    []hacarustest.Option
		verdict hacarus.Verdict
	}{
		"pattern matching cannot be trained with nothing": {nil, hacarus.VerdictOK},
		"an inspector that can":                           {[]hacarustest.Option{hacarustest.WithInspector(hacarustest.InspectorFunc(byBrightness))}, hacarus.VerdictNG},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			s := start(t, test.opts...)
			s.AddModel(hacarus.Model{ModelID: "m"})
			c := s.Client()
			imported := exportAndImport(t, c, "m")
			modelWith(ctx, t, c, imported, hacarus.ModelStatusActive)
			again := exportAndImport(t, c, imported)
			modelWith(ctx, t, c, again, hacarus.ModelStatusActive)
			s.AddItem(hacarus.Item{ItemID: "dark"}, plate(0))
			for _, id := range []string{"m", imported, again} {
				_, err := c.PredictItems(ctx, id, "dark")
				require.NoError(t, err)
				require.Equal(t, test.verdict, itemDone(ctx, t, c, "dark").Verdict(id))
			}
		})
	}
	t.Run("a failed training", func(t *testing.T) {
		t.Parallel()
		c := start(t).Client()
		m, err := c.Train(t.Context(), "PM", hacarus.TrainRequest{})
		require.NoError(t, err)
		modelWith(t.Context(), t, c, m.ModelID, hacarus.ModelStatusFailed)
		modelWith(t.Context(), t, c, exportAndImport(t, c, m.ModelID), hacarus.ModelStatusFailed)
	})
}

func exportAndImport(t *testing.T, c *hacarus.Client, id string) string {
	t.Helper()
	d, err := c.ExportModels(t.Context(), id)
	require.NoError(t, err)
	defer d.Close()
	archive, err := io.ReadAll(d)
	require.NoError(t, err)
	models, err := c.ImportModels(t.Context(), hacarus.FileFromBytes("models.zip", archive))
	require.NoError(t, err)
	require.Len(t, models, 1)
	return models[0].ModelID
}
