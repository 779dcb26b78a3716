package judge

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// An image is where it went, where it came from, or in the service, and never another
// file of its name.
func TestContent(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	plate, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "testdata", "plates", "inspect", "OK-01.jpg"))
	require.NoError(t, err)
	ids, err := r.service.Client().AddItems(t.Context(), hacarus.AddItemsRequest{Files: []hacarus.File{hacarus.FileFromBytes("x.jpg", plate)}})
	require.NoError(t, err)
	dir := t.TempDir()
	e := record.Entry{File: "x.jpg", Dir: dir, To: filepath.Join(dir, "ng", "x.jpg"), SHA256: sumOf(plate), ItemID: ids[0]}

	offline := New(r.record, nil)
	_, _, err = offline.Content(t.Context(), e)
	require.ErrorContains(t, err, "not there any more")
	content, from, err := r.Content(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, FromService, from)
	require.Equal(t, plate, content)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "x.jpg"), []byte("another"), 0o600))
	_, _, err = offline.Content(t.Context(), e)
	require.ErrorContains(t, err, "another file")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "ng"), 0o700))
	require.NoError(t, os.WriteFile(e.To, plate, 0o600))
	content, from, err = offline.Content(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, FromDisk, from)
	require.Equal(t, plate, content)

	e.SHA256 = sumOf([]byte("before the service changed it"))
	_, from, err = r.Content(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, FromServiceChanged, from)
	e.ItemID = "nobody"
	_, _, err = r.Content(t.Context(), e)
	require.ErrorIs(t, err, hacarus.ErrNotFound)
}
