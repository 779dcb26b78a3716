package inspector

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/intake"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// bench is a queue with a service, and images that are nowhere but in memory.
type bench struct {
	t       *testing.T
	service *hacarustest.Server
	server  *queue.Server
	queue   *queue.Queue
	options Options

	mu     sync.Mutex
	images map[string][]byte
}

func newBench(t *testing.T) *bench {
	t.Helper()
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	s.AddModel(hacarus.Model{ModelID: "m"})
	s.AddModel(hacarus.Model{ModelID: "other"})
	log := slog.New(slog.DiscardHandler)
	server, err := queue.StartServer(t.TempDir(), log)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	b := &bench{t: t, service: s, server: server, images: map[string][]byte{}}
	b.queue = b.connect()
	client := s.Client(hacarus.WithRetry(hacarus.RetryPolicy{MinWait: time.Millisecond, MaxWait: 20 * time.Millisecond}))
	t.Cleanup(func() { _ = client.Close() })
	b.options = Options{
		Queue: b.queue, Client: client, Model: "m", Lease: time.Second, Hold: time.Minute, Grace: 5 * time.Second, Log: log,
		Images: func(_ context.Context, job queue.Job) (io.ReadCloser, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			content, ok := b.images[job.ID]
			if !ok {
				return nil, &fs.PathError{Op: "open", Path: job.ID, Err: fs.ErrNotExist}
			}
			return io.NopCloser(bytes.NewReader(content)), nil
		},
	}
	return b
}

func (b *bench) connect() *queue.Queue {
	q, err := queue.Open(b.t.Context(), queue.Options{Server: b.server, Log: slog.New(slog.DiscardHandler)})
	require.NoError(b.t, err)
	b.t.Cleanup(q.Close)
	return q
}

// accept puts an image of a station into the queue, as an intake does.
func (b *bench) accept(station, intake string, number int, model string) queue.Job {
	var picture bytes.Buffer
	require.NoError(b.t, png.Encode(&picture, image.NewGray(image.Rect(0, 0, 4, 4))))
	return b.acceptImage(station, intake, number, model, append(picture.Bytes(), fmt.Sprint(number)...))
}

func (b *bench) acceptImage(station, intake string, number int, model string, content []byte) queue.Job {
	job := queue.Job{
		ID: queue.IDOf(station, fmt.Sprint(number)), Station: station, File: "x.png", Size: int64(len(content)), Model: model,
		Accepted: time.Now(), Intake: intake, Number: uint64(number),
	}
	b.mu.Lock()
	b.images[job.ID] = content
	b.mu.Unlock()
	raw, err := json.Marshal(job)
	require.NoError(b.t, err)
	require.NoError(b.t, b.queue.Add(b.t.Context(), queue.JobsOf(station, intake), raw))
	return job
}

// inspector runs an inspector until stop is called.
func (b *bench) inspector(name string) (stop func()) {
	opts := b.options
	opts.Name, opts.Queue = name, b.connect()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = Run(ctx, ctx, opts)
	}()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	b.t.Cleanup(stop)
	return stop
}

// verdicts are the messages of all stations, with those that only tell the progress.
func (b *bench) verdicts() (all []queue.Message) {
	for next := uint64(0); ; {
		messages, err := b.queue.Read(b.t.Context(), queue.AllVerdicts, next)
		require.NoError(b.t, err)
		if len(messages) == 0 {
			return all
		}
		all = append(all, messages...)
		next = all[len(all)-1].Seq + 1
	}
}

func (b *bench) await(n int) (all []queue.Message) {
	b.t.Helper()
	require.Eventually(b.t, func() bool { all = b.verdicts(); return len(all) >= n }, time.Minute, 5*time.Millisecond)
	return all
}

func entryOf(t *testing.T, m queue.Message) (e record.Entry) {
	t.Helper()
	require.NoError(t, json.Unmarshal(m.Data, &e))
	return e
}

// Verdicts come in the order of the images, for each model, and tell how far the
// station has come; nothing is left to wait for.
func TestInspect(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var jobs []queue.Job
	for n := range 30 {
		jobs = append(jobs, b.accept("a", "x", n+1, []string{"", "other"}[n%2]))
	}
	b.inspector("one")
	for n, m := range b.await(len(jobs)) {
		e := entryOf(t, m)
		require.Equal(t, []string{jobs[n].ID, "a", []string{"m", "other"}[n%2], record.Model}, []string{e.ID, e.Station, e.Model, e.By})
		require.NotEmpty(t, e.Verdict)
		require.Equal(t, jobs[n].ID, e.ItemID, "the item has the name of the image")
	}
	stations, err := Stations(t.Context(), b.queue)
	require.NoError(t, err)
	backlog, err := Waiting(t.Context(), b.queue, stations)
	require.NoError(t, err)
	require.Zero(t, backlog["a"])
}

