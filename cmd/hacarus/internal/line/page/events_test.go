package page

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// pipes is a network in memory, in which time can be made to pass.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func newPipes() *pipes { return &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.accepted <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// room is a page with its feed, on a network in memory. It is for a bubble of
// synctest.
type room struct {
	*Page
	t       *testing.T
	feed    *fakeFeed
	network *pipes
	client  *http.Client
	stop    func()
}

func newRoom(t *testing.T, feed *fakeFeed, opts Options) *room {
	t.Helper()
	r := &room{Page: New(feed, opts), t: t, feed: feed, network: newPipes()}
	r.client = &http.Client{Transport: &http.Transport{DialContext: r.network.dial, DisableKeepAlives: true}}
	ctx, cancel := context.WithCancel(t.Context())
	server := &http.Server{Handler: r.Page}
	var jobs sync.WaitGroup
	jobs.Go(func() { r.Run(ctx) })
	jobs.Go(func() { _ = server.Serve(r.network) })
	r.stop = sync.OnceFunc(func() {
		cancel()
		_ = server.Close()
		jobs.Wait()
	})
	t.Cleanup(r.stop)
	return r
}

// message is an event as a browser reads it.
type received struct {
	name, id string
	data     []byte
}

// stream is an open stream of events.
type stream struct {
	t        *testing.T
	response *http.Response
	lines    *bufio.Reader
	last     string // what a browser sends when it comes back
	broken   bool
}

// listen opens a stream after an event; "" is from the beginning.
func (r *room) listen(ctx context.Context, last string) *stream {
	r.t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1/events", http.NoBody)
	require.NoError(r.t, err)
	if last != "" {
		request.Header.Set("Last-Event-ID", last)
	}
	response, err := r.client.Do(request) //nolint:bodyclose // the stream does
	require.NoError(r.t, err)
	require.Equal(r.t, http.StatusOK, response.StatusCode)
	require.Equal(r.t, "text/event-stream", response.Header.Get("Content-Type"))
	return &stream{t: r.t, response: response, lines: bufio.NewReader(response.Body), last: last}
}

// next returns the next event. It is false when the stream has ended.
func (s *stream) next() (e received, ok bool) {
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			s.broken = true
			return received{}, false
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "event":
			e.name = value
		case "id":
			e.id = value
		case "data":
			e.data = []byte(value)
		case "":
			if e.name != "" {
				if e.id != "" {
					s.last = e.id
				}
				return e, true
			}
		}
	}
}

// until returns the first event of a name.
func (s *stream) until(name string) received {
	s.t.Helper()
	for {
		e, ok := s.next()
		require.True(s.t, ok, "the stream has ended before there was a %s", name)
		if e.name == name {
			return e
		}
	}
}

func (s *stream) close() { _ = s.response.Body.Close() }

func decode[T any](t *testing.T, data []byte) (value T) {
	t.Helper()
	require.NoError(t, json.Unmarshal(data, &value), "%s", data)
	return value
}

func TestStreamBeginsWithAllThatIsShown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		feed := newFeed()
		feed.stations = []Station{{Name: "B", Waiting: 3, Oldest: time.Now()}, {Name: "C", Lost: true, LastSeen: time.Now().Add(-time.Hour), Service: "503"}}
		for n := range 40 {
			feed.numbered("A", n)
		}
		r := newRoom(t, feed, Options{})
		s := r.listen(t.Context(), "")
		defer s.close()
		e := s.until("snapshot")
		snapshot := decode[statusView](t, e.data)
		require.Equal(t, fmt.Sprint(snapshot.Seq), e.id)
		require.Equal(t, feed.events[39].Seq, snapshot.Seq)
		require.False(t, snapshot.Away)
		require.Len(t, snapshot.Stations, 3)
		a, b, c := snapshot.Stations[0], snapshot.Stations[1], snapshot.Stations[2]
		require.Equal(t, counts{20, 10, 10}, a.Counts)
		require.Len(t, a.Recent, keptImages)
		require.Equal(t, "A-39", a.Recent[0].ID, "newest first")
		require.Equal(t, 3, b.Waiting)
		require.Zero(t, b.LastSeen, "which would change all the time")
		require.True(t, c.Lost)
		require.Equal(t, "503", c.Service)
		require.NotZero(t, c.LastSeen)
		feed.numbered("A", 40)
		require.Equal(t, "A-40", decode[verdictView](t, s.until("verdict").data).Image.ID)
	})
}

