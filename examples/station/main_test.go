package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/examples/internal/program"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

func TestMain(m *testing.M) { program.Main(m, main) }

// camera puts plates into the inbox of a station, and returns their products.
func camera(t *testing.T, dir, lot string, plates ...string) (products []string) {
	t.Helper()
	inbox := filepath.Join(dir, "inbox")
	require.NoError(t, os.MkdirAll(inbox, 0o700))
	for _, plate := range plates {
		content := []byte("no image")
		if plate != "broken" {
			var err error
			content, err = os.ReadFile(filepath.Join("..", "..", "testdata", "plates", "inspect", plate+".jpg"))
			require.NoError(t, err)
		}
		product := lot + "_" + plate
		part := filepath.Join(inbox, "."+product+".jpg")
		require.NoError(t, os.WriteFile(part, content, 0o600))
		require.NoError(t, os.Rename(part, filepath.Join(inbox, product+".jpg")))
		products = append(products, product)
	}
	return products
}

// in returns the products in a folder, sorted.
func in(t *testing.T, dir, folder string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, folder, "*_*"))
	require.NoError(t, err)
	products := []string{}
	for _, path := range paths {
		_, product, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".jpg"), "_")
		products = append(products, product)
	}
	slices.Sort(products)
	return products
}

// trained is a service with a model of good plates.
func trained(t *testing.T) *hacarustest.Server {
	t.Helper()
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	files, err := hacarus.FilesFromDir(filepath.Join("..", "..", "testdata", "plates", "train"))
	require.NoError(t, err)
	ids, err := s.Client().AddItems(t.Context(), hacarus.AddItemsRequest{Files: files, Training: true, Good: new(true)})
	require.NoError(t, err)
	_, err = s.Client().TrainAndWait(t.Context(), "PM", hacarus.TrainRequest{ItemIDs: ids})
	require.NoError(t, err)
	s.ResetCalls()
	return s
}

// stop ends a station in order.
func stop(t *testing.T, p *program.Program) {
	t.Helper()
	if runtime.GOOS == "windows" { // which has no signals
		p.Kill(t)
		return
	}
	require.NoError(t, p.Process.Signal(os.Interrupt))
	require.Zero(t, p.End(), p.Complaints())
	require.Empty(t, p.Complaints())
}

// Images are told of with their lot, and sorted. One that the service does not take is
// for a person to look at, and the line goes on.
func TestStation(t *testing.T) {
	t.Parallel()
	s, dir := trained(t), t.TempDir()
	camera(t, dir, "L7", "OK-01", "NG-03-dent", "broken")
	p := program.Start(t, s, "", dir)
	require.Eventually(t, func() bool { return len(in(t, dir, "unknown")) == 1 && len(in(t, dir, "NG")) == 1 }, time.Minute, 10*time.Millisecond)
	camera(t, dir, "L8", "OK-02") // and while it runs
	require.Eventually(t, func() bool { return len(in(t, dir, "OK")) == 2 }, time.Minute, 10*time.Millisecond)
	stop(t, p)

	require.Equal(t, []string{"L7_OK-01", "L8_OK-02"}, in(t, dir, "OK"))
	require.Equal(t, []string{"L7_NG-03-dent"}, in(t, dir, "NG"))
	require.Equal(t, []string{"L7_broken"}, in(t, dir, "unknown"))
	require.Empty(t, in(t, dir, "waiting"))
	for _, line := range []string{"L7_OK-01 OK\n", "L7_NG-03-dent NG\n", "L7_broken unknown\n", "L8_OK-02 OK\n"} {
		require.Equal(t, 1, strings.Count(p.Printed(), line), p.Printed())
	}
}

// A name that is used again is another image, and takes nobody's place.
func TestNamesAreUsedAgain(t *testing.T) {
	t.Parallel()
	s, dir := trained(t), t.TempDir()
	p := program.Start(t, s, "", dir)
	for n := 1; n <= 3; n++ {
		camera(t, dir, "L7", "broken")
		require.Eventually(t, func() bool { return len(in(t, dir, "unknown")) == n }, time.Minute, 10*time.Millisecond)
	}
	stop(t, p)
}

// A power failure takes away the responses to the upload and to the prediction of an
// image: the next run finds out what was done, does nothing twice, and has the verdict.
func TestKilled(t *testing.T) {
	t.Parallel()
	s, dir := trained(t), t.TempDir()
	products := camera(t, dir, "L7", "NG-03-dent")
	for _, operation := range []string{"addItem", "predictItems"} {
		s.Inject(operation, hacarustest.Func(func(_ http.ResponseWriter, r *http.Request, service http.Handler) {
			service.ServeHTTP(httptest.NewRecorder(), r)
			<-r.Context().Done()
		}))
		p := program.Start(t, s, "", dir)
		require.Eventually(t, func() bool { return s.Executions(operation) == 1 }, time.Minute, time.Millisecond)
		p.Kill(t)
		require.Equal(t, products, in(t, dir, "waiting"))
	}
	p := program.Start(t, s, "", dir)
	require.Eventually(t, func() bool { return len(in(t, dir, "NG")) == 1 }, time.Minute, 10*time.Millisecond)
	stop(t, p)
	require.Equal(t, "L7_NG-03-dent NG\n", p.Printed())
	require.Equal(t, 1, s.Executions("addItem"))
	require.Equal(t, 1, s.Executions("predictItems"))
}

// What concerns all images ends the station, and moves none of them: not even to those
// that a person has to look at.
func TestLicense(t *testing.T) {
	t.Parallel()
	s, dir := hacarustest.NewServer(hacarustest.WithoutLicense()), t.TempDir()
	t.Cleanup(s.Close)
	s.AddModel(hacarus.Model{})
	products := camera(t, dir, "L7", "NG-01-scratch", "OK-01", "OK-02")
	p := program.Start(t, s, "", dir)
	require.Equal(t, 1, p.End())
	require.Contains(t, strings.ToLower(p.Complaints()), "license")
	require.Empty(t, p.Printed())
	require.Equal(t, products, in(t, dir, "waiting"))

	_, err := s.Client().SetLicense(t.Context(), hacarus.FileFromBytes("license.txt", []byte("a license")))
	require.NoError(t, err)
	p = program.Start(t, s, "", dir)
	require.Eventually(t, func() bool { return len(in(t, dir, "OK")) == 3 }, time.Minute, 10*time.Millisecond)
	stop(t, p)
}

// Ctrl-C ends it in order, and what has no verdict then waits for the next run.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	s, dir := hacarustest.NewServer(hacarustest.WithPredictionTime(time.Hour)), t.TempDir()
	t.Cleanup(s.Close)
	s.AddModel(hacarus.Model{})
	products := camera(t, dir, "L7", "NG-01-scratch", "OK-01", "OK-02")
	p := program.Start(t, s, "", dir)
	require.Eventually(t, func() bool { return s.Executions("predictItems") > 0 && s.Executions("getItemById") > 3 }, time.Minute, 10*time.Millisecond)
	stop(t, p)
	require.Empty(t, p.Printed())
	require.Equal(t, products, in(t, dir, "waiting"))
}

// One station has one process.
func TestSecondProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := program.Start(t, nil, "", dir)
	require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(dir, "journal")); return err == nil }, time.Minute, time.Millisecond)
	second := program.Run(t, nil, "", dir)
	require.Equal(t, 1, second.Code())
	require.Contains(t, second.Complaints(), "journal")
	stop(t, first)
}
