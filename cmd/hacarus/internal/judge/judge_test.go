package judge

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// room is a record with an image that a model has judged, and a service that has
// its item.
type room struct {
	*Judge
	path    string
	record  *record.Record
	service *hacarustest.Server
}

func newRoom(t *testing.T) room {
	t.Helper()
	path := filepath.Join(t.TempDir(), "record.jsonl")
	r, err := record.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	require.NoError(t, r.Append(record.Entry{
		ID: "1", Time: time.Unix(1, 0).UTC(), File: "1.png", ItemID: "item-1", Verdict: "NG",
		Score: new(0.5), Boxes: [][4]int{{1, 2, 3, 4}}, By: record.Model, Model: "m",
	}))
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	s.AddItem(hacarus.Item{ItemID: "item-1"})
	client := s.Client(hacarus.WithRetry(hacarus.RetryPolicy{MaxAttempts: 1}))
	return room{New(r, client), path, r, s}
}

// image reads the image anew, as another run of the program would.
func (r room) image(t *testing.T) *Image {
	t.Helper()
	var image Image
	for line, err := range record.NewTail(r.path).Lines(nil) {
		require.NoError(t, err)
		image.Add(line)
	}
	return &image
}

func TestJudgementIsALine(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	image := r.image(t)
	require.False(t, image.Judged())
	require.NoError(t, r.Add(image, Judgement{ID: "1", By: " 佐藤 ", Verdict: hacarus.VerdictOK, Note: "dust\n", Seen: 1}))
	require.Equal(t, image, r.image(t), "what is in memory is what is on the disk")
	e := image.Last()
	require.Equal(t, []any{"佐藤", "OK", "dust", "item-1", "m", new(0.5), [][4]int{}}, []any{e.By, e.Verdict, e.Note, e.ItemID, e.Model, e.Score, e.Boxes})
	require.True(t, image.Judged())
	require.True(t, e.Time.After(image.Entries[0].Time))
}

func TestRefusedJudgements(t *testing.T) {
	t.Parallel()
	good := Judgement{ID: "1", By: "Sato", Verdict: hacarus.VerdictNG}
	for message, spoil := range map[string]func(*Judgement){
		"needs the name":      func(j *Judgement) { j.By = " \t" },
		"not a person's name": func(j *Judgement) { j.By = "Model" },
		"at most 100":         func(j *Judgement) { j.By = strings.Repeat("名", 101) },
		"can be seen":         func(j *Judgement) { j.By = "Sa\x1bto" },
		"OK, NG or unknown":   func(j *Judgement) { j.Verdict = "ok" },
		"at most 2000":        func(j *Judgement) { j.Note = strings.Repeat("x", 2001) },
		"at most 1000":        func(j *Judgement) { j.Boxes = make([][4]int, 1001) },
		"not a box":           func(j *Judgement) { j.Boxes = [][4]int{{0, 0, 0, 5}} },
		"left -1":             func(j *Judgement) { j.Boxes = [][4]int{{-1, 0, 4, 5}} },
		"no such image":       func(j *Judgement) { j.ID = "2" },
		"in the meantime":     func(j *Judgement) { j.Seen = 2 },
	} {
		r := newRoom(t)
		image, spoiled := r.image(t), good
		spoil(&spoiled)
		require.ErrorContains(t, r.Add(image, spoiled), message)
		require.Len(t, r.image(t).Entries, 1, "nothing is written")
	}
	require.ErrorContains(t, newRoom(t).Add(&Image{}, good), "no such image")
}

// Of two people who judge the same image at the same time, the second is told.
func TestOvertaken(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	image := r.image(t)
	const seen = 1
	require.NoError(t, r.Add(image, Judgement{ID: "1", By: "Sato", Verdict: hacarus.VerdictNG, Seen: seen}))
	require.ErrorIs(t, r.Add(image, Judgement{ID: "1", By: "Ito", Verdict: hacarus.VerdictOK, Seen: seen}), ErrOvertaken)
	require.ErrorIs(t, r.Undo(image, "Ito", seen), ErrOvertaken)
	require.Equal(t, "Sato", r.image(t).Last().By)
}

// An undo is a line too, after which what was before holds again.
func TestUndo(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	image := r.image(t)
	require.ErrorIs(t, r.Undo(image, "Sato", 0), ErrNothingToUndo)
	require.NoError(t, r.Add(image, Judgement{ID: "1", By: "Sato", Verdict: hacarus.VerdictOK, Note: "dust"}))
	require.NoError(t, r.Add(image, Judgement{ID: "1", By: "Ito", Verdict: hacarus.VerdictUnknown}))
	require.ErrorContains(t, r.Undo(image, "", 0), "needs the name")
	require.NoError(t, r.Undo(image, "Ito", 3))
	require.Equal(t, []string{"OK", "Ito"}, []string{image.Last().Verdict, image.Last().By})
	require.True(t, image.Judged())
	require.Equal(t, []string{"Sato", "dust"}, []string{image.Holding().By, image.Holding().Note})
	require.NoError(t, r.Undo(image, "Ito", 0))
	require.Equal(t, "NG", image.Last().Verdict)
	require.Equal(t, [][4]int{{1, 2, 3, 4}}, image.Last().Boxes)
	require.False(t, image.Judged())
	require.ErrorIs(t, r.Undo(image, "Ito", 0), ErrNothingToUndo)
	again := r.image(t)
	require.Len(t, again.Entries, 5)
	require.False(t, again.Judged())
	require.NoError(t, r.Add(image, Judgement{ID: "1", By: "Ito", Verdict: hacarus.VerdictNG}))
	require.True(t, r.image(t).Judged())
}

// A line is later than the one before it, even if the clock was set back.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.now = func() time.Time { return time.Unix(0, 0) }
	image := r.image(t)
	require.NoError(t, r.Add(image, Judgement{ID: "1", By: "Sato", Verdict: hacarus.VerdictOK}))
	require.True(t, image.Last().Time.After(image.Entries[0].Time))
}

// A name is what people see of it: nothing in it hides, and nothing turns the others.
func TestNamesOfPeople(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"佐藤 花子", "佐藤　花子", "O’Brien", "Zoë", "辻󠄀"} {
		got, err := CheckName(" " + name + " ")
		require.NoError(t, err)
		require.Equal(t, name, got)
	}
	for _, name := range []string{"", " ", "model", "a\nb", "a\u202eb", "a\u200bb", "a\u2028b", "\xff", "\u0301", "\u3000\u0301", strings.Repeat("x", 101)} {
		_, err := CheckName(name)
		require.Error(t, err, "%q", name)
	}
}