// A browser is not shown what was yesterday while the page still reads it.
func TestStreamWaitsUntilThePageHasCaughtUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		feed := newFeed()
		feed.pace = 700 * time.Millisecond // the queue has much to do
		for n := range 50 {
			feed.inspected("A", fmt.Sprint(n), "OK", time.Now().Add(-24*time.Hour))
		}
		begun := time.Now()
		r := newRoom(t, feed, Options{})
		s := r.listen(t.Context(), "")
		defer s.close()
		snapshot := decode[statusView](t, s.until("snapshot").data)
		require.Equal(t, "49", snapshot.Stations[0].Recent[0].ID)
		require.GreaterOrEqual(t, time.Since(begun), 50*feed.pace)
	})
}

// Whenever a browser comes back, and from whichever event, it gets each event after
// that once, in order.
func TestStreamResumes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			feed := newFeed()
			for n := range 10 {
				feed.numbered("A", n)
			}
			r := newRoom(t, feed, Options{})
			const total = 300
			var line sync.WaitGroup
			defer line.Wait()
			var wanted []uint64
			ready := make(chan struct{})
			line.Go(func() {
				<-ready
				pause := rand.New(rand.NewPCG(seed, 2))
				for n := range total {
					wanted = append(wanted, feed.numbered(string(rune('A'+n%3)), 10+n))
					time.Sleep(time.Duration(pause.IntN(60)) * time.Millisecond)
				}
			})
			var got []uint64
			snapshots, connections := 0, 0
			last := ""
			for len(got) < total {
				ctx, cancel := context.WithCancel(t.Context())
				s := r.listen(ctx, last)
				connections++
				life := 1 + random.IntN(60)
				for range life {
					e, ok := s.next()
					if !ok {
						break
					}
					switch e.name {
					case "snapshot":
						snapshots++
						if snapshots == 1 {
							close(ready)
						}
					case "verdict":
						got = append(got, decode[verdictView](t, e.data).Seq)
					}
				}
				last = s.last
				cancel()
				s.close()
				time.Sleep(time.Duration(random.IntN(3000)) * time.Millisecond)
			}
			line.Wait()
			require.Equal(t, wanted, got)
			require.Equal(t, 1, snapshots, "all that it missed was still there")
			require.Greater(t, connections, 5)
			r.stop()
		})
	}
}

// A browser that comes back from where nothing is known of gets all that is shown,
// instead of a part that it would take for all.
func TestStreamOfUnknownPlaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		feed := newFeed()
		for n := range keptEvents + 500 {
			feed.numbered("A", n)
		}
		r := newRoom(t, feed, Options{})
		time.Sleep(2 * time.Second)
		end := feed.events[len(feed.events)-1].Seq
		for name, last := range map[string]string{
			"older than what is kept": fmt.Sprint(feed.events[400].Seq), "of another line": fmt.Sprint(end + 1000), "the first": "0", "no number": "x",
			"too large": "99999999999999999999",
		} {
			s := r.listen(t.Context(), last)
			e := s.until("snapshot")
			require.Equal(t, fmt.Sprint(end), e.id, name)
			s.close()
		}
		kept := feed.events[len(feed.events)-keptEvents-1].Seq
		s := r.listen(t.Context(), fmt.Sprint(kept))
		for _, e := range feed.events[len(feed.events)-keptEvents:] {
			require.Equal(t, e.Seq, decode[verdictView](t, s.until("verdict").data).Seq, "what is kept comes one by one")
		}
		s.close()
		s = r.listen(t.Context(), fmt.Sprint(end))
		require.Equal(t, "status", func() string {
			for {
				if e, _ := s.next(); e.name != "version" && e.name != "beat" {
					return e.name
				}
			}
		}(), "nothing is missing")
		s.close()
		r.stop()
	})
}