// The record tells the model that has decided, and its version, also where the one in
// use was asked for.
func TestModelOfTheRecord(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.service.AddModel(hacarus.Model{ModelID: "in-use", Version: "V7.0", Active: true})
	b.options.Model = hacarus.ActiveModel
	b.accept("a", "x", 1, "")
	b.accept("a", "x", 2, "other")
	b.inspector("one")
	all := b.await(2)
	first, second := entryOf(t, all[0]), entryOf(t, all[1])
	require.Equal(t, []string{"in-use", "V7.0", "other"}, []string{first.Model, first.Version, second.Model})
}

// Boxes are where people see the defects, also where a camera was held sideways.
func TestTurnedImage(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	dent := hacarustest.InspectorFunc(func(context.Context, image.Image, hacarustest.Parameters) (hacarustest.Finding, error) {
		return hacarustest.Finding{NG: true, Defects: []hacarustest.Defect{{Box: image.Rect(10, 20, 30, 50)}}}, nil
	})
	service := hacarustest.NewServer(hacarustest.WithInspector(dent))
	t.Cleanup(service.Close)
	b.options.Client, b.options.Model = service.Client(), service.AddModel(hacarus.Model{}).ModelID
	var stored bytes.Buffer
	require.NoError(t, jpeg.Encode(&stored, image.NewGray(image.Rect(0, 0, 256, 192)), nil))
	b.acceptImage("a", "x", 1, "", testkit.OnItsSide(stored.Bytes()))
	b.inspector("one")
	require.Equal(t, [][4]int{{142, 10, 172, 30}}, entryOf(t, b.await(1)[0]).Boxes)
}

// An image that comes twice, by whatever intake, has one verdict; the other intake is
// told to let its copy go.
func TestRepeatedImage(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	stop := b.inspector("one")
	b.accept("a", "x", 1, "")
	b.await(1)
	b.accept("a", "x", 1, "")
	b.accept("a", "y", 1, "")
	all := b.await(3)
	require.NotEmpty(t, all[0].Data)
	require.Empty(t, all[1].Data)
	require.Empty(t, all[1].Header.Get(intake.IntakeHeader), "the verdict tells it")
	require.Empty(t, all[2].Data)
	require.Equal(t, "y", all[2].Header.Get(intake.IntakeHeader))
	stop()
	b.inspector("two")
	b.accept("a", "x", 1, "")
	require.Empty(t, b.await(4)[3].Data, "known to the next inspector, too")
	require.Len(t, b.service.Calls("addItem"), 1)
}

// Two inspectors with one name do not take the stations from each other for ever: the
// one that was there first goes on under another name.
func TestSameName(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const stations = 4
	for n := range stations {
		b.accept(fmt.Sprint("s", n), "x", 1, "")
	}
	b.inspector("one")
	b.await(stations)
	b.inspector("one")
	require.Eventually(t, func() bool {
		names := map[string]int{}
		leases, err := b.queue.LastOfEach(t.Context(), queue.LeaseOf(OwnerKind, ""))
		require.NoError(t, err)
		for _, m := range leases {
			var o Ownership
			require.NoError(t, json.Unmarshal(m.Data, &o))
			names[o.Owner]++
		}
		return len(names) == 2 && names["one"] == stations/2
	}, time.Minute, 10*time.Millisecond)
	for n := range stations {
		b.accept(fmt.Sprint("s", n), "x", 2, "")
	}
	b.await(2 * stations)
}

// Another image that an intake has accepted with a key of before has a verdict of its
// own, which is not that of the first.
func TestReusedKey(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := b.accept("a", "x", 1, "")
	second := first
	second.Intake, second.SHA256 = "y", "another"
	raw, err := json.Marshal(second)
	require.NoError(t, err)
	require.NoError(t, b.queue.Add(t.Context(), queue.JobsOf("a", "y"), raw))
	stop := b.inspector("one")
	all := b.await(2)
	require.Nil(t, entryOf(t, all[0]).Error)
	e := entryOf(t, all[1])
	require.Equal(t, []string{"another", string(hacarus.VerdictUnknown)}, []string{e.SHA256, e.Verdict})
	require.Contains(t, *e.Error, "key")
	require.Equal(t, "y", all[1].Header.Get(intake.IntakeHeader))
	stop()
}

