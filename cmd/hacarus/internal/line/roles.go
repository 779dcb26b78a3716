package line

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v3"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/interrupt"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/inspector"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/intake"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/page"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/verdicts"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/localpage"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/settings"
)

// process is one process of a line.
type process struct {
	p     *program.Program
	cmd   *cli.Command // whose flags say how
	roles roles
	log   *slog.Logger

	data     string // the line's folder; "" where there is none
	token    string // of the page, and of those who read the line's folder
	queue    *queue.Queue
	prepared chan struct{} // is closed when the queue can be used
	feed     verdicts.Feed
	spool    *intake.Spool // nil where images are not taken in
	metrics  *metrics
	mux      *http.ServeMux // of all that the roles serve

	work    context.Context //nolint:containedctx // ends when the process is to end at once
	running sync.WaitGroup
	failed  chan error // what ends the process
	closing []func()   // in the order of their opening
}

// runRoles runs the roles until the context ends.
func runRoles(ctx context.Context, p *program.Program, cmd *cli.Command, r roles) error {
	if err := check(p, cmd, r); err != nil {
		return err
	}
	if cmd.Bool("demo") {
		return runDemo(ctx, p, cmd)
	}
	var client *hacarus.Client
	if r.inspect {
		// Operators wait for the service to come back: it is asked every few seconds.
		connected, err := settings.Connect(ctx, p, cmd, hacarus.WithRetry(hacarus.RetryPolicy{MaxWait: 4 * time.Second}))
		if err != nil {
			return err
		}
		defer connected.Close()
		client = connected
	}
	return newProcess(p, cmd, r, cmd.String("data")).run(ctx, client, cmd.String("model"), nil)
}

func newProcess(p *program.Program, cmd *cli.Command, r roles, data string) *process {
	return &process{
		p: p, cmd: cmd, roles: r, data: data, mux: http.NewServeMux(), failed: make(chan error, 8), prepared: make(chan struct{}),
		log: slog.New(slog.NewTextHandler(p.Console, &slog.HandlerOptions{Level: levelOf(cmd)})),
	}
}

