package judge

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// drawn is a room in which a person has drawn a box, beside that of the model.
func drawn(t *testing.T) (room, *Image) {
	t.Helper()
	r := newRoom(t)
	image := r.image(t)
	require.NoError(t, r.Add(image, Judgement{ID: "1", By: "Sato", Verdict: hacarus.VerdictNG, Note: "scratch", Boxes: [][4]int{{1, 2, 3, 4}, {5, 6, 7, 8}}}))
	return r, image
}

func (r room) annotations(t *testing.T) []hacarus.Annotation {
	t.Helper()
	item, err := r.service.Client().GetItem(t.Context(), "item-1", nil)
	require.NoError(t, err)
	if item.UserAssessment == nil {
		return nil
	}
	return item.UserAssessment.Annotations
}

// The service gets what a person drew, once, and not the model's boxes back.
func TestSend(t *testing.T) {
	t.Parallel()
	r, image := drawn(t)
	lines, err := r.Send(t.Context(), *image, false)
	require.NoError(t, err)
	require.Equal(t, []record.SendingState{record.SendingUnknown, record.SendingDone}, []record.SendingState{lines[0].State, lines[1].State})
	sent := r.annotations(t)
	require.Len(t, sent, 1)
	require.Equal(t, "Sato: scratch", sent[0].Notes)
	require.Equal(t, [4]float64{5, 6, 7, 8}, [4]float64{*sent[0].XMin, *sent[0].YMin, *sent[0].XMax, *sent[0].YMax})

	again := r.image(t)
	require.Equal(t, 1, again.Sent())
	lines, err = r.Send(t.Context(), *again, true)
	require.NoError(t, err)
	require.Empty(t, lines)
	require.NoError(t, r.Undo(again, "Sato", len(again.Entries)))
	require.Empty(t, again.Drawn())
	require.Equal(t, 1, again.Sent(), "the service keeps them")
	require.NoError(t, r.Add(again, Judgement{ID: "1", By: "Ito", Verdict: hacarus.VerdictNG, Boxes: [][4]int{{5, 6, 7, 8}, {9, 9, 10, 10}}}))
	_, err = r.Send(t.Context(), *again, false)
	require.NoError(t, err)
	require.Len(t, r.annotations(t), 2)
}

// A refusal leaves the boxes to be sent later.
func TestSendRefused(t *testing.T) {
	t.Parallel()
	r, image := drawn(t)
	r.service.Inject("annotate", hacarustest.Status(http.StatusUnprocessableEntity, nil, `{}`))
	_, err := r.Send(t.Context(), *image, false)
	require.ErrorIs(t, err, hacarus.ErrUnprocessable)
	again := r.image(t)
	require.Equal(t, record.SendingFailed, again.Sendings[1].State)
	require.NotEmpty(t, again.Sendings[1].Error)
	unsent, unknown := again.Unsent()
	require.Len(t, unsent, 1)
	require.Empty(t, unknown)
	_, err = r.Send(t.Context(), *again, false)
	require.NoError(t, err)
	require.Len(t, r.annotations(t), 1)
}

// Where a response was lost, the boxes are looked for before anybody sends them again.
func TestSendLost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault hacarustest.Fault
		there bool
	}{
		"executed": {hacarustest.CloseConnection(), true},
		"not":      {hacarustest.CloseConnection().Before(), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, image := drawn(t)
			r.service.Inject("annotate", c.fault)
			_, err := r.Send(t.Context(), *image, false)
			require.ErrorIs(t, err, hacarus.ErrOutcomeUnknown)
			_, unknown := r.image(t).Unsent()
			require.Len(t, unknown, 1, "after a restart too")
			_, err = r.Send(t.Context(), *r.image(t), false)
			if c.there {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, ErrMaybeSent)
				require.Empty(t, r.annotations(t), "not without being told to")
				_, err = r.Send(t.Context(), *r.image(t), true)
				require.NoError(t, err)
			}
			require.Len(t, r.annotations(t), 1)
			require.Equal(t, 1, r.image(t).Sent())
		})
	}
}

