// Package page is what the people at a line look at: the last image of each station,
// its verdict, and how old it is, in any number of browsers.
package page

import (
	"cmp"
	"context"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/inspector"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// A Feed is where the page has its line from.
type Feed interface {
	// Recall returns what a page that opens now has to know of the past: all since a
	// time, and the last images of each station.
	Recall(ctx context.Context, images int, since time.Time) (Past, error)
	// Events yields what is there after a sequence number, and then what comes, until
	// the context ends. After an error it ends, and the page asks again from where it
	// was.
	Events(ctx context.Context, after uint64) iter.Seq2[Event, error]
	// Stations returns how the stations are. It is called every second or two.
	Stations(ctx context.Context) ([]Station, error)
	// Image opens an image of a station; fs.ErrNotExist where it is not there any more.
	Image(ctx context.Context, station, id string) (io.ReadCloser, error)
	// Judge adds what a person says to the record, where it is durable when Judge
	// returns. It then comes back as an event, to this page and to all others.
	Judge(ctx context.Context, e record.Entry) error
}

// Event is a verdict or a judgement. Its sequence number is larger than those of
// all events before it, also after a restart.
type Event struct {
	Seq uint64
	record.Entry
}

// Past is what a page has to know that opens.
type Past struct {
	Older []Event // the lines about the last images of each station that are not after After
	After uint64  // of the events after it, each is needed
	Until uint64  // the last event that is there, or one before it; 0 if there is none
}

// Station is how a station is.
type Station struct {
	Name     string
	Waiting  int               // images that were accepted and have no verdict yet
	Oldest   time.Time         // since when the image has waited that waits longest; zero if none waits
	LastSeen time.Time         // when the station last was heard of; zero if never
	Service  string            // why the service is away for it, in its own words; "" if it is there
	Trouble  inspector.Trouble // what kind of reason that is
	Lost     bool              // nothing is heard of the station any more
}

// Options are what an operator may want otherwise. The zero value is a page on which
// anybody can look and nobody can judge.
type Options struct {
	Token  string          // what judging needs, and looking too unless Public; "": nobody can judge
	Public bool            // looking needs no token
	Hosts  []string        // names that the page may be called by, besides addresses and localhost
	Shifts []time.Duration // when shifts start, from midnight in Location; none: at midnight
	// Location is where the shifts are; nil is [time.Local].
	Location *time.Location
	Stale    time.Duration // the age from which a verdict, or an image that waits for one, is old; 0: two minutes
	Title    string        // of the page; "": that of the program
	Logger   *slog.Logger  // nil is silence
}

// Page is the page of a line, for any number of browsers. What it keeps does not
// grow with what the line inspects.
type Page struct {
	feed     Feed
	opts     Options
	line     *line
	pictures *pictures
	judging  judging
	handler  http.Handler
	browsers chan struct{} // holds something for each stream that is open
	ended    chan struct{} // closed once Run has ended
	version  string        // of the assets
	beat     time.Duration // a browser that hears nothing for some beats comes again
}

// New returns the page of a feed. It shows something once [Page.Run] runs.
func New(feed Feed, opts Options) *Page {
	opts.Stale = cmp.Or(opts.Stale, 2*time.Minute)
	opts.Location = cmp.Or(opts.Location, time.Local)
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	page := &Page{
		feed:     feed,
		opts:     opts,
		line:     newLine(shifts{opts.Shifts, opts.Location}),
		pictures: newPictures(feed),
		judging:  judging{under: map[string]bool{}},
		browsers: make(chan struct{}, maxBrowsers),
		ended:    make(chan struct{}),
		version:  assetsVersion,
		beat:     4 * time.Second,
	}
	page.handler = page.routes()
	return page
}

// ServeHTTP serves the page. All its addresses are relative, so that it can be
// mounted below any path with [http.StripPrefix].
func (page *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) { page.handler.ServeHTTP(w, r) }

func (page *Page) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", page.looking(page.index))
	mux.Handle("GET /events", page.looking(page.events))
	mux.Handle("GET /images/{id}", page.looking(page.image))
	mux.Handle("POST /judgements", page.judgingOnly(page.judge))
	mux.HandleFunc("GET /static/{version}/{name}", page.static)
	return page.guarded(mux)
}

// Run follows the feed until the context ends. It must be called once. With it end
// the streams of all browsers, which come again once the page is back.
func (page *Page) Run(ctx context.Context) {
	defer close(page.ended)
	var jobs sync.WaitGroup
	jobs.Go(func() { page.followEvents(ctx) })
	jobs.Go(func() { page.followStations(ctx) })
	jobs.Wait()
}

// followEvents takes in what happens. Where the feed fails it is asked again, at
// most every few seconds, and the page says that it may be behind.
func (page *Page) followEvents(ctx context.Context) {
	for failures := 1; ctx.Err() == nil; failures++ {
		// A line on which nothing happens tells nothing either: it is there where it
		// does not fail for a while.
		there := time.AfterFunc(time.Second, func() { page.line.reached(sourceEvents) })
		for event, err := range page.missing(ctx) {
			if err != nil {
				page.failed(ctx, sourceEvents, err)
				break
			}
			page.line.take(event)
			failures = 0
		}
		there.Stop()
		pause(ctx, min(time.Duration(failures)*250*time.Millisecond, 5*time.Second))
	}
}

// clocksDiffer is by how much the clock of an inspector, which tells when an image was
// inspected, may be ahead of the queue's.
const clocksDiffer = 10 * time.Minute

// missing yields the events that the page does not have yet. The first time, it
// recalls what it needs of those before them.
func (page *Page) missing(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if since, recalled := page.line.begin(); !recalled {
			past, err := page.feed.Recall(ctx, keptImages, since.Add(-clocksDiffer))
			if err != nil {
				yield(Event{}, err)
				return
			}
			page.line.recall(past)
		}
		page.feed.Events(ctx, page.line.position())(yield)
	}
}

// followStations looks how the stations are.
func (page *Page) followStations(ctx context.Context) {
	for ctx.Err() == nil {
		asking, cancel := context.WithTimeout(ctx, 5*time.Second)
		stations, err := page.feed.Stations(asking)
		cancel()
		if err != nil {
			page.failed(ctx, sourceStations, err)
		} else {
			page.line.look(stations)
		}
		pause(ctx, time.Second)
	}
}

// failed notes that a part of the feed is away. It is logged once.
func (page *Page) failed(ctx context.Context, from source, err error) {
	if ctx.Err() == nil && page.line.failed(from) {
		page.opts.Logger.Warn("the line cannot be followed", "part", string(from), "error", err)
	}
}

// pause waits, or until the context ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
