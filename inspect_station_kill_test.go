//go:build unix

package hacarus_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit/plates"
)

// stationJob is what the process of a station is told.
type stationJob struct{ URL, ClientID, ClientSecret, Folder, Told string }

// toldLine is what it writes down of an image before the image leaves its folder.
type toldLine struct {
	Product product
	Verdict hacarus.Verdict
	Err     string
}

const stationVariable = "HACARUS_TEST_STATION"

// A station's process is killed at any moment, again and again, while a camera
// posts images and responses of the service are lost. No image that was taken
// lacks its verdict, no verdict is another product's, and each image was uploaded
// and predicted once.
func TestStationSurvivesKills(t *testing.T) {
	t.Parallel()
	const images, kills = 80, 12
	random := rand.New(rand.NewPCG(12, 2026))
	s := hacarustest.NewServer(hacarustest.WithInspector(plates.FirstPixel))
	t.Cleanup(s.Close)
	s.AddModel(hacarus.Model{})
	for _, operation := range []string{"addItem", "predictItems"} {
		for range 5 {
			s.Inject(operation, hacarustest.Fault{}, hacarustest.ResetConnection(), hacarustest.Fault{}, hacarustest.HTML(502).After())
		}
	}
	folder := t.TempDir()
	job := stationJob{URL: s.URL, ClientID: s.ClientID, ClientSecret: s.ClientSecret, Folder: folder, Told: filepath.Join(t.TempDir(), "told")}
	posted := 0
	for range kills {
		job.live(t, func(ctx context.Context, url string) {
			for posted < images && postImage(ctx, url, productOf(posted), plates.Picture(posted)) == nil {
				posted++
			}
		}, func() { <-time.After(time.Duration(random.IntN(120_000)) * time.Microsecond) })
	}
	job.live(t, func(ctx context.Context, url string) {
		for ; posted < images; posted++ {
			assert.NoError(t, postImage(ctx, url, productOf(posted), plates.Picture(posted)))
		}
	}, func() {
		assert.Eventually(t, func() bool { return len(job.told(t)) == images }, time.Minute, 20*time.Millisecond)
	})
	told := job.told(t)
	for n := range images {
		require.Equal(t, plates.Verdict(n), told[productOf(n)], n)
	}
	plates.RequireOnce(t, images, plates.Uploads(s))
	plates.RequireOnce(t, images, plates.Predictions(t, s))
}

// live runs a station in a process of its own, posts to it until a moment has
// come, and kills it.
func (j stationJob) live(t *testing.T, post func(ctx context.Context, url string), moment func()) {
	t.Helper()
	text, err := json.Marshal(j)
	require.NoError(t, err)
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStationSurvivesKillsChild$")
	child.Env = append(os.Environ(), stationVariable+"="+string(text))
	output, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	lines := bufio.NewScanner(output)
	require.True(t, lines.Scan(), "it says where it listens")
	ctx, cancel := context.WithCancel(t.Context())
	camera := make(chan struct{})
	go func() {
		defer close(camera)
		post(ctx, lines.Text())
	}()
	moment()
	require.NoError(t, child.Process.Kill())
	cancel()
	<-camera
	for lines.Scan() {
		t.Log(lines.Text()) // why it has ended by itself
	}
	require.ErrorContains(t, child.Wait(), "killed")
}

// told are the verdicts that were written down. A line may be torn, or stand there twice.
func (j stationJob) told(t *testing.T) map[product]hacarus.Verdict {
	t.Helper()
	text, err := os.ReadFile(j.Told)
	if !os.IsNotExist(err) {
		assert.NoError(t, err)
	}
	told := map[product]hacarus.Verdict{}
	for line := range strings.Lines(string(text)) {
		var l toldLine
		if json.Unmarshal([]byte(line), &l) == nil {
			assert.Empty(t, l.Err)
			told[l.Product] = l.Verdict
		}
	}
	return told
}

// TestStationSurvivesKillsChild is the process that is killed.
func TestStationSurvivesKillsChild(t *testing.T) {
	t.Parallel()
	text := os.Getenv(stationVariable)
	if text == "" {
		t.Skip("runs in a process of TestStationSurvivesKills")
	}
	var j stationJob
	require.NoError(t, json.Unmarshal([]byte(text), &j))
	client, err := hacarus.New(j.URL, hacarus.WithCredentials(j.ClientID, j.ClientSecret),
		hacarus.WithRetry(hacarus.RetryPolicy{MinWait: time.Millisecond, MaxWait: 10 * time.Millisecond}))
	require.NoError(t, err)
	told, err := os.OpenFile(j.Told, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	require.NoError(t, err)
	_, err = told.WriteString("\n") // the last line may be torn
	require.NoError(t, err)
	station, err := newStation(j.Folder)
	require.NoError(t, err)
	server := httptest.NewServer(station)
	defer server.Close()
	fmt.Println(server.URL)
	err = station.run(t.Context(), client, hacarus.InspectRequest{
		BatchSize: 5, Grace: 3 * time.Second, Wait: []hacarus.WaitOption{hacarus.WithPollInterval(2*time.Millisecond, 50*time.Millisecond)},
	}, func(p product, result *hacarus.Inspection) {
		line := toldLine{Product: p, Verdict: result.Verdict}
		if result.Err != nil {
			line.Err = result.Err.Error()
		}
		written, err := json.Marshal(line)
		require.NoError(t, err)
		_, err = told.Write(append(written, '\n'))
		require.NoError(t, err)
	})
	require.NoError(t, err)
}
