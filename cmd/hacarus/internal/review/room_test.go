package review

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/judge"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/period"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// room is a review of plates that a model has judged yesterday.
type room struct {
	*server
	dir     string // with the plates
	path    string // of the record
	service *hacarustest.Server
	address string // of the page, as http://HOST:PORT
	cancel  context.CancelFunc
}

// plates are what the model of the room says of the plates, in the order of the record.
var plates = []record.Entry{
	{ID: "ok-1", File: "OK-01.jpg", Verdict: "OK", Score: new(0.02)},
	{ID: "ng-1", File: "NG-01-scratch.jpg", Verdict: "NG", Score: new(0.93), Boxes: [][4]int{{70, 52, 181, 97}}, Lot: "A-17", Serial: "000123", Station: "line 7"},
	{ID: "ng-3", File: "NG-03-dent.jpg", Verdict: "NG", Score: new(0.41), Boxes: [][4]int{{100, 80, 140, 120}, {20, 20, 60, 50}}},
	{ID: "none", File: "OK-02.jpg", Verdict: "unknown", Error: new("no verdict within 10m0s")},
	{ID: "ok-3", File: "OK-03.jpg", Verdict: "OK", Score: new(0.14)},
	{ID: "gone", File: "NG-05-stain.jpg", Verdict: "NG", Score: new(0.5), Boxes: [][4]int{{10, 10, 30, 30}}},
}

// newRoom makes a review; connected says whether the service can be reached.
func newRoom(t *testing.T, connected bool) *room {
	t.Helper()
	dir := t.TempDir()
	r := &room{dir: dir, path: filepath.Join(dir, "record.jsonl"), service: hacarustest.NewServer()}
	t.Cleanup(r.service.Close)
	own, err := record.Open(r.path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = own.Close() })
	yesterday := time.Now().AddDate(0, 0, -1).Truncate(time.Second)
	for n, e := range plates {
		content := plate(t, e.File)
		sum := sha256.Sum256(content)
		e.Time, e.Dir, e.By, e.Model, e.Version, e.ItemID = yesterday.Add(time.Duration(n)*time.Second).UTC(), dir, record.Model, "plates", "3", "item-"+e.ID
		e.SHA256, e.Size = hex.EncodeToString(sum[:]), int64(len(content))
		require.NoError(t, own.Append(e))
		r.service.AddItem(hacarus.Item{ItemID: e.ItemID}, content)
		if e.ID != "gone" {
			require.NoError(t, os.WriteFile(filepath.Join(dir, e.File), content, 0o600))
		}
	}
	var client *hacarus.Client
	if connected {
		client = r.service.Client(hacarus.WithRetry(hacarus.RetryPolicy{MaxAttempts: 1}))
	}
	b := newBook(r.path, judge.New(own, client), period.Period{}, new(0.1))
	_, err = b.refresh()
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not block
	require.NoError(t, err)
	r.server = newServer(program.NewFor(io.Discard, io.Discard, output.Table), b, listener.Addr())
	r.address = "http://" + listener.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel = cancel
	done := make(chan error, 1)
	go func() { done <- r.serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
	})
	return r
}

func plate(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "testdata", "plates", "inspect", name))
	require.NoError(t, err)
	return content
}

// image is what the record says of an image, read anew.
func (r *room) image(t *testing.T, id string) *judge.Image {
	t.Helper()
	var image judge.Image
	for line, err := range record.NewTail(r.path).Lines(nil) {
		require.NoError(t, err)
		if line.Entry != nil && line.Entry.ID == id || line.Sending != nil && line.Sending.Image == id {
			image.Add(line)
		}
	}
	return &image
}

// annotations are those that the service has of an image.
func (r *room) annotations(t *testing.T, id string) []hacarus.Annotation {
	t.Helper()
	item, err := r.service.Client().GetItem(t.Context(), "item-"+id, nil)
	require.NoError(t, err)
	if item.UserAssessment == nil {
		return nil
	}
	return item.UserAssessment.Annotations
}
