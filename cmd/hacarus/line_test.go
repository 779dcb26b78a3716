//go:build !windows

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue/natstest"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/verdicts"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

var (
	lineKills  = flag.Int("line.kills", 3, "how often a process of the line is killed")
	lineImages = flag.Int("line.images", 80, "how many images the line gets meanwhile")
)

// natsNode is a node of a cluster of the engine inside the program, as a process that
// can be killed:
//
//	natsnode CONFIGURATION
func natsNode() {
	opts, err := server.ProcessConfigFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	opts.SyncAlways, opts.NoSigs = true, true
	node, err := server.NewServer(opts)
	if err != nil {
		panic(err)
	}
	node.Start()
	node.WaitForShutdown()
}

// plant is a service, with the processes of a line that work on it, and cameras.
type plant struct {
	t        *testing.T
	service  *hacarustest.Server
	dir      string
	stations int
	pace     time.Duration // of the service, for an image

	mu      sync.Mutex
	workers []*worker
}

// worker is a process that is started again when it was killed.
type worker struct {
	name    string
	command func() *exec.Cmd
	process *exec.Cmd
	stderr  *bytes.Buffer
}

// newPlant has a service that judges by the first pixel of an image, and loses some
// of its responses.
func newPlant(t *testing.T, stations int) *plant {
	t.Helper()
	p := &plant{t: t, dir: t.TempDir(), stations: stations}
	var one sync.Mutex
	bright := func(_ context.Context, img image.Image, _ hacarustest.Parameters) (hacarustest.Finding, error) {
		one.Lock()
		time.Sleep(p.pace)
		one.Unlock()
		r, _, _, _ := img.At(0, 0).RGBA()
		return hacarustest.Finding{NG: r > 0x8000, Score: float64(r) / 0xffff}, nil
	}
	s := hacarustest.NewServer(hacarustest.WithInspector(hacarustest.InspectorFunc(bright)))
	t.Cleanup(s.Close)
	s.AddModel(hacarus.Model{ModelID: "m"})
	p.service = s
	t.Cleanup(p.stop)
	return p
}

// loseResponses has the service lose one in some responses, of uploads and of
// predictions.
func (p *plant) loseResponses(times int) {
	for _, operation := range []string{"addItem", "predictItems"} {
		for range times {
			p.service.Inject(operation, hacarustest.Fault{}, hacarustest.Fault{}, hacarustest.ResetConnection(), hacarustest.Fault{}, hacarustest.HTML(502).After())
		}
	}
}

func (p *plant) at(elements ...string) string {
	return filepath.Join(append([]string{p.dir}, elements...)...)
}

// start starts a process.
func (p *plant) start(name string, command func() *exec.Cmd) *worker {
	w := &worker{name: name, command: command, stderr: new(bytes.Buffer)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.workers = append(p.workers, w)
	w.begin(p.t)
	return w
}

func (w *worker) begin(t *testing.T) {
	t.Helper()
	w.process = w.command()
	w.process.Stderr = w.stderr
	require.NoError(t, w.process.Start())
}

// kill kills a process, and starts it again.
func (w *worker) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, w.process.Process.Kill())
	_ = w.process.Wait()
	w.begin(t)
}

func (p *plant) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.workers {
		_ = w.process.Process.Kill()
		_ = w.process.Wait()
		if p.t.Failed() {
			p.t.Logf("%s:\n%s", w.name, w.stderr)
		}
	}
}

// hacarus is a command of the program, on the plant's service.
func (p *plant) hacarus(args ...string) func() *exec.Cmd {
	return func() *exec.Cmd {
		c := exec.CommandContext(p.t.Context(), "hacarus", args...)
		c.Env = append(os.Environ(), "LANG=C", "HACARUS_BASE_URL="+p.service.URL, "HACARUS_CLIENT_ID="+p.service.ClientID, "HACARUS_CLIENT_SECRET="+p.service.ClientSecret)
		return c
	}
}

// cluster starts three nodes, and returns the URL of all.
func (p *plant) cluster(command ...string) (string, []*worker) {
	url, configurations := natstest.Configure(p.t, p.dir)
	var nodes []*worker
	for n, path := range configurations {
		node := slices.Concat(command, []string{path})
		nodes = append(nodes, p.start(fmt.Sprintf("node%d", n), func() *exec.Cmd { return exec.CommandContext(p.t.Context(), node[0], node[1:]...) }))
	}
	return url, nodes
}

// product is what a camera has taken a picture of.
type product struct{ station, serial int }

func (o product) name() string { return fmt.Sprintf("cam %d", o.station) }

func (o product) isNG() bool { return (o.station+o.serial)%3 == 0 }

