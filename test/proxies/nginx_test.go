package proxies

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// nginxConfig is nginx as distributions ship it, but for what it has to know
// here: two ports, one of HTTP/2, with a certificate.
var nginxConfig = template.Must(template.New("").Parse(`
daemon off;
{{if .Root}}user root;{{end}} # its folder is for one user
pid {{.Folder}}/nginx.pid;
error_log {{.Folder}}/error.log;
worker_processes 2;
events { worker_connections 1024; }
http {
	access_log off;
	client_max_body_size 100m;
	client_body_temp_path {{.Folder}}/body;
	proxy_temp_path {{.Folder}}/proxy;
	fastcgi_temp_path {{.Folder}}/fastcgi;
	uwsgi_temp_path {{.Folder}}/uwsgi;
	scgi_temp_path {{.Folder}}/scgi;
	upstream service { server {{.Upstream}}; keepalive 32; }
	server {
		listen {{.Address}} ssl{{if .HTTP2}} http2{{end}};
		ssl_certificate {{.Folder}}/cert.pem;
		ssl_certificate_key {{.Folder}}/key.pem;
		location / {
			proxy_pass http://service;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $host;
		}
	}
}
`))

// nginx is a running nginx.
type nginx struct {
	Folder, Address, Upstream string
	HTTP2                     bool
	Root                      bool
}

func (n nginx) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "nginx", append([]string{"-p", n.Folder, "-c", filepath.Join(n.Folder, "nginx.conf")}, args...)...)
}

func startNginx(t *testing.T, id identity, upstream string, http2 bool) nginx {
	t.Helper()
	n := nginx{Folder: t.TempDir(), Address: testkit.FreeAddress(), Upstream: upstream, HTTP2: http2, Root: os.Getuid() == 0}
	for name, content := range map[string][]byte{"cert.pem": id.cert, "key.pem": id.key} {
		require.NoError(t, os.WriteFile(filepath.Join(n.Folder, name), content, 0o600))
	}
	var config bytes.Buffer
	require.NoError(t, nginxConfig.Execute(&config, n))
	require.NoError(t, os.WriteFile(filepath.Join(n.Folder, "nginx.conf"), config.Bytes(), 0o600))
	ctx, cancel := context.WithCancel(context.Background())
	process := n.command(ctx)
	process.Stderr = os.Stderr
	process.Cancel = func() error { return process.Process.Signal(os.Interrupt) }
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		cancel()
		_ = process.Wait()
	})
	require.Eventually(t, func() bool {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", n.Address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, 10*time.Second, 10*time.Millisecond, "nginx does not listen")
	return n
}

// tally counts how calls ended.
type tally struct {
	ok, notExecuted, unknown atomic.Int64
	causes                   sync.Map // of those unknown, each with its count
}

func (c *tally) count(err error) {
	switch {
	case err == nil:
		c.ok.Add(1)
	case errors.Is(err, hacarus.ErrOutcomeUnknown):
		c.unknown.Add(1)
		n, _ := c.causes.LoadOrStore(regexp.MustCompile(`\d+`).ReplaceAllString(err.Error(), "0"), new(atomic.Int64))
		n.(*atomic.Int64).Add(1)
	default:
		c.notExecuted.Add(1)
	}
}

func (c *tally) String() string {
	ok, not, unknown := c.ok.Load(), c.notExecuted.Load(), c.unknown.Load()
	text := fmt.Sprintf("%d calls, %d not executed, %d unknown (%.2f %%)", ok+not+unknown, not, unknown, 100*float64(unknown)/float64(max(ok+not+unknown, 1)))
	c.causes.Range(func(cause, n any) bool {
		text += fmt.Sprintf("\n\t%d × %s", n.(*atomic.Int64).Load(), cause)
		return true
	})
	return text
}

// claims is what the SDK said became of each file's upload.
type claims struct {
	mu   sync.Mutex
	said map[string]error
}

func (c *claims) note(name string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said[name] = err
}

// TestNginx uploads and predicts through nginx, which reloads its configuration
// every two seconds, to a service that restarts every ten: nothing is executed
// twice, and nothing that the SDK reports as done or not done is otherwise.
func TestNginx(t *testing.T) { //nolint:paralleltest // it takes what the machine has
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Skip("NOT TESTED: nginx is not installed, so nobody looks at how the SDK fares behind it")
	}
	duration, reload, restart := 6*time.Second, 700*time.Millisecond, 2*time.Second
	if *testkit.Full {
		duration, reload, restart = 2*time.Minute, 2*time.Second, 10*time.Second
	}
	for _, http2 := range []bool{false, true} {
		t.Run(map[bool]string{false: "HTTP/1.1", true: "HTTP/2"}[http2], func(t *testing.T) {
			runNginx(t, http2, duration, reload, restart)
		})
	}
}

