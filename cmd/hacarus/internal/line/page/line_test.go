package page_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/inspector"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/intake"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/page"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/verdicts"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/pagetest"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// plant is a whole line but for its cameras: intake, queue, inspector and the
// service. Its pages come and go.
type plant struct {
	t       *testing.T
	data    string
	queue   *queue.Queue
	network *cable
	pages   atomic.Pointer[page.Page]
	server  *httptest.Server
	stop    func() // ends the page
}

// cable is the way to the service, which can be cut.
type cable struct {
	http.RoundTripper
	cut atomic.Bool
}

func (c *cable) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.cut.Load() {
		return nil, errors.New("the cable is cut")
	}
	return c.RoundTripper.RoundTrip(r)
}

const token = "a-token-of-the-test"

func newPlant(t *testing.T) *plant {
	t.Helper()
	p := &plant{t: t, data: t.TempDir()}
	log := slog.New(slog.DiscardHandler)
	engine, err := queue.StartServer(t.TempDir(), log)
	require.NoError(t, err)
	t.Cleanup(engine.Close)
	p.queue, err = queue.Open(t.Context(), queue.Options{Server: engine, Log: log})
	require.NoError(t, err)
	t.Cleanup(p.queue.Close)

	bright := func(_ context.Context, img image.Image, _ hacarustest.Parameters) (hacarustest.Finding, error) {
		r, _, _, _ := img.At(0, 0).RGBA()
		return hacarustest.Finding{NG: r > 0x8000, Score: float64(r) / 0xffff}, nil
	}
	service := hacarustest.NewServer(hacarustest.WithInspector(hacarustest.InspectorFunc(bright)))
	t.Cleanup(service.Close)
	service.AddModel(hacarus.Model{ModelID: "m"})
	p.network = &cable{RoundTripper: http.DefaultTransport}
	client := service.Client(
		hacarus.WithHTTPClient(&http.Client{Transport: p.network}),
		hacarus.WithRetry(hacarus.RetryPolicy{MinWait: time.Millisecond, MaxWait: 100 * time.Millisecond}),
	)
	t.Cleanup(func() { _ = client.Close() })

	spool, err := intake.OpenSpool(intake.SpoolDir(p.data), intake.Limits{Bytes: 1 << 30, Image: 1 << 20})
	require.NoError(t, err)
	work, end := context.WithCancel(t.Context())
	var roles sync.WaitGroup
	roles.Go(func() { spool.Run(work, p.queue, intake.Keeping{}, log) })
	roles.Go(func() {
		_ = inspector.Run(work, work, inspector.Options{
			Name: "one", Queue: p.queue, Client: client, Model: "m", Lease: 10 * time.Second, Hold: time.Minute, Log: log,
			Wait: []hacarus.WaitOption{hacarus.WithPollInterval(10*time.Millisecond, 100*time.Millisecond)},
			Images: func(_ context.Context, job queue.Job) (io.ReadCloser, error) {
				return intake.Open(p.data, job.Station, job.ID)
			},
		})
	})
	mux := http.NewServeMux()
	mux.Handle("POST /v1/images", intake.NewHandler(intake.Handler{Spool: spool, Log: log}))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if current := p.pages.Load(); current != nil {
			current.ServeHTTP(w, r)
			return
		}
		http.Error(w, "starting", http.StatusBadGateway)
	})
	p.server = httptest.NewServer(mux)
	t.Cleanup(func() {
		p.endPage()
		end()
		roles.Wait()
		p.server.Close()
	})
	p.startPage()
	return p
}

func (p *plant) startPage() {
	feed := verdicts.Feed{
		Queue: p.queue, Lost: 5 * time.Second, Lease: 10 * time.Second,
		Images: func(_ context.Context, station, id string) (io.ReadCloser, error) {
			return intake.Open(p.data, station, id)
		},
	}
	opened := page.New(feed, page.Options{Token: token, Stale: time.Hour})
	ctx, cancel := context.WithCancel(p.t.Context())
	var running sync.WaitGroup
	running.Go(func() { opened.Run(ctx) })
	p.stop = func() { cancel(); running.Wait() }
	p.pages.Store(opened)
}

func (p *plant) endPage() {
	p.pages.Store(nil)
	p.stop()
	p.server.CloseClientConnections()
}

// send sends an image as a camera does. Every third is NG.
func (p *plant) send(station string, serial int) {
	img := image.NewGray(image.Rect(0, 0, 64, 48))
	for i := range img.Pix {
		img.Pix[i] = byte(serial * i)
	}
	img.SetGray(0, 0, color.Gray{Y: map[bool]byte{true: 255}[serial%3 == 0]})
	var b bytes.Buffer
	require.NoError(p.t, png.Encode(&b, img))
	for p.t.Context().Err() == nil {
		request, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.server.URL+"/v1/images", bytes.NewReader(b.Bytes()))
		require.NoError(p.t, err)
		request.Header.Set("Station", station)
		request.Header.Set("Serial", strconv.Itoa(serial))
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			continue // its connection was closed, and it sends again
		}
		response.Body.Close()
		require.Equal(p.t, http.StatusAccepted, response.StatusCode)
		return
	}
}

