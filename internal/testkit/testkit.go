// Package testkit holds what the tests of several packages share. It knows
// nothing of the SDK, so that the SDK's own package can use it.
package testkit

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// Full says whether long tests run at full length.
var Full = flag.Bool("full", false, "run long tests at full length")

// NotWithRace skips a test with the race detector: it takes long then, and shows
// nothing that others do not.
func NotWithRace(t *testing.T, why string) {
	t.Helper()
	if Race {
		t.Skip("with the race detector: " + why)
	}
}

// AtOnce lets n tests of a package run at the same time, in place of one for each
// processor: they wait for other programs most of the time. What -parallel says holds.
func AtOnce(n int) {
	if err := flag.Set("test.parallel", strconv.Itoa(max(n, runtime.GOMAXPROCS(0)))); err != nil {
		panic(err)
	}
}

// Main runs the tests, and then check, if it is not nil. It fails the program
// that leaves goroutines behind.
func Main(m *testing.M, check func() error) {
	code := m.Run()
	if check == nil {
		check = func() error { return nil }
	}
	for _, done := range []func() error{check, func() error { return goleak.Find() }} {
		if err := done(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// Root is the folder of the repository.
var Root = sync.OnceValue(func() string {
	folder, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	for folder != filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, fixtureFolder)); err == nil {
			return folder
		}
		folder = filepath.Dir(folder)
	}
	panic("the tests run outside of the repository")
})

// Together makes n calls at the same time and returns how each ended.
func Together(n int, call func(n int) error) []error {
	errs := make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { errs[i] = call(i) })
	}
	group.Wait()
	return errs
}

// Names returns the names in a folder, in their order.
func Names(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