func runNginx(t *testing.T, http2 bool, duration, reload, restart time.Duration) {
	t.Helper()
	const workers = 16
	id, service := newIdentity(t), newUpstream(t)
	service.AddModel(hacarus.Model{ModelID: "plates"})
	proxy := startNginx(t, id, service.address, http2)
	client, err := hacarus.New("https://"+proxy.Address, hacarus.WithCredentials(service.ClientID, service.ClientSecret),
		hacarus.WithRootCAs(id.roots), hacarus.WithRetry(hacarus.RetryPolicy{MaxAttempts: 10, MaxWait: time.Second}))
	require.NoError(t, err)
	defer client.Close()

	ctx, cancel := context.WithTimeout(t.Context(), duration)
	defer cancel()
	var background sync.WaitGroup
	defer background.Wait()
	background.Go(func() {
		every(ctx, reload, func() { assert.NoError(t, proxy.command(t.Context(), "-s", "reload").Run()) })
	})
	background.Go(func() { every(ctx, restart, func() { service.restart(t) }) })

	uploads, predictions, said := &tally{}, &tally{}, &claims{said: map[string]error{}}
	var line sync.WaitGroup
	for worker := range workers {
		line.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for n := 0; ctx.Err() == nil; n++ {
				name := fmt.Sprintf("plate-%d-%d.png", worker, n)
				// The call outlives the end of the run, so that none is cut off by it.
				ids, err := client.AddItems(t.Context(), hacarus.AddItemsRequest{Files: []hacarus.File{hacarus.FileFromBytes(name, plate(random))}})
				uploads.count(err)
				said.note(name, err)
				if err != nil {
					continue
				}
				_, err = client.PredictItems(t.Context(), "plates", ids...)
				predictions.count(err)
			}
		})
	}
	line.Wait()
	cancel()
	background.Wait()

	executions := map[string]int{}
	for _, call := range service.Calls("addItem") {
		if call.Executed {
			executions[call.Files[0]]++
		}
	}
	predicted := int64(service.Executions("predictItems"))
	for name, err := range said.said {
		switch n := executions[name]; {
		case err == nil:
			assert.Equal(t, 1, n, "%s was reported as uploaded", name)
		case errors.Is(err, hacarus.ErrOutcomeUnknown):
			assert.LessOrEqual(t, n, 1, "%s: %v", name, err)
		default:
			assert.Equal(t, 0, n, "%s: %v", name, err)
		}
	}
	assert.GreaterOrEqual(t, predicted, predictions.ok.Load())
	assert.LessOrEqual(t, predicted, predictions.ok.Load()+predictions.unknown.Load())
	t.Logf("uploads: %v; predictions: %v", uploads, predictions)
}

func every(ctx context.Context, interval time.Duration, f func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			f()
		case <-ctx.Done():
			return
		}
	}
}

// plate is an image of 32×32 pixels, followed by up to 2 MiB that belong to no
// image: a body of any length, some of them long enough to be asked for first.
// The service keeps all of them, so that most are short.
func plate(random *rand.Rand) []byte {
	longest := 14
	if random.IntN(8) == 0 {
		longest = 22
	}
	return append(slices.Clip(blank), make([]byte, 1<<random.IntN(longest))...)
}

// blank is an image that the service takes.
var blank = func() []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 32, 32))); err != nil {
		panic(err)
	}
	return b.Bytes()
}()
