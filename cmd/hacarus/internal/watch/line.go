package watch

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/inspect"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// line takes the images of a folder to their verdicts, and then where they belong.
type line struct {
	p       *program.Program
	client  *hacarus.Client
	opts    options
	journal hacarus.JournalStore
	record  *record.Record
	metrics *metrics
	list    *output.List
	// versions is used by one goroutine, the one that ranges.
	versions *versions
	notices  *notices // nil for none

	mu     sync.Mutex // guards what follows
	folder *folder
	queue  []*found
	more   chan struct{} // holds something while the queue may have images
	tries  map[string]int
	undone []deed // what could not be done, and is tried again
	copied *copied
}

// deed is what is still to be done with an image.
type deed struct {
	image *found
	entry record.Entry
	to    string // the entry's To, as the disk knows it
}

// maxTries is how often an image is inspected that fails for a reason that passes.
const maxTries = 3

func newLine(p *program.Program, client *hacarus.Client, opts options, journal hacarus.JournalStore, m *metrics) (*line, error) {
	record, err := record.Open(opts.record)
	if err != nil {
		return nil, err
	}
	return &line{
		p: p, client: client, opts: opts, journal: journal, record: record, metrics: m,
		list:     p.Out.List(inspect.Columns(p)),
		versions: &versions{client: client},
		folder:   newFolder(opts.dir, opts.settle, opts.sidecarWait()),
		more:     make(chan struct{}, 1),
		tries:    map[string]int{},
	}, nil
}

func (l *line) close() {
	_ = l.record.Close()
	l.copied.close()
}

