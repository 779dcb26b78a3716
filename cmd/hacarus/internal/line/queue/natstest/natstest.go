// Package natstest is for tests on clusters of NATS.
package natstest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// Installed returns the path of the nats-server that is installed, such as Debian's,
// or skips the test.
func Installed(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("no servers are started with -short")
	}
	path, err := exec.LookPath("nats-server")
	if err != nil {
		t.Skipf("NOT TESTED on the nats-server of this computer: none is installed (apt-get install nats-server): %v", err)
	}
	version, err := exec.CommandContext(t.Context(), path, "--version").Output() //nolint:gosec // the path is PATH's
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s is %s", path, strings.TrimSpace(string(version)))
	return path
}

// Configure writes the configuration of each of the three nodes of a cluster, and
// returns the URL of all.
func Configure(t *testing.T, dir string) (url string, configurations []string) {
	t.Helper()
	var clients, routes []string
	for range 3 {
		clients, routes = append(clients, testkit.FreeAddress()), append(routes, testkit.FreeAddress())
	}
	for n := range clients {
		path := filepath.Join(dir, fmt.Sprintf("node%d.conf", n))
		text := fmt.Sprintf(`
server_name: node%d
listen: %q
jetstream { store_dir: %q }
cluster { name: line, listen: %q, routes: ["nats://%s"] }
`, n, clients[n], filepath.Join(dir, fmt.Sprintf("node%d", n)), routes[n], strings.Join(routes, `", "nats://`))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		configurations = append(configurations, path)
	}
	return "nats://" + strings.Join(clients, ",nats://"), configurations
}
