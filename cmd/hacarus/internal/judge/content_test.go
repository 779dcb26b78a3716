package judge

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
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

// An image is found under a name of another encoding, which the record cannot have as
// it is.
func TestContentUnderANameOfBytes(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("names are letters here")
	}
	dir, name := t.TempDir(), "\x8c\x9f.jpg"
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("image"), 0o600))
	for _, e := range []record.Entry{
		{Dir: dir, File: output.JSONString(name)},
		{Dir: "/gone", File: output.JSONString(name), To: output.JSONString(filepath.Join(dir, name))},
	} {
		e.SHA256 = sumOf([]byte("image"))
		content, ok := Local(e)
		require.True(t, ok)
		require.Equal(t, "image", string(content))
	}
}
