package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/examples/internal/program"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

func TestMain(m *testing.M) { program.Main(m, main) }

const plates = "testdata/plates"

// Without an account, all plates are judged as they should be, with what that proves.
func TestStandIn(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "an algorithm computes for long, and TestRequirement passes the same way")
	p := program.Run(t, nil, "")
	require.Zero(t, p.Code(), p.Complaints())
	require.Regexp(t, `escape +0 of 7 = 0\.0 % \(95 %: 0\.0 % to 41\.0 %\)`, p.Printed())
	require.Regexp(t, `overkill +0 of 4 = 0\.0 % \(95 %: 0\.0 % to 60\.2 %\)`, p.Printed())
}

// labeled lays plates out as a set, with one bad image that is none.
func labeled(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for file, target := range map[string]string{"OK-01.jpg": "good", "NG-03-dent.jpg": "bad/dent", "NG-05-stain.jpg": "bad/stain"} {
		content, err := os.ReadFile(filepath.Join("..", "..", plates, "inspect", file))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, target), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, target, file), content, 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bad", "text.jpg"), []byte("no image"), 0o600))
	return dir
}

// A model that calls everything OK lets all bad images escape, and one without a verdict
// counts as another. What is required is not met.
func TestFolder(t *testing.T) {
	t.Parallel()
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	s.AddModel(hacarus.Model{ModelID: "careless"})
	dir := labeled(t)
	p := program.Run(t, s, "", "-model", "careless", dir)
	require.Equal(t, 1, p.Code(), p.Complaints())
	require.Regexp(t, `escape +3 of 3 = 100\.0 %`, p.Printed())
	require.Regexp(t, `overkill +0 of 1 = 0\.0 %`, p.Printed())
	require.Regexp(t, `recall of dent +0 of 1`, p.Printed())
	require.Contains(t, p.Printed(), "OK "+filepath.Join(dir, "bad", "dent", "NG-03-dent.jpg"))
	require.Contains(t, p.Printed(), filepath.Join(dir, "bad", "text.jpg")+" has no verdict: ")
	require.Contains(t, p.Complaints(), "not met: escape<=0.4@95%")
	require.Zero(t, s.Executions("train"))
}

// Few images prove little.
func TestRequirement(t *testing.T) {
	t.Parallel()
	p := program.Run(t, nil, "", "-require", "escape<=0.02@95%")
	require.Equal(t, 1, p.Code())
	require.Contains(t, p.Complaints(), "it takes 149 images")
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-require", "nonsense"}, {"nowhere"}, {plates + "/inspect"}} {
		p := program.Run(t, nil, "", args...)
		require.Equal(t, 1, p.Code())
		require.Empty(t, p.Printed())
		require.NotEmpty(t, strings.TrimSpace(p.Complaints()))
	}
}