// A verdict with more boxes than anybody looks at keeps no others waiting.
func TestManyBoxes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	everywhere := hacarustest.InspectorFunc(func(context.Context, image.Image, hacarustest.Parameters) (hacarustest.Finding, error) {
		f := hacarustest.Finding{NG: true}
		for n := range 60_000 {
			x, y := 1000+n%300, 1000+n/300
			f.Defects = append(f.Defects, hacarustest.Defect{Box: image.Rect(x, y, x+1, y+1)})
		}
		return f, nil
	})
	service := hacarustest.NewServer(hacarustest.WithInspector(everywhere))
	t.Cleanup(service.Close)
	b.options.Client, b.options.Model = service.Client(), service.AddModel(hacarus.Model{}).ModelID
	b.accept("a", "x", 1, "")
	b.inspector("one")
	e := entryOf(t, b.await(1)[0])
	require.Equal(t, "NG", e.Verdict)
	require.Len(t, e.Boxes, maxBoxes)
}

// Inspectors divide the stations. When one dies, the other goes on with its stations
// where it was; when it comes back, it gets its share again.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const stations = 6
	number := 0
	send := func() {
		number++
		for n := range stations {
			b.accept(fmt.Sprint("s", n), "x", number, "")
		}
	}
	owned := func() map[string]int {
		leases, err := b.queue.LastOfEach(t.Context(), queue.LeaseOf(OwnerKind, ""))
		require.NoError(t, err)
		owned := map[string]int{}
		for _, m := range leases {
			var o Ownership
			require.NoError(t, json.Unmarshal(m.Data, &o))
			owned[o.Owner]++
		}
		return owned
	}
	divided := func() bool { o := owned(); return o["one"] == stations/2 && o["two"] == stations/2 }
	b.inspector("one")
	stop := b.inspector("two")
	for range 5 {
		send()
	}
	require.Eventually(t, divided, time.Minute, 10*time.Millisecond)
	b.await(5 * stations)
	stop()
	send()
	b.await(6 * stations)
	require.Eventually(t, func() bool { return owned()["one"] == stations }, time.Minute, 10*time.Millisecond)
	b.inspector("two")
	require.Eventually(t, divided, time.Minute, 10*time.Millisecond)
	send()
	all := b.await(7 * stations)
	seen := map[string]bool{}
	for _, m := range all {
		e := entryOf(t, m)
		require.False(t, seen[e.ID])
		seen[e.ID] = true
	}
	require.Equal(t, len(seen), b.service.Executions("addItem")+batched(b.service))
}

// batched is how many images came with another one.
func batched(s *hacarustest.Server) (n int) {
	for _, call := range s.Calls("addItem") {
		if call.Executed {
			n += len(call.Files) - 1
		}
	}
	return n
}

// An image that is not there any more, or that the service does not take, has a
// verdict that says why, and the others go on.
func TestFailedImage(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	lost := b.accept("a", "x", 1, "")
	delete(b.images, lost.ID)
	b.accept("a", "x", 2, "")
	b.inspector("one")
	all := b.await(2)
	e := entryOf(t, all[0])
	require.Equal(t, lost.ID, e.ID)
	require.Equal(t, string(hacarus.VerdictUnknown), e.Verdict)
	require.Contains(t, *e.Error, "not exist")
	require.Nil(t, entryOf(t, all[1]).Error)
}

// Images that name a model which cannot be used have a verdict that says so, and keep
// no others waiting; those of the line's own model wait for it.
func TestUnusableModel(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.options.Wait = []hacarus.WaitOption{hacarus.WithPollInterval(time.Millisecond, time.Millisecond)}
	b.inspector("one")
	models := []string{"gone", "", "..", "gone", "other"}
	for n, model := range models {
		b.accept("a", "x", n+1, model)
	}
	for n, m := range b.await(len(models)) {
		e := entryOf(t, m)
		unusable := models[n] == "gone" || models[n] == ".."
		require.Equal(t, unusable, e.Error != nil, models[n])
		require.Equal(t, unusable, e.Verdict == string(hacarus.VerdictUnknown), models[n])
	}
}