// Boxes of which it is not known do not hold up those that were drawn later.
func TestSendNewBoxesBesideUnknown(t *testing.T) {
	t.Parallel()
	r, image := drawn(t)
	r.service.Inject("annotate", hacarustest.CloseConnection().Before())
	_, err := r.Send(t.Context(), *image, false)
	require.ErrorIs(t, err, hacarus.ErrOutcomeUnknown)
	image = r.image(t)
	require.NoError(t, r.Add(image, Judgement{ID: "1", By: "Sato", Verdict: hacarus.VerdictNG, Boxes: [][4]int{{5, 6, 7, 8}, {9, 9, 10, 10}}}))
	_, err = r.Send(t.Context(), *image, false)
	require.ErrorIs(t, err, ErrMaybeSent)
	require.Len(t, r.annotations(t), 1)
	unsent, unknown := r.image(t).Unsent()
	require.Empty(t, unsent)
	require.Equal(t, [][4]int{{5, 6, 7, 8}}, unknown)
}

// An interruption between the two lines is an outcome that nobody knows.
func TestSendInterrupted(t *testing.T) {
	t.Parallel()
	r, image := drawn(t)
	require.NoError(t, r.record.Append(record.Sending{Image: "1", Boxes: [][4]int{{5, 6, 7, 8}}, State: record.SendingUnknown}))
	_, err := r.Send(t.Context(), *r.image(t), false)
	require.ErrorIs(t, err, ErrMaybeSent)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = r.Send(ctx, *image, false)
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, r.service.Executions("annotate"))
}

func TestSendWithoutConnection(t *testing.T) {
	t.Parallel()
	r, image := drawn(t)
	_, err := New(r.record, nil).Send(t.Context(), *image, false)
	require.ErrorIs(t, err, ErrNoConnection)
	for i := range image.Entries {
		image.Entries[i].ItemID = ""
	}
	_, err = r.Send(t.Context(), *image, false)
	require.ErrorContains(t, err, "no item")
	require.Zero(t, r.service.Executions("annotate"))
}

// Boxes that are drawn on a picture which the camera has noted to lie on its side, and
// which the service has as it lies, are sent as the service has it, and known again there.
func TestSendBoxesOfATurnedPicture(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	plate, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "testdata", "plates", "inspect", "OK-01.jpg"))
	require.NoError(t, err)
	lying := testkit.OnItsSide(plate) // 256 by 192 pixels as they are stored
	r.service.AddItem(hacarus.Item{ItemID: "item-2"}, lying)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "2.jpg"), lying, 0o600))
	image := &Image{Entries: []record.Entry{{ID: "2", File: "2.jpg", Dir: dir, SHA256: sumOf(lying), ItemID: "item-2", By: record.Model}}}
	require.NoError(t, r.Add(image, Judgement{ID: "2", By: "Sato", Verdict: hacarus.VerdictNG, Boxes: [][4]int{{142, 10, 172, 30}}}))

	r.service.Inject("annotate", hacarustest.CloseConnection())
	lines, err := r.Send(t.Context(), *image, false)
	require.ErrorIs(t, err, hacarus.ErrOutcomeUnknown)
	item, err := r.service.Client().GetItem(t.Context(), "item-2", nil)
	require.NoError(t, err)
	box, ok := item.UserAssessment.Annotations[0].Rect()
	require.True(t, ok)
	require.Equal(t, [4]int{10, 20, 30, 50}, record.Box(box))

	image.Sendings = lines
	lines, err = r.Send(t.Context(), *image, false)
	require.NoError(t, err)
	require.Equal(t, record.SendingDone, lines[0].State)
}

// A page of a proxy that is called a success is none: the boxes are looked for, and not
// taken to be there.
func TestSendToAProxysPage(t *testing.T) {
	t.Parallel()
	r, image := drawn(t)
	r.service.Inject("annotate", hacarustest.Status(http.StatusOK, http.Header{"Content-Type": {"text/html"}}, "<html>Log in</html>"))
	lines, err := r.Send(t.Context(), *image, false)
	require.Error(t, err)
	require.Equal(t, record.SendingUnknown, lines[len(lines)-1].State)
	_, err = r.Send(t.Context(), *r.image(t), false)
	require.ErrorIs(t, err, ErrMaybeSent)
	_, err = r.Send(t.Context(), *r.image(t), true)
	require.NoError(t, err)
	require.Len(t, r.annotations(t), 1)
}
