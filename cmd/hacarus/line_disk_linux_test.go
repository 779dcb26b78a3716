package main

import (
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// smallDisk mounts a disk of a few MiB on a folder.
func smallDisk(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(path, 0o755))
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, "size=24m"); err != nil {
		t.Skipf("no disk can be mounted: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(path, syscall.MNT_DETACH) })
}

// fill leaves no room on a disk, until the returned function is called.
func fill(t *testing.T, path string) (empty func()) {
	t.Helper()
	ballast := filepath.Join(path, ".ballast")
	file, err := os.Create(ballast)
	require.NoError(t, err)
	block := make([]byte, 4096)
	for {
		if _, err = file.Write(block); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, file.Close())
	return func() { require.NoError(t, os.Remove(ballast)) }
}

// Where the disk is full, images are refused or wait. None that was accepted is
// lost, and all goes on when there is room again.
func TestLineDiskFull(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "the tests of each role look at what its goroutines share")
	for place, refuses := range map[string]bool{"data": true, "data/spool": true, "data/queue": false, "record": false} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			p := newPlant(t, 2)
			disk := p.at(filepath.FromSlash(place))
			smallDisk(t, disk)
			t.Cleanup(p.stop) // before the disk goes
			require.NoError(t, os.MkdirAll(p.at("record"), 0o755))
			url, _ := p.startLine("--record", p.at("record", "record.jsonl"), "--grace", "10s")
			accepted := p.photographFrom(url, 0, 10)
			empty := fill(t, disk)
			refused := 0
			for serial := range 20 {
				o := product{serial % 2, 100 + serial}
				id, err := o.post(t.Context(), http.DefaultClient, url, o.picture())
				if err == nil {
					accepted[id] = o
					continue
				}
				require.ErrorContains(t, err, "507", "it is told why")
				refused++
			}
			require.Equal(t, refuses, refused > 0, "%d refused", refused)
			time.Sleep(2 * time.Second) // in which whatever is behind finds the disk full
			empty()
			for serial := range 10 {
				o := product{serial % 2, 200 + serial}
				id, err := o.send(t.Context(), http.DefaultClient, url)
				require.NoError(t, err)
				accepted[id] = o
			}
			p.await(accepted, "--data", p.at("data"))
			p.requireOnce(accepted, p.tail("--data", p.at("data")))
			p.requireRecord(accepted, p.at("record", "record.jsonl"))
		})
	}
}
