package main

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/examples/internal/program"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

func TestMain(m *testing.M) { program.Main(m, main) }

// boards makes a folder of pieces of a good board, small ones that are quickly learned.
func boards(t *testing.T, names ...string) string {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "..", "testdata", "boards", "inspect", "OK-01.jpg"))
	require.NoError(t, err)
	defer file.Close()
	board, err := jpeg.Decode(file)
	require.NoError(t, err)
	piece := board.(*image.YCbCr).SubImage(image.Rect(100, 100, 140, 140))
	var content bytes.Buffer
	require.NoError(t, png.Encode(&content, piece))
	folder := t.TempDir()
	for _, name := range names {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), content.Bytes(), 0o600))
	}
	return folder
}

// Without an account and without arguments, scratches are found on wood, good boards are
// OK, and each board has its picture.
func TestBoards(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "it takes minutes, and the other tests pass the same way")
	p := program.Run(t, nil, "")
	require.Equal(t, 1, p.Code(), p.Complaints())
	require.Empty(t, p.Complaints())
	lines := strings.Split(strings.TrimSpace(p.Printed()), "\n")
	require.Len(t, lines, 11)
	require.Contains(t, lines[10], p.Temp)
	for _, line := range lines[:10] { // such as OK testdata/boards/inspect/OK-01.jpg
		verdict, file, _ := strings.Cut(line, " ")
		require.True(t, strings.HasPrefix(filepath.Base(file), verdict+"-"), line)
	}
	pictures, err := filepath.Glob(filepath.Join(p.Temp, "inspect-*", "*.jpg.png"))
	require.NoError(t, err)
	require.Len(t, pictures, 10)
	file, err := os.Open(pictures[0])
	require.NoError(t, err)
	defer file.Close()
	picture, err := png.Decode(file)
	require.NoError(t, err)
	require.Equal(t, image.Pt(480, 384), picture.Bounds().Size())
}

// Good products alone are a success.
func TestAllOK(t *testing.T) {
	t.Parallel()
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	p := program.Run(t, s, "", boards(t, "good.png"), boards(t, "検査 1.png", "a.b.png"))
	require.Zero(t, p.Code(), p.Complaints())
	require.Equal(t, 2, strings.Count(p.Printed(), "OK "))
	require.Equal(t, 1, s.Executions("train"))
}

// An image without a verdict is no success, and does not hide the others.
func TestUndecided(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "an algorithm computes for long, and TestAllOK passes the same way")
	folder := boards(t, "board.png")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "text.jpg"), []byte("no image"), 0o600))
	p := program.Run(t, nil, "", boards(t, "good.png"), folder)
	require.Equal(t, 2, p.Code(), p.Complaints())
	require.Contains(t, p.Printed(), "OK "+filepath.Join(folder, "board.png"))
	require.Contains(t, p.Printed(), "unknown "+filepath.Join(folder, "text.jpg"))
	require.Contains(t, p.Complaints(), "1 images have no verdict")
	require.NotContains(t, p.Printed(), "NG ")
}

// No image is no success either, and half an account is not taken for none.
func TestNothingToDo(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	for _, args := range [][]string{{empty}, {"testdata/boards/train", empty}, {"nowhere"}, {"testdata/boards/train", "nowhere"}} {
		p := program.Run(t, nil, "", args...)
		require.Equal(t, 2, p.Code(), args)
		require.Contains(t, p.Complaints(), args[len(args)-1])
		require.Empty(t, p.Printed())
	}
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	s.ClientID = ""
	p := program.Run(t, s, "")
	require.Equal(t, 2, p.Code())
	require.Contains(t, p.Complaints(), "HACARUS_CLIENT_ID")
}