// run watches until the context ends, or something that does not pass by itself
// ends it.
func (l *line) run(ctx context.Context) error {
	if err := l.resume(); err != nil {
		return err
	}
	l.p.Say("Watching %s", l.opts.dir)
	looking, stop := context.WithCancel(ctx)
	var looks sync.WaitGroup
	looks.Go(func() { l.look(looking) })
	defer looks.Wait()
	defer stop()
	report := inspect.Reporter(l.p)
	for inspection, err := range l.client.Inspect(ctx, hacarus.InspectRequest{
		ModelID: l.opts.model, Source: l.source(ctx), Store: l.journal, Grace: l.opts.grace, Remember: l.opts.remember, Progress: report,
	}) {
		if err != nil {
			return err
		}
		if err := l.settle(ctx, inspection); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// resume finishes what an earlier run has decided and not done, and leaves out
// the images that it has dealt with.
func (l *line) resume() error {
	others := []string{l.opts.ng, l.opts.failed}
	if l.opts.done != "" {
		others = append(others, l.opts.done)
	}
	if err := tidy(l.opts.dir, others...); err != nil {
		return err
	}
	images, err := imagesOf(l.opts.dir)
	if err != nil {
		return err
	}
	entries, err := settled(l.opts.record, images)
	if err != nil {
		return err
	}
	if !l.opts.move {
		if l.copied, err = openCopied(l.opts.journal+".copied", entries); err != nil {
			return err
		}
	}
	in, err := os.Stat(l.opts.dir)
	if err != nil {
		return err
	}
	for id, e := range entries {
		info := images[id]
		l.folder.take(info)
		if e.To != "" && !l.copied.has(id) {
			l.do(deed{&found{path: filepath.Join(l.opts.dir, info.Name()), info: info, in: in}, e, output.FromJSONString(e.To)})
		}
	}
	return nil
}

// look looks into the folder again and again.
func (l *line) look(ctx context.Context) {
	defer l.notices.close()
	away := false
	for ctx.Err() == nil {
		begun := time.Now()
		l.notices.attend(l.opts.dir, l.opts.every)
		next, err := l.lookOnce()
		if err != nil && !away {
			l.p.Warn("The folder cannot be read: %v", err) // a share may come back
		}
		if err == nil && away {
			l.p.Say("The folder is there again.")
		}
		away = err != nil
		l.metrics.folder(away)
		l.pause(ctx, next, time.Since(begun))
	}
}

// leastPause is for how long nothing is looked for, however many notices come: a
// file that is being written gives many.
const leastPause = 50 * time.Millisecond

// pause waits for the next look: for the usual time, until an image may be whole, or
// until something changes. A folder of a hundred thousand files takes its time, and
// is not looked into all the time.
func (l *line) pause(ctx context.Context, next time.Time, took time.Duration) {
	least := max(min(leastPause, l.opts.every), 4*took)
	longest := max(l.opts.every, least)
	if !next.IsZero() {
		longest = max(min(longest, time.Until(next)), least)
	}
	end := time.NewTimer(longest)
	defer end.Stop()
	select {
	case <-ctx.Done():
		return
	case <-time.After(least):
	}
	select {
	case <-ctx.Done():
	case <-end.C:
	case <-l.notices.coming():
	}
}

// lookOnce also says when an image may be whole that is not yet.
func (l *line) lookOnce() (next time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	undone := l.undone
	l.undone = nil
	for _, d := range undone {
		l.doLocked(d, false)
	}
	images, next, err := l.folder.finished(time.Now())
	for _, image := range images {
		l.queue = append(l.queue, image)
		l.metrics.waits(image)
	}
	if len(l.queue) > 0 {
		l.wake()
	}
	return next, err
}

func (l *line) wake() {
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// source yields the images as they are found.
func (l *line) source(ctx context.Context) iter.Seq[hacarus.File] {
	return func(yield func(hacarus.File) bool) {
		for {
			if image := l.next(); image != nil {
				if !yield(image.file()) {
					return
				}
				continue
			}
			select {
			case <-ctx.Done():
				return
			case <-l.more:
			}
		}
	}
}

func (l *line) next() *found {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return nil
	}
	image := l.queue[0]
	l.queue = l.queue[1:]
	return image
}

// settle records an outcome, and then does what follows from it: after a crash in
// between, the record tells what is left to do.
func (l *line) settle(ctx context.Context, i *hacarus.Inspection) error {
	image := i.Tag.(*found)
	if errors.Is(i.Err, hacarus.ErrUnfinished) {
		return nil // the journal knows how far it has come, and the next run goes on
	}
	sum, missing := l.sum(image)
	isBack := missing == nil && errors.Is(i.Err, errReplaced)
	if l.tryAgain(image, isBack || mayPass(i.Err) || mayPass(missing)) {
		l.metrics.forget(image)
		l.p.Warn("%s: %v; it is tried again", image.name(), cmp.Or(i.Err, missing))
		return nil
	}
	e := l.entryOf(ctx, i, image)
	e.SHA256 = sum
	to := ""
	if dir := l.target(i); dir != "" && missing == nil { // or else the verdict is all that is left
		to = place(dir, image)
	}
	e.To = output.JSONString(to)
	if err := l.record.Append(e); err != nil {
		return err
	}
	l.metrics.settled(image, i)
	if err := l.show(image, e); err != nil {
		return err
	}
	if to != "" {
		l.do(deed{image, e, to})
	}
	return nil
}

// mayPass says whether an image may get its verdict at another try: the trouble is
// the service's, or the disk's.
func mayPass(err error) bool {
	_, ofDisk := errors.AsType[*fs.PathError](err)
	return !errors.Is(err, errReplaced) && (ofDisk || hacarus.IsTemporary(err))
}

// tryAgain lets an image that failed be found again, a few times.
func (l *line) tryAgain(image *found, failed bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := image.path + "\x00" + image.info.ModTime().String()
	if l.tries[key]++; !failed || l.tries[key] >= maxTries {
		delete(l.tries, key)
		return false
	}
	l.folder.giveBack(image, time.Now())
	return true
}

// target is the folder that an image belongs to; "" if it stays.
func (l *line) target(i *hacarus.Inspection) string {
	switch {
	case i.Err != nil:
		return l.opts.failed
	case i.Verdict == hacarus.VerdictNG:
		return l.opts.ng
	}
	return l.opts.done
}

// sum is that of the image that was inspected; an error if it is not there.
func (l *line) sum(image *found) (string, error) {
	file, err := image.open()
	if err != nil {
		return "", err
	}
	defer file.Close()
	return sumOfFile(file)
}

func (l *line) entryOf(ctx context.Context, i *hacarus.Inspection, image *found) record.Entry {
	r := inspect.ResultOf(i)
	model := modelOf(i, l.opts.model)
	e := record.Entry{
		ID: idOf(l.opts.dir, image.info), Time: time.Now().UTC(),
		File: output.JSONString(image.name()), Dir: output.JSONString(l.opts.dir), Size: image.info.Size(), Written: image.info.ModTime().UTC(),
		Model: model, Version: l.versions.of(ctx, model), ItemID: i.ItemID,
		Verdict: string(i.Verdict), Score: r.Score, Boxes: record.OnPicture(r.Boxes, i.Item, func() (io.ReadCloser, error) { return image.open() }), Error: r.Error, By: record.Model,
		Sidecar: output.JSONString(image.sidecar.name), Beside: image.sidecar.sum, Note: image.sidecar.trouble,
	}
	e.Lot, e.Serial = l.opts.product(image)
	return e
}

// product returns the lot and the serial number of an image, from its name and from
// what stands beside it, which knows better.
func (o options) product(image *found) (lot, serial string) {
	if o.names != nil {
		if groups := o.names.FindStringSubmatch(image.name()); groups != nil {
			for n, name := range o.names.SubexpNames() {
				switch name {
				case "lot":
					lot = groups[n]
				case "serial":
					serial = groups[n]
				}
			}
		}
	}
	return cmp.Or(image.sidecar.lot, lot), cmp.Or(image.sidecar.serial, serial)
}

// show tells of an image: a line for people, or one of the record.
func (l *line) show(image *found, e record.Entry) error {
	if l.p.Out.Format() != output.Table {
		return l.list.Add(e, output.Text(e.File), output.Text(e.ItemID), output.Text(e.Verdict), output.Text(""), output.Text(""), output.Text(""))
	}
	widest := l.p.Out.Shown(output.Verdict(hacarus.VerdictUnknown))
	verdict := l.p.Out.Shown(output.Verdict(hacarus.Verdict(e.Verdict)))
	verdict.Text = output.Pad(verdict.Text, output.Width(widest.Text))
	text := l.p.Out.Paint(verdict) + "  " + output.Escape(image.name())
	if e.Error != nil {
		text += "  " + output.Escape(strings.TrimPrefix(*e.Error, "hacarus: "))
	}
	return l.p.Out.Text(text)
}

// do puts an image where it belongs.
func (l *line) do(d deed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doLocked(d, true)
}

// doLocked does it, or notes that it is still to be done: the disk may be full for
// a while. The first time, that is told.
func (l *line) doLocked(d deed, tell bool) {
	err := l.act(d)
	switch {
	case err == nil:
		l.copied.add(d.entry.ID)
	case errors.Is(err, errReplaced):
		l.p.Warn("%s: %v; the service has it as item %s", d.image.name(), err, d.entry.ItemID)
	default:
		if tell {
			l.p.Warn("%s is not put aside yet: %v", d.image.name(), err)
		}
		l.undone = append(l.undone, d)
	}
	l.metrics.undone(len(l.undone))
}

// act puts an image where it belongs, and what goes along with it before: an image
// that is still in the folder tells that something is left to do.
func (l *line) act(d deed) error {
	put := copyTo
	if l.opts.move {
		put = moveTo
	}
	if d.entry.Error != nil {
		if err := writeWhole(reasonOf(d.to), "", strings.NewReader(*d.entry.Error+"\n")); err != nil {
			return err
		}
	}
	if err := putSidecar(put, d); err != nil {
		return err
	}
	return put(d.image, d.entry.SHA256, d.to)
}