// The address resumes too, for scripts.
func TestStreamResumesByAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		feed := newFeed()
		first := feed.numbered("A", 1)
		second := feed.numbered("A", 2)
		r := newRoom(t, feed, Options{})
		time.Sleep(2 * time.Second)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1/events?after=%d", first), http.NoBody)
		require.NoError(t, err)
		response, err := r.client.Do(request) //nolint:bodyclose // the stream does
		require.NoError(t, err)
		s := &stream{t: t, response: response, lines: bufio.NewReader(response.Body)}
		defer s.close()
		require.Equal(t, second, decode[verdictView](t, s.until("verdict").data).Seq)
	})
}

// A browser that takes nothing holds up neither the line nor other browsers. It is
// dropped, and comes back to all that is shown.
func TestSlowBrowser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		feed := newFeed()
		feed.numbered("A", 0)
		r := newRoom(t, feed, Options{})
		slow := r.listen(t.Context(), "")
		slow.until("snapshot") // and then it reads nothing
		quick := r.listen(t.Context(), "")
		defer quick.close()
		quick.until("snapshot")
		begun := time.Now()
		for n := range 3 * keptEvents {
			seq := feed.numbered("A", 1+n)
			require.Equal(t, seq, decode[verdictView](t, quick.until("verdict").data).Seq)
		}
		require.Less(t, time.Since(begun)/(3*keptEvents), 2*gather, "it is not held up")
		for begun = time.Now(); time.Since(begun) < 2*writeTime; {
			quick.until("beat")
		}
		require.Len(t, r.browsers, 1, "the slow one was dropped")
		for {
			if _, ok := slow.next(); !ok {
				break
			}
		}
		again := r.listen(t.Context(), slow.last)
		defer again.close()
		again.until("snapshot")
	})
}

// Silence is broken, so that a browser knows a dead stream from a quiet line.
func TestBeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, newFeed(), Options{})
		s := r.listen(t.Context(), "")
		defer s.close()
		s.until("snapshot")
		for range 10 {
			before := time.Now()
			e := s.until("beat")
			require.LessOrEqual(t, time.Since(before), r.beat+time.Second)
			require.Equal(t, fmt.Sprint(time.Now().UnixMilli()), string(e.data), "it is the page's clock")
			require.Empty(t, e.id, "and no place in the line")
		}
	})
}

func TestBrowsersAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, newFeed(), Options{})
		for range maxBrowsers {
			r.browsers <- struct{}{}
		}
		response, err := r.client.Do(request(t, http.MethodGet, "/events", ""))
		require.NoError(t, err)
		response.Body.Close()
		require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
		require.NotEmpty(t, response.Header.Get("Retry-After"))
		<-r.browsers
		r.listen(t.Context(), "").close()
	})
}

// Streams end with the page, so that a server can end in order.
func TestStreamsEndWithThePage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		feed := newFeed()
		page := New(feed, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		network := newPipes()
		server := &http.Server{Handler: page}
		var jobs sync.WaitGroup
		jobs.Go(func() { page.Run(ctx) })
		jobs.Go(func() { _ = server.Serve(network) })
		r := &room{Page: page, t: t, feed: feed, network: network, client: &http.Client{Transport: &http.Transport{DialContext: network.dial}}}
		s := r.listen(t.Context(), "")
		s.until("snapshot")
		cancel()
		require.NoError(t, server.Shutdown(t.Context()))
		jobs.Wait()
		r.client.CloseIdleConnections()
	})
}

// What the page does not know of the line, it says, and says when it knows again.
func TestFeedAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		feed := newFeed()
		feed.stations = []Station{{Name: "A"}}
		feed.numbered("A", 1)
		r := newRoom(t, feed, Options{})
		s := r.listen(t.Context(), "")
		defer s.close()
		s.until("snapshot")
		feed.set(func() { feed.away = errAway })
		for !decode[statusView](t, s.until("status").data).Away {
		}
		var seq uint64
		feed.set(func() {
			seq = feed.addLocked(record.Entry{ID: "2", Station: "A", Time: time.Now(), Verdict: "OK", By: record.Model})
			feed.away = nil
		})
		require.Equal(t, seq, decode[verdictView](t, s.until("verdict").data).Seq, "and goes on where it was")
		for decode[statusView](t, s.until("status").data).Away {
		}
	})
}

