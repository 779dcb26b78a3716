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
	"github.com/hacarus/hacarus-check-go/internal/testkit/plates"
)

func TestMain(m *testing.M) { program.Main(m, main) }

// requireVerdicts compares what was printed with the verdicts in the plates' names.
func requireVerdicts(t *testing.T, p *program.Program) {
	t.Helper()
	require.Zero(t, p.Code(), p.Complaints())
	lines := strings.Split(strings.TrimSpace(p.Printed()), "\n")
	require.Len(t, lines, 11)
	seen := map[string]bool{}
	for _, line := range lines { // such as NG testdata/plates/inspect/NG-03-dent.jpg
		verdict, file, _ := strings.Cut(line, " ")
		require.True(t, strings.HasPrefix(filepath.Base(file), verdict+"-"), line)
		seen[file] = true
	}
	require.Len(t, seen, 11)
}

func TestStandIn(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "an algorithm computes for long, and TestService passes the same way")
	requireVerdicts(t, program.Run(t, nil, ""))
}

// Whatever becomes of the callbacks, each image gets its verdict.
func TestService(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		faults []hacarustest.Fault
		args   []string
	}{
		"twice":          {[]hacarustest.Fault{hacarustest.RepeatedCallback(1)}, nil},
		"never called":   {[]hacarustest.Fault{hacarustest.MissedCallback()}, nil},
		"not reached at": {nil, []string{"-public-url", "http://127.0.0.1:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := hacarustest.NewServer()
			t.Cleanup(s.Close)
			s.Inject(hacarustest.Callback, test.faults...)
			requireVerdicts(t, program.Run(t, s, "", test.args...))
			plates.RequireOnce(t, 11, plates.Predictions(t, s))
			require.Contains(t, string(s.Calls("setModelPredictCallback")[0].Body), "http://127.0.0.1:")
		})
	}
}

// A model that is there is used, and a folder of images.
func TestModelOfYourOwn(t *testing.T) {
	t.Parallel()
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	s.AddModel(hacarus.Model{ModelID: "plates"})
	p := program.Run(t, s, "", "-model", "plates", "testdata/plates/train")
	require.Zero(t, p.Code(), p.Complaints())
	require.Equal(t, 10, strings.Count(p.Printed(), "OK "))
	require.Zero(t, s.Executions("train"))
}

// An image without a verdict is an error, and so is a URL that no callback can have.
func TestFailures(t *testing.T) {
	t.Parallel()
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	s.AddModel(hacarus.Model{ModelID: "plates"})
	broken := filepath.Join(t.TempDir(), "text.jpg")
	require.NoError(t, os.WriteFile(broken, []byte("no image"), 0o600))
	p := program.Run(t, s, "", "-model", "plates", filepath.Dir(broken))
	require.Equal(t, 1, p.Code())
	require.Equal(t, "unknown "+broken+"\n", p.Printed())

	p = program.Run(t, s, "", "-model", "plates", "-public-url", "ftp://x")
	require.Equal(t, 1, p.Code())
	require.Contains(t, p.Complaints(), "URL")
	require.Empty(t, p.Printed())
}
