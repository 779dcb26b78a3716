package review

import (
	"bytes"
	"encoding/json"
	"image"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/judge"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/period"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// say adds a judgement to a room's record.
func (r *room) say(t *testing.T, id, by, verdict string, boxes ...[4]int) {
	t.Helper()
	own, err := record.Open(r.path)
	require.NoError(t, err)
	defer func() { require.NoError(t, own.Close()) }()
	e := r.image(t, id).Last()
	e.By, e.Verdict, e.Boxes, e.Note, e.Time = by, verdict, boxes, "why", e.Time.Add(time.Minute)
	require.NoError(t, own.Append(e))
}

// exportOf exports a room's record with a service, or without one.
func (r *room) exportOf(t *testing.T, write func(*exporter, *testing.T, []record.Entry) error, out string) *exported {
	t.Helper()
	entries, unjudged, err := judged(r.path, period.Period{})
	require.NoError(t, err)
	res := &exported{Out: out, Unjudged: unjudged}
	p := program.NewFor(io.Discard, io.Discard, output.Table)
	require.NoError(t, write(&exporter{p, r.book.judge, out, res}, t, entries))
	return res
}

func asCOCO(e *exporter, t *testing.T, entries []record.Entry) error { //nolint:thelper // it is a form of an export
	return e.writeCOCO(t.Context(), entries)
}

func asFolders(e *exporter, t *testing.T, entries []record.Entry) error { //nolint:thelper // it is a form of an export
	return e.writeFolders(t.Context(), entries)
}

// The file is what the format's definition says, and holds together.
func TestCOCO(t *testing.T) {
	t.Parallel()
	r := newRoom(t, true)
	r.say(t, "ok-1", "Sato", "OK", [4]int{1, 1, 5, 5}) // boxes of an OK image are no defects
	r.say(t, "ng-1", "Sato", "NG", [4]int{70, 52, 181, 97}, [4]int{200, 100, 9999, 9999})
	r.say(t, "ng-3", "Sato", "NG", [4]int{8888, 8888, 9999, 9999}) // nowhere
	r.say(t, "none", "Sato", "unknown")
	r.say(t, "gone", "Sato", "NG", [4]int{10, 10, 30, 30})
	out := filepath.Join(t.TempDir(), "coco")
	res := r.exportOf(t, asCOCO, out)
	require.Equal(t, &exported{Out: out, Good: 1, Bad: 2, Unknown: 1, Unjudged: 1, Boxless: 1}, res)

	raw, err := os.ReadFile(filepath.Join(out, "annotations.json"))
	require.NoError(t, err)
	var set struct {
		Info   map[string]any
		Images []struct {
			ID            int
			Width, Height int
			FileName      string `json:"file_name"`
		}
		Annotations []struct {
			ID           int
			ImageID      int `json:"image_id"`
			CategoryID   int `json:"category_id"`
			BBox         []int
			Area         int
			IsCrowd      *int
			Segmentation [][]int
		}
		Categories []struct {
			ID   int
			Name string
		}
	}
	require.NoError(t, json.Unmarshal(raw, &set))
	require.Len(t, set.Images, 3)
	require.Len(t, set.Categories, 1)
	images := map[int]image.Rectangle{}
	for _, i := range set.Images {
		content, err := os.ReadFile(filepath.Join(out, "images", i.FileName))
		require.NoError(t, err)
		config, err := jpeg.DecodeConfig(bytes.NewReader(content))
		require.NoError(t, err)
		require.Equal(t, [2]int{config.Width, config.Height}, [2]int{i.Width, i.Height})
		require.NotContains(t, images, i.ID)
		images[i.ID] = image.Rect(0, 0, i.Width, i.Height)
	}
	seen := map[int]bool{}
	for _, a := range set.Annotations {
		require.False(t, seen[a.ID])
		seen[a.ID] = true
		box := image.Rect(a.BBox[0], a.BBox[1], a.BBox[0]+a.BBox[2], a.BBox[1]+a.BBox[3])
		require.True(t, box.In(images[a.ImageID]), "%v", a.BBox)
		require.Equal(t, a.BBox[2]*a.BBox[3], a.Area)
		require.Positive(t, a.Area)
		require.Zero(t, *a.IsCrowd)
		require.Len(t, a.Segmentation[0], 8)
		require.Equal(t, set.Categories[0].ID, a.CategoryID)
	}
	require.Len(t, seen, 3)
	require.Equal(t, []int{70, 52, 111, 45}, set.Annotations[0].BBox)
}

// What was taken back is not exported, and who judged is who did before.
func TestExportAfterUndo(t *testing.T) {
	t.Parallel()
	r := newRoom(t, false)
	r.say(t, "ng-1", "Sato", "OK")
	_, err := r.book.refresh()
	require.NoError(t, err)
	undo := func(id string) {
		_, err := r.book.change("en", id, func(i *judge.Image) error { return r.book.judge.Undo(i, "Ito", 0) })
		require.NoError(t, err)
	}
	r.say(t, "ng-1", "Ito", "NG")
	undo("ng-1")
	r.say(t, "ng-3", "Ito", "OK")
	undo("ng-3")
	entries, unjudged, err := judged(r.path, period.Period{})
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, []any{"ng-1", "OK", "Sato", "why"}, []any{entries[0].ID, entries[0].Verdict, entries[0].By, entries[0].Note})
	require.Equal(t, 5, unjudged)
}