func levelOf(cmd *cli.Command) slog.Level {
	if cmd.Bool("verbose") {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// run runs the roles. started, if it is not nil, is called with the base URL.
func (l *process) run(ctx context.Context, client *hacarus.Client, model string, started func(url string)) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.work = work
	defer l.close()
	defer stop()
	if err := l.open(ctx); err != nil {
		return err
	}
	defer startTracing(ctx, l.log)()
	l.metrics = newMetrics(l)
	if l.roles.intake {
		if err := l.takeIn(ctx); err != nil {
			return err
		}
	}
	drained := make(chan struct{})
	if l.roles.inspect {
		l.running.Go(func() {
			defer close(drained)
			l.onQueue(ctx, func() { l.inspect(ctx, client, model) })
		})
	} else {
		close(drained)
	}
	if l.roles.page {
		if err := l.showPage(); err != nil {
			return err
		}
	}
	l.mount()
	url, shut, err := l.listen(ctx)
	if err != nil {
		return err
	}
	defer shut()
	if started != nil {
		started(url)
	}
	select {
	case err := <-l.failed:
		return err
	case <-ctx.Done():
	}
	shut() // no image is taken in any more
	return l.drain(ctx, drained)
}

// drain gives the images under way some time for their verdicts.
func (l *process) drain(ctx context.Context, drained <-chan struct{}) error {
	limit := 300 * time.Millisecond
	if interrupt.Terminated(ctx) {
		limit = l.cmd.Duration("drain")
	}
	select {
	case <-drained:
	case <-time.After(limit):
	}
	if interrupt.Terminated(ctx) {
		return nil // as it should
	}
	return context.Cause(ctx)
}

// open locks the folder, and opens the queue.
func (l *process) open(ctx context.Context) error {
	if l.data != "" {
		path, err := filepath.Abs(l.data)
		if err != nil {
			return err
		}
		l.data = path
	}
	if l.ownsFolder() {
		lock, err := awaitLock(ctx, l.data)
		if err != nil {
			return err
		}
		l.closing = append(l.closing, func() { _ = lock.Close() })
	}
	q, closeQueue, err := connectQueue(l.p, l.cmd, l.data, l.log)
	if err != nil {
		return err
	}
	l.queue = q
	l.running.Go(l.prepare)
	l.closing = append(l.closing, closeQueue)
	l.feed = verdicts.Feed{Queue: q, Images: l.images, Lost: l.cmd.Duration("lost"), Lease: cmp.Or(l.cmd.Duration("lease"), 5*time.Second)}
	return l.readToken()
}

// ownsFolder says whether the line's folder is this process's. Roles that do not take
// images in may see one of another process.
func (l *process) ownsFolder() bool { return l.data != "" && l.roles.intake }

// prepare waits for the queue. Images are accepted meanwhile.
func (l *process) prepare() {
	if err := l.queue.Prepare(l.work); err == nil {
		close(l.prepared)
	} else if l.work.Err() == nil {
		l.failed <- err
	}
}

// onQueue does some work once the queue can be used, unless the context ends before.
func (l *process) onQueue(ctx context.Context, work func()) {
	select {
	case <-l.prepared:
		work()
	case <-ctx.Done():
	case <-l.work.Done(): // something else has ended the process
	}
}

// openQueue waits until the queue that the flags name can be used.
func openQueue(ctx context.Context, p *program.Program, cmd *cli.Command, data string, log *slog.Logger) (*queue.Queue, func(), error) {
	q, closeQueue, err := connectQueue(p, cmd, data, log)
	if err != nil {
		return nil, nil, err
	}
	if err := q.Prepare(ctx); err != nil {
		closeQueue()
		return nil, nil, err
	}
	return q, closeQueue, nil
}

// connectQueue connects to the queue that the flags name, or starts it.
func connectQueue(p *program.Program, cmd *cli.Command, data string, log *slog.Logger) (*queue.Queue, func(), error) {
	opts := queue.Options{
		URL: cmd.String("nats"), Credentials: cmd.String("nats-credentials"), Token: p.Getenv(tokenVariable),
		Replicas: cmp.Or(cmd.Int("replicas"), 3), Name: "hacarus " + cmd.Name, Log: log,
	}
	stop := func() {}
	if opts.URL == "" {
		server, err := queue.StartServer(filepath.Join(data, "queue"), log)
		if err != nil {
			return nil, nil, err
		}
		opts.Server, opts.Replicas, stop = server, 1, server.Close
	}
	q, err := queue.Connect(opts)
	if err != nil {
		stop()
		return nil, nil, err
	}
	return q, func() { q.Close(); stop() }, nil
}

// images opens an image: on the disk, or in the queue.
func (l *process) images(ctx context.Context, station, id string) (io.ReadCloser, error) {
	var places []verdicts.Opener
	if l.data != "" {
		places = append(places, func(_ context.Context, station, id string) (io.ReadCloser, error) {
			return intake.Open(l.data, station, id)
		})
	}
	if l.cmd.String("nats") != "" && !l.cmd.Bool("shared") {
		places = append(places, func(ctx context.Context, _, id string) (io.ReadCloser, error) { return l.queue.OpenImage(ctx, id) })
	}
	return verdicts.Anywhere(places...)(ctx, station, id)
}

const mib = 1 << 20

// takeIn begins to take images in.
func (l *process) takeIn(ctx context.Context) error {
	tokens, err := l.tokens()
	if err != nil {
		return err
	}
	if tokens == nil && !localpage.IsLoopback(l.cmd.String("addr")) && !l.cmd.Bool("open") {
		return errors.New(l.p.Text("--addr is open to the network: name the stations' --tokens, or let anybody in with --open"))
	}
	l.spool, err = intake.OpenSpool(intake.SpoolDir(l.data), intake.Limits{
		Bytes: int64(l.cmd.Int("max-waiting")) * mib, Age: l.cmd.Duration("max-age"),
		Free: int64(l.cmd.Int("min-free")) * mib, Image: int64(l.cmd.Int("max-image")) * mib,
	})
	if err != nil {
		return err
	}
	keep := intake.Keeping{OK: l.cmd.Duration("keep"), NG: l.cmd.Duration("keep-ng"), Elsewhere: l.cmd.String("nats") != "" && !l.cmd.Bool("shared")}
	l.running.Go(func() {
		l.onQueue(l.work, func() {
			if keep.Elsewhere && !l.queue.CarriesImages() {
				l.failed <- errors.New(l.p.Text("images cannot travel through a cluster of this version of NATS: 2.9.18 or later is needed, or a folder that all roles see, and --shared"))
				return
			}
			l.spool.Run(l.work, l.queue, keep, l.log)
		})
	})
	l.mux.Handle("/v1/images", traced("accept image", intake.NewHandler(intake.Handler{Spool: l.spool, Tokens: tokens, Log: l.log, Accepted: l.metrics.accepted})))
	return l.watchFolders(ctx)
}

// tokens returns the tokens of the stations; nil for anybody.
func (l *process) tokens() (func() map[string]string, error) {
	path := l.cmd.String("tokens")
	if path == "" {
		return nil, nil
	}
	tokens, err := newReloaded(l.log, func() (map[string]string, error) { return readTokens(path) }, path)
	return tokens.get, err
}

// inspect has images inspected.
func (l *process) inspect(ctx context.Context, client *hacarus.Client, model string) {
	name := l.cmd.String("name")
	if name == "" && l.data != "" && l.cmd.String("nats") == "" {
		name = "line" // the only one, who takes its own place after a restart
	}
	err := inspector.Run(l.work, ctx, inspector.Options{
		Name: cmp.Or(name, queue.Hostname()+"-"+strings.ToLower(rand.Text()[:6])), Queue: l.queue, Client: client, Model: model,
		Images: func(ctx context.Context, job queue.Job) (io.ReadCloser, error) {
			return l.images(ctx, job.Station, job.ID)
		},
		Lease: l.cmd.Duration("lease"), Hold: l.cmd.Duration("hold"), History: l.cmd.Duration("history"),
		Concurrency: l.cmd.Int("concurrency"), Grace: l.cmd.Duration("grace"), Remember: l.cmd.Duration("remember"),
		Wait: []hacarus.WaitOption{hacarus.WithPollInterval(20*time.Millisecond, 2*time.Second)},
		Log:  l.log, Settled: l.settled,
	})
	if err != nil && l.work.Err() == nil {
		l.failed <- err
	}
}

func (l *process) settled(job queue.Job, i *hacarus.Inspection) {
	l.metrics.settled(job, i)
	traceInspection(job, i)
}

// showPage begins to show the line, and to keep its record.
func (l *process) showPage() error {
	shifts, err := readShifts(l.cmd.StringSlice("shift"))
	if err != nil {
		return err
	}
	operators := page.New(l.feed, page.Options{
		Token: l.token, Public: l.cmd.Bool("public"), Hosts: l.cmd.StringSlice("host"), Shifts: shifts, Stale: l.cmd.Duration("stale"), Logger: l.log,
	})
	l.running.Go(func() { operators.Run(l.work) })
	l.mux.Handle("/", operators)
	path := l.cmd.String("record")
	if path == "" && l.data != "" {
		path = filepath.Join(l.data, "record.jsonl")
	}
	if path != "" {
		l.running.Go(func() { l.onQueue(l.work, func() { l.keepRecord(path) }) })
	}
	return nil
}

// keepRecord writes the record's file, whatever comes in between: a full disk is
// waited out.
func (l *process) keepRecord(path string) {
	file := verdicts.File{Path: path}
	if l.roles.intake {
		file.Place = func(e *record.Entry) {
			e.To = intake.PathOf(l.data, *e)
			e.Dir = filepath.Dir(e.To)
		}
	}
	for l.work.Err() == nil {
		if err := file.Run(l.work, l.queue); err != nil && l.work.Err() == nil {
			l.log.Error("the record cannot be written", "error", err)
		}
		select {
		case <-l.work.Done():
		case <-time.After(time.Second):
		}
	}
}

// close ends what runs, and then what it runs on.
func (l *process) close() {
	l.running.Wait()
	for n := len(l.closing) - 1; n >= 0; n-- {
		l.closing[n]()
	}
}
