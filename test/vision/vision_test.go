package main

import (
	"bytes"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
	"github.com/hacarus/hacarus-check-go/internal/testkit/truth"
)

func TestMain(m *testing.M) { testkit.Main(m, nil) }

// tinySet is a folder with a few plates.
func tinySet(t *testing.T, names ...string) string {
	t.Helper()
	plates := filepath.Join(testkit.Root(), "testdata", "plates")
	known, err := truth.Read(plates)
	require.NoError(t, err)
	folder := t.TempDir()
	var kept []truth.Image
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(plates, filepath.FromSlash(name)))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, filepath.Base(name)), content, 0o600))
		for _, image := range known {
			if image.File == name {
				image.File = filepath.Base(name)
				kept = append(kept, image)
			}
		}
	}
	require.NoError(t, truth.Write(folder, kept))
	return folder
}

// tableOf runs the command and returns the cells of its only algorithm by row.
func tableOf(t *testing.T, args ...string) map[string]string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), args, &out))
	cells := map[string]string{}
	for line := range strings.Lines(out.String()) {
		if fields := strings.Split(strings.TrimSpace(line), " | "); len(fields) == 2 {
			cells[strings.TrimPrefix(fields[0], "| ")] = strings.TrimSuffix(fields[1], " |")
		}
	}
	return cells
}

func TestTable(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "an algorithm computes for long, in one goroutine")
	folder := tinySet(t, "train/T-001.jpg", "train/T-002.jpg", "inspect/OK-01.jpg", "inspect/NG-03-dent.jpg", "inspect/NG-07-scratch-and-dent.jpg")
	cells := tableOf(t, "-sets", "photos", "-photos", folder, "-algorithms", "PM", "-seeds", "1")
	for row, want := range map[string]string{
		"unseen good ones OK":                 "1/1",
		"bad ones NG":                         "2/2",
		"defects touched; false boxes":        "3/3; 0",
		"defects with a box of IoU ≥ 0.3":     "3/3",
		"turned by 1° to 2°: OK; NG":          "1/1; 2/2",
		"noise of 2 to 4 gray levels: OK; NG": "1/1; 2/2",
		"one trained: OK; NG":                 "2/2; 4/4",
	} {
		require.Equal(t, want, cells[row], row)
	}
	require.Regexp(t, `^\d+\.\d\d s; \d+\.\d\d s$`, cells["time to train; to inspect one"])
	require.Regexp(t, `^[1-9]\d* MB$`, cells["most memory"])
}

// Without good images beside those to learn from, these take turns.
func TestTrainingImagesTakeTurns(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "an algorithm computes for long, in one goroutine")
	folder := tinySet(t, "train/T-001.jpg", "train/T-002.jpg", "train/T-003.jpg", "inspect/NG-03-dent.jpg")
	s, err := options{photos: folder}.load("photos")
	require.NoError(t, err)
	var names []string
	for _, f := range s.folds(s.trained) {
		for _, p := range append(f.train, f.inspect...) {
			names = append(names, strings.TrimSuffix(p.name, ".jpg"))
		}
	}
	require.Equal(t, "T-001 T-002 T-003 NG-03-dent T-002 T-003 T-001 NG-03-dent T-003 T-001 T-002 NG-03-dent", strings.Join(names, " "))

	s, err = options{photos: folder, trained: 1}.load("photos")
	require.NoError(t, err)
	first := s.folds(s.trained)[0]
	require.Len(t, first.train, 1)
	require.Len(t, first.inspect, 3)
}

// What an algorithm cannot learn from is told of, and is no error.
func TestUnequalSizes(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	testdata := filepath.Join(testkit.Root(), "testdata")
	require.NoError(t, run(t.Context(), []string{"-testdata", testdata, "-sets", "boards", "-algorithms", "PM"}, &out))
	require.Contains(t, out.String(), "| bad ones NG | – |")
	require.Contains(t, out.String(), "Pattern Matching needs images of one size")
}

func TestCompare(t *testing.T) {
	t.Parallel()
	planted := []image.Rectangle{image.Rect(10, 10, 20, 20), image.Rect(50, 50, 60, 60)}
	var sum tally
	sum.compare(planted, []image.Rectangle{image.Rect(11, 10, 21, 20), image.Rect(58, 58, 90, 90), image.Rect(0, 0, 5, 5)})
	require.Equal(t, tally{defects: 2, touched: 2, fit: 1, wrong: 1}, sum)
	sum.compare(nil, planted) // nobody knows what they should be
	require.Equal(t, tally{defects: 2, touched: 2, fit: 1, wrong: 1}, sum)
}

// A copy is the same for the same seed, and another one for another.
func TestCopiesHangOnTheSeed(t *testing.T) {
	t.Parallel()
	s, err := readSet("plates", tinySet(t, "train/T-001.jpg"))
	require.NoError(t, err)
	for _, change := range changes {
		t.Run(change.name, func(t *testing.T) {
			t.Parallel()
			copies := make([][]byte, 3)
			for i, seed := range []int{1, 1, 2} {
				made, err := change.copies(s.train, seed)
				require.NoError(t, err)
				require.Len(t, made, 1)
				copies[i] = made[0].content
			}
			require.Equal(t, copies[0], copies[1])
			require.NotEqual(t, copies[0], copies[2])
		})
	}
}

func TestBadArguments(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"-seeds 0":      {"-seeds", "0"},
		"no set":        {"-sets", "cakes"},
		"begin with T-": {"-sets", "photos", "-photos", t.TempDir()},
		"-trained -1":   {"-trained", "-1"},
		"not defined":   {"-speed"},
	} {
		require.ErrorContains(t, run(t.Context(), args, &bytes.Buffer{}), want)
	}
}