// Images of one name do not take each other's place, and neither does another file that has
// taken an image's.
func TestNamesOfExports(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"a-1.png", "A-2.PNG", "b.png", "検査.png", "a-1-5.png"}, names([]record.Entry{
		{ID: "1", File: "a.png"}, {ID: "2", File: "A.PNG"}, {ID: "3", File: "../b.png"}, {ID: "4", File: "検査.png"},
		{ID: "5", File: "a-1.png"},
	}))
	r := newRoom(t, false)
	r.say(t, "ng-1", "Sato", "NG", [4]int{1, 1, 5, 5})
	r.say(t, "ok-1", "Sato", "OK")
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "OK-01.jpg"), plate(t, "NG-03-dent.jpg"), 0o600))
	out := filepath.Join(t.TempDir(), "out")
	res := r.exportOf(t, asFolders, out)
	require.Equal(t, 1, res.Bad)
	require.Zero(t, res.Good)
	require.Len(t, res.Missing, 1)
	require.NoFileExists(t, filepath.Join(out, "good", "OK-01.jpg"))
}

// An image that is not on the disk any more comes from the service, if that has the same file.
func TestExportFromTheService(t *testing.T) {
	t.Parallel()
	r := newRoom(t, true)
	r.say(t, "gone", "Sato", "NG")
	out := filepath.Join(t.TempDir(), "out")
	res := r.exportOf(t, asFolders, out)
	require.Empty(t, res.Missing)
	content, err := os.ReadFile(filepath.Join(out, "bad", "NG-05-stain.jpg"))
	require.NoError(t, err)
	require.Equal(t, plate(t, "NG-05-stain.jpg"), content)

	raw, err := os.ReadFile(r.path)
	require.NoError(t, err)
	last := r.image(t, "gone").Last()
	require.NoError(t, os.WriteFile(r.path, []byte(strings.ReplaceAll(string(raw), last.SHA256, strings.Repeat("0", 64))), 0o600))
	res = r.exportOf(t, asFolders, filepath.Join(t.TempDir(), "other"))
	require.Len(t, res.Missing, 1)
	require.Contains(t, res.Missing[0].Error, "another file")
}

// Names that several images have stay names that a disk takes.
func TestNamesOfImagesWithLongNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("検", 83) + ".jpg" // 253 bytes
	got := names([]record.Entry{{ID: strings.Repeat("1", 24), File: long}, {ID: strings.Repeat("2", 24), File: long}, {ID: "3", File: "x.jpg"}})
	require.NotEqual(t, got[0], got[1])
	require.Equal(t, "x.jpg", got[2])
	for _, name := range got {
		require.LessOrEqual(t, len(name), 255)
		require.True(t, utf8.ValidString(name))
		require.Equal(t, ".jpg", filepath.Ext(name))
	}
}