// Nothing is wrong with images while the license is not valid: they wait, and it is
// told why.
func TestNoLicense(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.service.Inject("addItem", hacarustest.Status(http.StatusForbidden, nil, `{"errors":{"title":"License is not valid","status":403}}`))
	b.accept("a", "x", 1, "")
	b.inspector("one")
	require.Eventually(t, func() bool {
		last, err := b.queue.Last(t.Context(), queue.LeaseOf(OwnerKind, "a"))
		require.NoError(t, err)
		var o Ownership
		return last != nil && json.Unmarshal(last.Data, &o) == nil && o.Service != ""
	}, time.Minute, 5*time.Millisecond)
	require.Nil(t, entryOf(t, b.await(1)[0]).Error, "it is inspected once the license is valid again")
}

// A slow image keeps others waiting for a while only, and is not forgotten by the
// next inspector.
func TestHold(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.options.Hold = 50 * time.Millisecond
	release := make(chan struct{})
	open := b.options.Images
	slow := b.accept("a", "x", 1, "")
	b.options.Images = func(ctx context.Context, job queue.Job) (io.ReadCloser, error) {
		if job.ID == slow.ID {
			select {
			case <-release:
			case <-ctx.Done():
			}
		}
		return open(ctx, job)
	}
	stop := b.inspector("one")
	quick := b.accept("a", "x", 2, "other") // of another model, so that it does not wait behind
	all := b.await(1)
	require.Equal(t, quick.ID, entryOf(t, all[0]).ID)
	p, err := progressOf(&all[0])
	require.NoError(t, err)
	require.Len(t, p.missing, 1)
	stop()
	stations, err := Stations(t.Context(), b.queue)
	require.NoError(t, err)
	backlog, err := Waiting(t.Context(), b.queue, stations)
	require.NoError(t, err)
	require.Equal(t, 1, backlog["a"].Count)
	close(release)
	b.inspector("two")
	require.Equal(t, slow.ID, entryOf(t, b.await(2)[1]).ID)
}

// Draining begins with nothing more, and ends when what is under way has its verdict.
func TestDrain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	reached, release := make(chan struct{}), make(chan struct{})
	open := b.options.Images
	var once sync.Once
	b.options.Images = func(ctx context.Context, job queue.Job) (io.ReadCloser, error) {
		once.Do(func() { close(reached); <-release })
		return open(ctx, job)
	}
	b.options.Name = "one"
	draining, drain := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- Run(t.Context(), draining, b.options) }()
	b.accept("a", "x", 1, "")
	<-reached
	drain()
	close(release)
	require.NoError(t, <-ended)
	require.Len(t, b.verdicts(), 1)
	last, err := b.queue.Last(t.Context(), queue.LeaseOf(OwnerKind, "a"))
	require.NoError(t, err)
	require.Contains(t, string(last.Data), `"owner":""`, "others may take the station at once")
}

func TestProgress(t *testing.T) {
	t.Parallel()
	p := progress{through: 9, missing: []uint64{7, 3}}
	got, err := progressOf(&queue.Message{Header: p.header()})
	require.NoError(t, err)
	require.Equal(t, p, got)
	require.Equal(t, uint64(3), got.floor())
	got, err = progressOf(nil)
	require.NoError(t, err)
	require.Equal(t, progress{}, got)
	_, err = progressOf(&queue.Message{})
	require.Error(t, err)
}

// What is older than the history is forgotten, of verdicts and of judgements, but for
// what was said last.
func TestHistory(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	i := &inspection{station: &station{Options: b.options, name: "a"}, ctx: t.Context()}
	i.History = 50 * time.Millisecond
	subjects := []string{queue.VerdictsOf("a"), queue.JudgementsOf("a")}
	said := func(subject string) {
		w, _, err := b.queue.NewWriter(t.Context(), subject)
		require.NoError(t, err)
		_, err = w.Write(t.Context(), nil, []byte("{}"))
		require.NoError(t, err)
	}
	for _, subject := range subjects {
		said(subject)
		said(subject)
	}
	first := func(subject string) int {
		m, err := b.queue.Next(t.Context(), subject, 0)
		require.NoError(t, err)
		return m.Nth()
	}
	require.Eventually(t, func() bool {
		said(subjects[0])
		require.NoError(t, i.trim())
		return first(subjects[0]) > 2
	}, time.Minute, 10*time.Millisecond)
	require.Equal(t, 2, first(subjects[1]), "nobody has judged since")
}