// lines are what is said of all images, by the queue.
func (p *plant) lines() (all []verdicts.Line) {
	for line, err := range verdicts.There(p.t.Context(), p.queue, 0) {
		require.NoError(p.t, err)
		all = append(all, line)
	}
	return all
}

// listening notes what the browser's streams are asked for, and what they bring.
const listening = `
	window.heard = { streams: [], snapshots: 0, first: 0, verdicts: [] };
	window.EventSource = class extends EventSource {
		constructor(url) {
			super(url);
			heard.streams.push(String(url));
			this.addEventListener('snapshot', (e) => { if (heard.snapshots++ === 0) heard.first = Number(e.lastEventId); });
			this.addEventListener('verdict', (e) => heard.verdicts.push(Number(e.lastEventId)));
		}
	};`

func tileIs(n int, state, verdict string) string {
	return fmt.Sprintf(`((t) => t?.dataset.state === %q && t.dataset.verdict === %q)(document.querySelectorAll('.tile')[%d])`, state, verdict, n)
}

// A whole line in a browser: while a station fails and comes back, the service is
// away, connections break and the page is restarted, the operator sees how each
// station is, and the browser gets each line about an image once.
func TestLineInBrowser(t *testing.T) {
	t.Parallel()
	b := pagetest.Start(t).Open(t, "about:blank", pagetest.Screen{Name: "tablet", Width: 1280, Height: 800, Scale: 1, Touch: true}, "light", listening)
	p := newPlant(t)
	b.Do(fmt.Sprintf(`location.href = %q`, p.server.URL+"/?lang=en&token="+token))
	var camera sync.WaitGroup
	defer camera.Wait()
	off := make(chan struct{})
	defer close(off)
	camera.Go(func() { // which goes on all the time
		for serial := 1; ; serial += 3 {
			p.send("cam-1", serial)
			select {
			case <-off:
				return
			case <-time.After(500 * time.Millisecond):
			}
		}
	})
	for serial := 1; serial <= 3; serial++ {
		p.send("cam-2", serial)
	}
	b.Wait(tileIs(0, "live", "OK") + ` && ` + tileIs(1, "live", "NG"))
	b.Wait(`[...document.querySelectorAll('.tile')].every((t) => t.querySelector('img').naturalWidth === 64)`)

	b.Wait(tileIs(1, "lost", "NG") + ` && ` + tileIs(0, "live", "OK")) // one of them sends nothing
	p.send("cam-2", 4)
	b.Wait(tileIs(1, "live", "OK"))

	p.network.cut.Store(true)
	b.Wait(tileIs(0, "service", "OK") + ` && document.querySelector('.tile .sign').textContent.includes('The service cannot be reached.')`)
	p.send("cam-2", 6)
	p.network.cut.Store(false)
	b.Wait(`document.querySelectorAll('.tile')[1].dataset.verdict === 'NG' && ` + tileIs(0, "live", "OK"))

	streams := `heard.streams.length`
	before := pagetest.Eval[int](b, streams)
	p.server.CloseClientConnections()
	b.Wait(fmt.Sprintf(`%s > %d && document.body.dataset.link === 'up'`, streams, before))

	before = pagetest.Eval[int](b, streams)
	p.endPage()
	b.Wait(`document.body.dataset.link === 'down' && ` + tileIs(0, "offline", "OK"))
	p.send("cam-2", 7)
	p.startPage()
	b.Wait(fmt.Sprintf(`%s > %d && document.body.dataset.link === 'up'`, streams, before) + ` && document.querySelectorAll('.tile')[1].dataset.verdict === 'OK'`)

	// A person says otherwise, and takes it back.
	b.Do(`document.querySelectorAll('.tile a')[1].click()`)
	b.Wait(`document.querySelector('#station h2').textContent === 'cam-2'`)
	b.Do(`document.querySelector('.judge [data-verdict=NG]').click()`)
	b.Do(`const f = document.querySelector('#judging form'); f.elements.by.value = '佐藤'; f.elements.reason.value = 'a dent'; f.requestSubmit()`)
	b.Wait(`document.getElementById('station').dataset.verdict === 'NG' && document.querySelector('.undo').textContent.includes('佐藤')`)
	b.Do(`document.querySelector('#toast button').click()`)
	b.Do(`document.querySelector('#judging form').requestSubmit()`)
	b.Wait(`document.getElementById('station').dataset.verdict === 'OK' && document.querySelector('.undo').hidden`)

	// What the browser was sent is what there is, from where it began.
	require.Equal(t, 1, pagetest.Eval[int](b, `heard.snapshots`), "it resumes")
	require.Regexp(t, `^events\?after=\d+$`, pagetest.Eval[string](b, `heard.streams.at(-1)`))
	first, got := pagetest.Eval[uint64](b, `heard.first`), pagetest.Eval[[]uint64](b, `heard.verdicts`)
	var want []uint64
	undone := false
	for _, line := range p.lines() {
		undone = undone || line.Undo && line.By == "佐藤" && line.Station == "cam-2"
		if line.Seq > first && line.Seq <= got[len(got)-1] {
			want = append(want, line.Seq)
		}
	}
	require.Equal(t, want, got)
	require.True(t, undone)
}