// Of a line that cannot be reached from the start, that is all that is told, and a
// browser that knows more keeps it.
func TestFeedAwayAtFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		feed := newFeed()
		feed.stations = []Station{{Name: "A"}}
		seq := feed.numbered("A", 1)
		feed.away = errAway
		r := newRoom(t, feed, Options{})
		s := r.listen(t.Context(), "")
		defer s.close()
		for {
			e, ok := s.next()
			require.True(t, ok)
			require.NotEqual(t, "snapshot", e.name)
			if e.name != "status" {
				continue
			}
			status := decode[statusView](t, e.data)
			require.Empty(t, status.Stations)
			require.Zero(t, status.Seq, "which is older than anything that a browser knows")
			if status.Away {
				break
			}
		}
		feed.set(func() { feed.away = nil })
		snapshot := decode[statusView](t, s.until("snapshot").data)
		require.Equal(t, seq, snapshot.Seq)
		for snapshot.Away {
			snapshot = decode[statusView](t, s.until("status").data)
		}
		require.Len(t, snapshot.Stations, 1)
	})
}

// A page that opens on a long history recalls what it shows, and nobody takes that
// for events.
func TestRecalled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		feed := newFeed()
		for n := range 5 {
			feed.numbered("A", n)
		}
		feed.older = feed.events
		after := feed.older[4].Seq
		r := newRoom(t, feed, Options{})
		first := feed.numbered("A", 5)
		time.Sleep(2 * time.Second)
		for _, last := range []string{"", fmt.Sprint(after - 1), "1"} {
			s := r.listen(t.Context(), last)
			e := s.until("snapshot")
			require.Equal(t, fmt.Sprint(first), e.id)
			snapshot := decode[statusView](t, e.data)
			require.Equal(t, counts{OK: 4, NG: 1, None: 1}, snapshot.Stations[0].Counts)
			require.Len(t, snapshot.Stations[0].Recent, 6)
			s.close()
		}
		s := r.listen(t.Context(), fmt.Sprint(after))
		defer s.close()
		require.Equal(t, first, decode[verdictView](t, s.until("verdict").data).Seq, "what came since does come one by one")
		feed.add(record.Entry{ID: "A-2", Station: "A", Time: time.Now(), Verdict: "OK", By: "Sato", Note: "dust"})
		judged := decode[verdictView](t, s.until("verdict").data)
		require.Equal(t, "Sato", judged.Image.By)
		require.Equal(t, counts{OK: 5, None: 1}, judged.Counts)
		feed.add(record.Entry{ID: "of long ago", Station: "A", Time: time.Now(), Verdict: "OK", By: "Sato", Note: "dust"})
		judged = decode[verdictView](t, s.until("verdict").data)
		require.Nil(t, judged.Image)
		require.Equal(t, "A", judged.Station)
	})
}

// A line that has no events for now is there all the same.
func TestFeedBackWithoutEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		feed := newFeed()
		feed.numbered("A", 1)
		r := newRoom(t, feed, Options{})
		s := r.listen(t.Context(), "")
		defer s.close()
		s.until("snapshot")
		feed.set(func() { feed.away = errAway })
		for !decode[statusView](t, s.until("status").data).Away {
		}
		feed.set(func() { feed.away = nil })
		for decode[statusView](t, s.until("status").data).Away {
		}
	})
}

