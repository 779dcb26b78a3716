//go:build !windows

package main

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/verdicts"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// A camera writes images into a folder faster than they are inspected, each slowly,
// and tells their serial numbers a moment later. The line has no room for all of them,
// the folder goes away for a while, and the process is killed at random moments: each
// image has one verdict, with its serial number, and leaves the folder.
func TestLineFolder(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "the tests of each role look at what its goroutines share")
	p := newPlant(t, 1)
	p.pace = 150 * time.Millisecond
	dir := p.at("in")
	require.NoError(t, os.Mkdir(dir, 0o700))
	w := p.start("line", p.hacarus("line", "--data", p.at("data"), "--model", "m", "--grace", "10s", "--hold", "1m", "--min-free", "0", "--max-waiting", "1",
		"--folder", product{}.name()+"="+dir, "--sidecar", "json", "--every", "100ms", "--settle", "500ms"))
	const images = 40
	written := make(chan struct{})
	go func() {
		defer close(written)
		for serial := range images {
			if serial == images/2 {
				assert.NoError(t, os.Rename(dir, dir+"-away"))
				time.Sleep(time.Second)
				assert.NoError(t, os.Rename(dir+"-away", dir))
			}
			write := func(name string, content []byte) {
				assert.NoError(t, os.WriteFile(p.at("in", name), content, 0o600))
			}
			whole := append(product{0, serial}.picture(), make([]byte, 200<<10)...)
			name := fmt.Sprintf("%03d.png", serial)
			write(name, whole[:len(whole)/2])
			time.Sleep(10 * time.Millisecond)
			write(name, whole)
			write(name+".json", fmt.Appendf(nil, `{"serial": %d}`, serial))
		}
	}()
	p.killSome(*lineKills, w)
	<-written
	left := func() []os.DirEntry {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		return entries
	}
	for deadline := time.Now().Add(2 * time.Minute); len(left()) > 0 && time.Now().Before(deadline); {
		time.Sleep(200 * time.Millisecond)
	}
	require.Empty(t, left())
	var lines []verdicts.Line
	for deadline := time.Now().Add(2 * time.Minute); len(lines) < images && time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		lines = p.tail("--data", p.at("data"))
	}
	accepted := map[string]product{}
	serials := map[int]bool{}
	for _, line := range lines {
		serial, err := strconv.Atoi(line.Serial)
		require.NoError(t, err, line.Note)
		accepted[line.ID] = product{0, serial}
		serials[serial] = true
	}
	require.Len(t, serials, images)
	p.requireOnce(accepted, lines)
	p.requireRecord(accepted, p.at("data", "record.jsonl"))
}
