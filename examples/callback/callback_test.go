package main

import (
	"bytes"
	"flag"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var onPlates = []string{
	"-train", filepath.FromSlash("../../testdata/plates/train/*.jpg"),
	"-inspect", filepath.FromSlash("../../testdata/plates/inspect/*.jpg"),
}

// checkVerdicts compares what was printed with the verdicts in the plates' names.
func checkVerdicts(t *testing.T, printed string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(printed), "\n")
	require.Len(t, lines, 11)
	seen := map[string]bool{}
	for _, line := range lines {
		fields := strings.Fields(line)
		require.True(t, strings.HasPrefix(fields[1], fields[0]+"-"), line)
		seen[fields[1]] = true
	}
	require.Len(t, seen, 11)
}

// usesService names a service in the environment, as users do.
func usesService(t *testing.T, s *hacarustest.Server) {
	t.Helper()
	t.Setenv("HACARUS_BASE_URL", s.URL)
	t.Setenv("HACARUS_CLIENT_ID", s.ClientID)
	t.Setenv("HACARUS_CLIENT_SECRET", s.ClientSecret)
}

func TestStandIn(t *testing.T) {
	t.Setenv("HACARUS_BASE_URL", "")
	var stdout, stderr bytes.Buffer
	require.NoError(t, run(t.Context(), onPlates, &stdout, &stderr))
	checkVerdicts(t, stdout.String())
	require.Empty(t, stderr.String(), "nothing was refused")
}

func TestService(t *testing.T) { //nolint:paralleltest // it depends on the environment
	for name, faults := range map[string][]hacarustest.Fault{
		"twice":          {hacarustest.RepeatedCallback(1)},
		"never called":   {hacarustest.MissedCallback()},
		"by get":         nil,
		"not reached at": nil,
	} {
		t.Run(name, func(t *testing.T) {
			s := hacarustest.NewServer()
			defer s.Close()
			usesService(t, s)
			s.Inject(hacarustest.Callback, faults...)
			address := freeAddress(t)
			args := append([]string{"-listen", address, "-public-url", "http://" + address + "/hacarus/"}, onPlates...)
			switch name {
			case "by get":
				args = append(args, "-method", hacarus.CallbackGet)
			case "not reached at":
				args = append(args, "-public-url", "http://127.0.0.1:1/hacarus")
			}
			var stdout, stderr bytes.Buffer
			require.NoError(t, run(t.Context(), args, &stdout, &stderr))
			checkVerdicts(t, stdout.String())
			require.Empty(t, stderr.String())
		})
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

func TestModelOfYourOwn(t *testing.T) { //nolint:paralleltest // it depends on the environment
	s := hacarustest.NewServer()
	defer s.Close()
	usesService(t, s)
	s.AddModel(hacarus.Model{ModelID: "plates"})
	args := append([]string{"-model", "plates", "-public-url", "http://127.0.0.1:1"}, onPlates...)
	var stdout bytes.Buffer
	require.NoError(t, run(t.Context(), args, &stdout, io.Discard))
	require.Equal(t, 11, strings.Count(stdout.String(), "\n"))
	require.Zero(t, s.Executions("train"))
}

func TestRefuses(t *testing.T) { //nolint:paralleltest // it depends on the environment
	s := hacarustest.NewServer()
	defer s.Close()
	usesService(t, s)
	require.ErrorContains(t, run(t.Context(), onPlates, io.Discard, io.Discard), "-public-url")
	require.ErrorContains(t, run(t.Context(), []string{"a.jpg"}, io.Discard, io.Discard), "a.jpg")
	require.ErrorIs(t, run(t.Context(), []string{"-h"}, io.Discard, io.Discard), flag.ErrHelp)
	require.ErrorContains(t, run(t.Context(), []string{"-public-url", "http://x", "-train", "none/*"}, io.Discard, io.Discard), "none/*")
	require.ErrorIs(t, run(t.Context(), append([]string{"-public-url", "ftp://x"}, onPlates...), io.Discard, io.Discard), hacarus.ErrInvalidArgument)
	require.Zero(t, s.Executions("predictItems"))
}