// Counters are those of the shift, by what holds of each image.
func TestCounters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		feed := newFeed()
		shift := time.Now().Truncate(24 * time.Hour)
		time.Sleep(7 * time.Hour)
		feed.inspected("A", "before", "NG", shift.Add(6*time.Hour-time.Second))
		feed.inspected("A", "first", "OK", shift.Add(6*time.Hour))
		feed.inspected("A", "second", "NG", shift.Add(6*time.Hour+time.Second))
		r := newRoom(t, feed, Options{Shifts: []time.Duration{6 * time.Hour, 14 * time.Hour}, Location: time.UTC})
		s := r.listen(t.Context(), "")
		defer s.close()
		snapshot := decode[statusView](t, s.until("snapshot").data)
		require.Equal(t, counts{OK: 1, NG: 1}, snapshot.Stations[0].Counts)
		require.Equal(t, shift.Add(6*time.Hour).UnixMilli(), snapshot.Shift)
		judge := func(id, verdict string) verdictView {
			feed.add(record.Entry{ID: id, Station: "A", Time: time.Now(), Verdict: verdict, By: "Sato", Note: "dust"})
			return decode[verdictView](t, s.until("verdict").data)
		}
		require.Equal(t, counts{OK: 2}, judge("second", "OK").Counts, "what a person says holds")
		require.Equal(t, counts{OK: 1, None: 1}, judge("first", "unknown").Counts)
		require.Equal(t, counts{OK: 1, None: 1}, judge("before", "OK").Counts, "of an earlier shift")
		feed.add(record.Entry{ID: "second", Station: "A", Time: time.Now(), Verdict: "NG", By: "Sato", Undo: true})
		back := decode[verdictView](t, s.until("verdict").data)
		require.Equal(t, counts{NG: 1, None: 1}, back.Counts, "what held before holds again")
		require.Equal(t, "Sato", back.Image.UndoBy)
		require.Equal(t, counts{OK: 1, None: 1}, judge("second", "OK").Counts)
		forgotten := judge("unheard of", "OK")
		require.Nil(t, forgotten.Image)
		feed.inspected("A", "clock", "OK", time.Now().Add(time.Hour))
		ahead := decode[verdictView](t, s.until("verdict").data)
		require.Equal(t, counts{OK: 2, None: 1}, ahead.Counts)
		require.LessOrEqual(t, ahead.Image.Since, time.Now().UnixMilli(), "no clock makes an image newer than now")

		for { // until the next shift
			status := decode[statusView](t, s.until("status").data)
			if status.Shift == shift.Add(14*time.Hour).UnixMilli() {
				require.Equal(t, counts{}, status.Stations[0].Counts)
				break
			}
		}
		require.Equal(t, counts{}, judge("second", "NG").Counts, "of the shift before")
		feed.inspected("A", "third", "NG", time.Now())
		require.Equal(t, counts{NG: 1}, decode[verdictView](t, s.until("verdict").data).Counts)
	})
}

// What the page keeps does not grow with what the line inspects.
//
//nolint:paralleltest // it measures the memory of the process
func TestMemoryIsFlat(t *testing.T) {
	l := newLine(shifts{location: time.UTC})
	boxes := make([][4]int, 300)
	seq := uint64(0)
	inspect := func(n int) {
		for range n {
			seq++
			l.take(Event{seq, record.Entry{
				ID: fmt.Sprint("image ", seq), Time: time.Now(), Station: fmt.Sprint("S", seq%20), File: "x.png", Verdict: "NG", By: record.Model, Boxes: boxes,
			}})
			if seq%3 == 0 {
				l.take(Event{seq + 1, record.Entry{ID: fmt.Sprint("image ", seq), Time: time.Now(), Station: "S0", Verdict: "OK", By: "Sato"}})
				seq++
			}
		}
	}
	kept := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	inspect(1500)
	before := kept()
	inspect(9000)
	after := kept()
	require.Less(t, float64(after), float64(before)*1.2+4<<20)
	require.Len(t, l.stations, 20)
	require.Len(t, l.images, 20*keptImages)
	require.Len(t, l.log, keptEvents)
	for n := range 3 * keptStations {
		seq++
		l.take(Event{seq, record.Entry{ID: fmt.Sprint("of ", n), Station: fmt.Sprint("T", n), Verdict: "OK", By: record.Model}})
	}
	require.Len(t, l.stations, keptStations)
	require.LessOrEqual(t, len(l.images), keptStations*keptImages)
	runtime.KeepAlive(l)
}

// Reading the page and adding to it go together.
func TestStreamsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		feed := newFeed()
		feed.numbered("A", 0)
		r := newRoom(t, feed, Options{})
		var browsers, ready sync.WaitGroup
		for b := range 20 {
			s := r.listen(t.Context(), "")
			ready.Add(1)
			browsers.Go(func() {
				defer s.close()
				s.until("snapshot")
				ready.Done()
				for n := range 100 {
					assert.Equal(t, fmt.Sprintf("A-%d", n+1), decode[verdictView](t, s.until("verdict").data).Image.ID, "browser %d", b)
				}
			})
		}
		ready.Wait()
		for n := range 100 {
			feed.numbered("A", n+1)
			time.Sleep(time.Millisecond)
		}
		browsers.Wait()
	})
}

func request(t *testing.T, method, path, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1"+path, strings.NewReader(body))
	require.NoError(t, err)
	return r
}
