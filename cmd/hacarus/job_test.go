package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"image"
	"image/jpeg"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
	"github.com/hacarus/hacarus-check-go/internal/testkit/plates"
	"github.com/hacarus/hacarus-check-go/internal/testkit/truth"
)

// runProgram runs the program with a service in its environment.
func runProgram(t *testing.T, s *hacarustest.Server, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "hacarus", args...)
	cmd.Env = append(os.Environ(), "LANG=C", "HACARUS_BASE_URL="+s.URL, "HACARUS_CLIENT_ID="+s.ClientID, "HACARUS_CLIENT_SECRET="+s.ClientSecret)
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	_ = cmd.Run() // ProcessState tells
	return cmd.ProcessState.ExitCode(), out.String(), err.String()
}

// The main job: each planted defect is found in its place, no good plate is NG, nothing is
// done twice, and table, page and pictures tell what was found.
func TestMainJob(t *testing.T) {
	t.Parallel()
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	folder := filepath.Join("..", "..", "testdata", "plates")
	code, _, stderr := runProgram(t, s, "train", "--algorithm", "PM", "--param", "threshold=0.11", filepath.Join(folder, "train"))
	require.Zero(t, code, stderr)
	require.Contains(t, string(s.Calls("train")[0].Body), `"0.11"`)
	report := filepath.Join(t.TempDir(), "report")
	code, stdout, stderr := runProgram(t, s, "inspect", "--model", "active", "--out", report, "-o", "jsonl", filepath.Join(folder, "inspect"))
	require.Zero(t, code, stderr)
	require.NotContains(t, stderr, "\r", "no bar without a terminal")
	plates.RequireOnce(t, 10+11, plates.Uploads(s))
	plates.RequireOnce(t, 11, plates.Predictions(t, s))
	require.Equal(t, 1, s.Executions("train"))

	requireTruth(t, folder, stdout)
	requireReport(t, report)
}

// requireTruth compares verdicts and boxes with what was planted.
func requireTruth(t *testing.T, plates, lines string) {
	t.Helper()
	type result struct {
		File    string
		Verdict string
		Boxes   [][4]int
	}
	results := map[string]result{}
	scanner := bufio.NewScanner(strings.NewReader(lines))
	for scanner.Scan() {
		var r result
		require.NoError(t, json.Unmarshal(scanner.Bytes(), &r))
		results["inspect/"+filepath.Base(r.File)] = r
	}
	known, err := truth.Read(plates)
	require.NoError(t, err)
	require.Len(t, results, len(known))
	for _, want := range known {
		r := results[want.File]
		require.Equal(t, want.Verdict, r.Verdict, want.File)
		require.Len(t, r.Boxes, len(want.Defects), want.File)
		for _, planted := range want.Defects {
			best := 0.0
			for _, b := range r.Boxes {
				best = max(best, truth.Overlap(planted.Box(), image.Rect(b[0], b[1], b[2], b[3])))
			}
			require.GreaterOrEqual(t, best, 0.3, "%s: %v", want.File, planted)
		}
	}
}

func requireReport(t *testing.T, dir string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "results.csv"))
	require.NoError(t, err)
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\ufeff")))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 12)
	require.Equal(t, []string{"file", "item_id", "verdict", "score", "boxes", "error"}, rows[0])

	page, err := os.ReadFile(filepath.Join(dir, "index.html"))
	require.NoError(t, err)
	require.Equal(t, 11, bytes.Count(page, []byte("<article")))
	require.Equal(t, 11, bytes.Count(page, []byte(`src="./pictures/`)))

	// The picture has the plate's size, and a red box on it.
	file, err := os.Open(filepath.Join(dir, "pictures", "0003-NG-03-dent.jpg"))
	require.NoError(t, err)
	defer file.Close()
	picture, err := jpeg.Decode(file)
	require.NoError(t, err)
	require.Equal(t, image.Pt(256, 192), picture.Bounds().Size())
	red := 0
	for x := 120; x < 240; x++ { // across the dent, far from frame and badge
		if r, g, b, _ := picture.At(x, 119).RGBA(); r > 0x8000 && g < r/2 && b < r/2 {
			red++
		}
	}
	require.GreaterOrEqual(t, red, 2, "both sides of the box")
}

// An image that the service refuses is told of, and does not hide the others.
func TestRefusedImage(t *testing.T) {
	t.Parallel()
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	s.AddModel(hacarus.Model{})
	s.Inject("addItem", hacarustest.Repeat(30, hacarustest.Func(func(w http.ResponseWriter, r *http.Request, service http.Handler) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		if bytes.Contains(body, []byte(`filename="NG-01-scratch.jpg"`)) {
			http.Error(w, "{}", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		service.ServeHTTP(w, r)
	}))...)
	code, stdout, stderr := runProgram(t, s, "inspect", "--model", "active", "-o", "jsonl", filepath.Join("..", "..", "testdata", "plates", "inspect"))
	require.Equal(t, 5, code, stderr)
	require.Equal(t, 11, strings.Count(stdout, "\n"))
	require.Equal(t, 10, strings.Count(stdout, `"verdict":"OK"`))
	require.Regexp(t, `NG-01-scratch\.jpg","item_id":"","verdict":"unknown".*"error":"[^"]`, stdout)
	require.Contains(t, stderr, "without a verdict: 1")
}

// Without a license nothing is trained or inspected, and a code of its own says so.
func TestWithoutLicense(t *testing.T) {
	t.Parallel()
	s := hacarustest.NewServer(hacarustest.WithoutLicense())
	t.Cleanup(s.Close)
	s.AddModel(hacarus.Model{})
	plates := filepath.Join("..", "..", "testdata", "plates")
	for _, args := range [][]string{
		{"train", "--algorithm", "PM", filepath.Join(plates, "train")},
		{"inspect", "--model", "active", filepath.Join(plates, "inspect")},
	} {
		code, _, stderr := runProgram(t, s, args...)
		require.Equal(t, 4, code, stderr)
		require.Contains(t, strings.ToLower(stderr), "license")
	}
	require.Zero(t, s.Executions("train"))
}

// An image that the camera has noted to lie on its side is shown upright.
func TestOrientation(t *testing.T) {
	t.Parallel()
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	s.AddModel(hacarus.Model{})
	plate, err := os.ReadFile(filepath.Join("..", "..", "testdata", "plates", "inspect", "OK-01.jpg"))
	require.NoError(t, err)
	lying := filepath.Join(t.TempDir(), "lying.jpg")
	require.NoError(t, os.WriteFile(lying, testkit.OnItsSide(plate), 0o600))
	report := filepath.Join(t.TempDir(), "report")
	code, _, stderr := runProgram(t, s, "inspect", "--model", "active", "--out", report, lying)
	require.Zero(t, code, stderr)
	file, err := os.Open(filepath.Join(report, "pictures", "0001-lying.jpg"))
	require.NoError(t, err)
	defer file.Close()
	picture, err := jpeg.DecodeConfig(file)
	require.NoError(t, err)
	require.Equal(t, image.Pt(192, 256), image.Pt(picture.Width, picture.Height))
}