// picture is a small image of the product, like no other.
func (o product) picture() []byte {
	img := image.NewGray(image.Rect(0, 0, 8, 8))
	random := rand.New(rand.NewPCG(uint64(o.station), uint64(o.serial)))
	for i := range img.Pix {
		img.Pix[i] = byte(random.IntN(128))
	}
	shade := byte(0)
	if o.isNG() {
		shade = 255
	}
	img.SetGray(0, 0, color.Gray{Y: shade})
	var b bytes.Buffer
	_ = png.Encode(&b, img)
	return b.Bytes()
}

// send posts a picture until it is accepted, as a camera does, and returns its id.
func (o product) send(ctx context.Context, client *http.Client, url string) (string, error) {
	picture := o.picture()
	for {
		id, err := o.post(ctx, client, url, picture)
		if err == nil || ctx.Err() != nil {
			return id, err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (o product) post(ctx context.Context, client *http.Client, url string, picture []byte) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/images", bytes.NewReader(picture))
	if err != nil {
		return "", err
	}
	request.Header.Set("Station", o.name())
	request.Header.Set("Serial", strconv.Itoa(o.serial))
	request.Header.Set("Idempotency-Key", strconv.Itoa(o.serial))
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusAccepted {
		return "", fmt.Errorf("%s: %s", response.Status, raw)
	}
	var answer struct{ ID string }
	return answer.ID, json.Unmarshal(raw, &answer)
}

// photograph has the cameras of all stations send their images, and returns what
// was accepted, by id.
func (p *plant) photograph(url string, images int, pause func() time.Duration) map[string]product {
	accepted := map[string]product{}
	var mu sync.Mutex
	var cameras sync.WaitGroup
	for station := range p.stations {
		cameras.Go(func() {
			client := &http.Client{Timeout: 10 * time.Second}
			defer client.CloseIdleConnections()
			for serial := range images / p.stations {
				o := product{station, serial}
				id, err := o.send(p.t.Context(), client, url)
				if err != nil {
					return
				}
				mu.Lock()
				accepted[id] = o
				mu.Unlock()
				time.Sleep(pause())
			}
		})
	}
	cameras.Wait()
	return accepted
}

// tail are the verdicts that a reader sees now.
func (p *plant) tail(args ...string) (lines []verdicts.Line) {
	raw, err := p.hacarus(append([]string{"line", "tail", "--once", "-o", "jsonl"}, args...)...)().Output()
	if err != nil {
		return nil // the line is starting
	}
	return linesOf[verdicts.Line](p.t, raw)
}

func linesOf[T any](t *testing.T, raw []byte) (lines []T) {
	t.Helper()
	for decoder := json.NewDecoder(bytes.NewReader(raw)); ; {
		var line T
		err := decoder.Decode(&line)
		if err == io.EOF {
			return lines
		}
		require.NoError(t, err)
		lines = append(lines, line)
	}
}

// requireOnce holds that each image has one verdict, which is its own, in the order
// of its station, and was uploaded and predicted once.
func (p *plant) requireOnce(accepted map[string]product, lines []verdicts.Line) {
	p.t.Helper()
	require.Len(p.t, lines, len(accepted))
	seen := map[string]bool{}
	last := map[string]int{}
	for _, line := range lines {
		o, ok := accepted[line.ID]
		require.True(p.t, ok, "a verdict of no image: %s", line.ID)
		require.False(p.t, seen[line.ID], "a second verdict of %v", o)
		seen[line.ID] = true
		if line.Error != nil {
			require.Fail(p.t, "no verdict", "%v: %s", o, *line.Error)
		}
		require.Equal(p.t, o.name(), line.Station)
		want := "OK"
		if o.isNG() {
			want = "NG"
		}
		require.Equal(p.t, want, line.Verdict)
		require.Equal(p.t, strconv.Itoa(o.serial), line.Serial)
		require.GreaterOrEqual(p.t, o.serial, last[line.Station], "out of order")
		last[line.Station] = o.serial
	}
	uploads, predictions := map[string]int{}, map[string]int{}
	for _, call := range p.service.Calls("addItem") {
		for _, file := range call.Files {
			if call.Executed {
				uploads[strings.TrimSuffix(file, filepath.Ext(file))]++
			}
		}
	}
	for _, call := range p.service.Calls("predictItems") {
		var body struct {
			ItemIDs []string `json:"item_ids"`
		}
		if call.Executed {
			require.NoError(p.t, json.Unmarshal(call.Body, &body))
			for _, id := range body.ItemIDs {
				predictions[id]++
			}
		}
	}
	require.Len(p.t, uploads, len(accepted))
	require.Len(p.t, predictions, len(accepted))
	for id := range accepted {
		require.Equal(p.t, 1, uploads[id], "uploads of %v", accepted[id])
		require.Equal(p.t, 1, predictions[id], "predictions of %v", accepted[id])
	}
}

// requireRecord holds that a record has a line for each image.
func (p *plant) requireRecord(accepted map[string]product, path string) {
	p.t.Helper()
	count := func() (n int) {
		for _, err := range record.Entries(path) {
			if err == nil {
				n++
			}
		}
		return n
	}
	require.Eventually(p.t, func() bool { return count() >= len(accepted) }, time.Minute, 20*time.Millisecond)
	seen := map[string]bool{}
	for e, err := range record.Entries(path) {
		require.NoError(p.t, err)
		require.False(p.t, seen[e.ID], "a second line of %v", accepted[e.ID])
		seen[e.ID] = true
	}
	require.Len(p.t, seen, len(accepted))
}

func brief() time.Duration { return time.Duration(rand.IntN(20)) * time.Millisecond }

// killSome kills one of the workers at each of some random moments.
func (p *plant) killSome(times int, workers ...*worker) {
	for range times {
		time.Sleep(time.Duration(200+rand.IntN(1200)) * time.Millisecond) // any moment will do
		w := workers[rand.IntN(len(workers))]
		p.t.Logf("kill %s", w.name)
		w.kill(p.t)
	}
}

// One process with all roles is killed at random moments, while responses of the
// service are lost: each image that was accepted is inspected once, and has one
// verdict and one line of the record.
func TestLineKilled(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "the tests of each role look at what its goroutines share")
	p := newPlant(t, 10)
	p.loseResponses(*lineKills)
	addr := testkit.FreeAddress()
	w := p.start("line", p.hacarus("line", "--data", p.at("data"), "--model", "m", "--addr", addr, "--grace", "10s", "--hold", "1m", "--min-free", "0"))
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		p.killSome(*lineKills, w)
	}()
	accepted := p.photograph("http://"+addr, *lineImages, brief)
	<-killed
	require.Len(t, accepted, *lineImages)
	p.await(accepted, "--data", p.at("data"))
	p.requireOnce(accepted, p.tail("--data", p.at("data")))
	p.requireRecord(accepted, p.at("data", "record.jsonl"))
}

// await waits until all images have verdicts.
func (p *plant) await(accepted map[string]product, args ...string) {
	p.t.Helper()
	ok := func() bool { return len(p.tail(args...)) >= len(accepted) }
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			require.Fail(p.t, "verdicts are missing", "%d of %d", len(p.tail(args...)), len(accepted))
		}
	}
}

// Roles as processes on a cluster of three nodes, of which any one, or a node, is
// killed at random moments.
func TestLineClusterKilled(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "the tests of each role look at what its goroutines share")
	killCluster(t, false, "natsnode")
}

// The same with the nats-server that is installed. The roles share a folder: Debian's
// is too old to carry images.
func TestLineInstalledClusterKilled(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "the tests of each role look at what its goroutines share")
	killCluster(t, true, natstest.Installed(t), "-c")
}

// A cluster that would lose images is not used for them.
func TestLineInstalledClusterImages(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "the tests of each role look at what its goroutines share")
	path := natstest.Installed(t)
	version, err := exec.CommandContext(t.Context(), path, "--version").Output()
	require.NoError(t, err)
	if !strings.Contains(string(version), "v2.9.10") {
		t.Skip("this one is not of Debian 12, which is known to be too old")
	}
	p := newPlant(t, 1)
	nats, _ := p.cluster(path, "-c")
	said, err := p.hacarus("line", "intake", "--nats", nats, "--data", p.at("intake"))().CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(said), "2.9.18 or later is needed")
	require.Contains(t, string(said), "is not on the disk yet")
}

func killCluster(t *testing.T, shared bool, node ...string) {
	t.Helper()
	p := newPlant(t, 10)
	p.loseResponses(*lineKills)
	nats, workers := p.cluster(node...)
	addr := testkit.FreeAddress()
	role := func(role string, args ...string) {
		if args = append([]string{"line", role, "--nats", nats}, args...); shared && role != "intake" {
			args = append(args, "--data", p.at("intake"))
		}
		workers = append(workers, p.start(role, p.hacarus(args...)))
	}
	intake := []string{"--data", p.at("intake"), "--addr", addr, "--min-free", "0"}
	if shared {
		intake = append(intake, "--shared")
	}
	role("intake", intake...)
	for n := range 2 {
		role("inspect", "--model", "m", "--grace", "10s", "--hold", "1m", "--lease", "2s", "--name", fmt.Sprintf("i%d", n))
	}
	role("page", "--record", p.at("record.jsonl"))
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		p.killSome(*lineKills, workers...)
	}()
	accepted := p.photograph("http://"+addr, *lineImages, brief)
	<-killed
	require.Len(t, accepted, *lineImages)
	p.await(accepted, "--nats", nats)
	p.requireOnce(accepted, p.tail("--nats", nats))
	p.requireRecord(accepted, p.at("record.jsonl"))
}
