package watch

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"strings"
	"sync"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/durable"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/folder"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/inspect"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// line takes the images of a folder to their verdicts, and then where they belong.
type line struct {
	p        *program.Program
	client   *hacarus.Client
	opts     options
	journal  hacarus.JournalStore
	record   *record.Record
	metrics  *metrics
	list     *output.List
	versions record.Versions // for the goroutine that ranges
	folder   *folder.Folder
	mover    mover

	mu     sync.Mutex // guards what follows
	queue  []*folder.Image
	more   chan struct{} // holds something while the queue may have images
	tries  map[string]int
	undone []deed // what could not be done, and is tried again
	copied *copied
}

// deed is what is still to be done with an image.
type deed struct {
	image *folder.Image
	entry record.Entry
	to    string // the entry's To, as the disk knows it
}

// maxTries is how often an image is inspected that fails for a reason that passes.
const maxTries = 3

func newLine(p *program.Program, client *hacarus.Client, opts options, journal hacarus.JournalStore, m *metrics, notices *folder.Notices) (*line, error) {
	lines, err := record.Open(opts.record)
	if err != nil {
		return nil, err
	}
	return &line{
		p: p, client: client, opts: opts, journal: journal, record: lines, metrics: m,
		list:     p.Out.List(inspect.Columns(p)),
		versions: record.Versions{Client: client},
		folder:   folder.New(opts.Options, notices),
		mover:    mover{durable.Disk{Unsynced: unsynced(p)}, opts.move},
		more:     make(chan struct{}, 1),
		tries:    map[string]int{},
	}, nil
}

// unsynced goes on where a folder cannot be made durable, and says so once.
func unsynced(p *program.Program) func(error) error {
	var once sync.Once
	return func(err error) error {
		once.Do(func() {
			p.Warn("The names in a folder cannot be made durable (%v); after a power failure, an image may be where it was.", err)
		})
		return nil
	}
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
	l.p.Say("Watching %s", l.opts.Dir)
	looking, stop := context.WithCancel(ctx)
	var looks sync.WaitGroup
	looks.Go(func() { l.folder.Watch(looking, l) })
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
	if err := folder.Tidy(l.opts.Dir); err != nil {
		return err
	}
	for _, other := range others {
		if err := durable.RemoveParts(other); err != nil {
			return err
		}
	}
	images, err := folder.Images(l.opts.Dir)
	if err != nil {
		return err
	}
	entries, err := settled(l.opts.record, images)
	if err != nil {
		return err
	}
	if !l.opts.move {
		if l.copied, err = openCopied(l.mover.disk, l.opts.journal+".copied", entries); err != nil {
			return err
		}
	}
	for id, e := range entries {
		image := images[id]
		image.Recall(e.Sidecar, e.Beside)
		l.folder.Take(image)
		if e.To != "" && !l.copied.has(id) {
			l.do(deed{image, e, output.FromJSONString(e.To)})
		}
	}
	return nil
}

// Away implements [folder.Receiver].
func (l *line) Away(reason error) {
	if reason == nil {
		l.p.Say("The folder is there again.")
	} else {
		l.p.Warn("The folder cannot be read: %v", reason)
	}
	l.metrics.folder(reason != nil)
}

// Found implements [folder.Receiver]. What could not be done is tried again.
func (l *line) Found(_ context.Context, images []*folder.Image) {
	l.mu.Lock()
	defer l.mu.Unlock()
	undone := l.undone
	l.undone = nil
	for _, d := range undone {
		l.doLocked(d, false)
	}
	for _, image := range images {
		l.queue = append(l.queue, image)
		l.metrics.waits(image)
	}
	if len(l.queue) > 0 {
		l.wake()
	}
}

func (l *line) wake() {
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// fileOf is the image to upload: the one that was found, or none.
func fileOf(image *folder.Image) hacarus.File {
	return hacarus.File{Name: image.Name(), Size: image.Info.Size(), Tag: image, Open: func() (io.ReadCloser, error) { return image.Open() }}
}

// source yields the images as they are found.
func (l *line) source(ctx context.Context) iter.Seq[hacarus.File] {
	return func(yield func(hacarus.File) bool) {
		for {
			if image := l.next(); image != nil {
				if !yield(fileOf(image)) {
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

func (l *line) next() *folder.Image {
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
	image := i.Tag.(*folder.Image)
	if errors.Is(i.Err, hacarus.ErrUnfinished) {
		return nil // the journal knows how far it has come, and the next run goes on
	}
	sum, missing := l.sum(image)
	isBack := missing == nil && errors.Is(i.Err, folder.ErrReplaced)
	if l.tryAgain(image, isBack || mayPass(i.Err) || mayPass(missing)) {
		l.metrics.forget(image)
		l.p.Warn("%s: %v; it is tried again", image.Name(), cmp.Or(i.Err, missing))
		return nil
	}
	e := l.entryOf(ctx, i, image)
	e.SHA256 = sum
	to := ""
	if dir := l.target(i); dir != "" && missing == nil { // or else the verdict is all that is left
		to = image.Place(dir, reasonEnding)
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
	return !errors.Is(err, folder.ErrReplaced) && (ofDisk || hacarus.IsTemporary(err))
}

// tryAgain lets an image that failed be found again, a few times.
func (l *line) tryAgain(image *folder.Image, failed bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := image.ID()
	if l.tries[key]++; !failed || l.tries[key] >= maxTries {
		delete(l.tries, key)
		return false
	}
	l.folder.Resettle(image, time.Now())
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
func (l *line) sum(image *folder.Image) (string, error) {
	file, err := image.Open()
	if err != nil {
		return "", err
	}
	defer file.Close()
	return durable.SumOf(file)
}

func (l *line) entryOf(ctx context.Context, i *hacarus.Inspection, image *folder.Image) record.Entry {
	r := inspect.ResultOf(i)
	model := record.ModelOf(i, l.opts.model)
	return record.Entry{
		ID: image.ID(), Time: time.Now().UTC(),
		File: output.JSONString(image.Name()), Dir: output.JSONString(l.opts.Dir), Size: image.Info.Size(), Written: image.Info.ModTime().UTC(),
		Lot: image.Lot, Serial: image.Serial,
		Model: model, Version: l.versions.Of(ctx, model), ItemID: i.ItemID,
		Verdict: string(i.Verdict), Score: r.Score, Boxes: record.OnPicture(r.Boxes, i.Item, func() (io.ReadCloser, error) { return image.Open() }), Error: r.Error, By: record.Model,
		Sidecar: output.JSONString(image.Sidecar.Name), Beside: image.Sidecar.Sum, Note: image.Sidecar.Trouble,
	}
}

// show tells of an image: a line for people, or one of the record.
func (l *line) show(image *folder.Image, e record.Entry) error {
	if l.p.Out.Format() != output.Table {
		return l.list.Add(e, output.Text(e.File), output.Text(e.ItemID), output.Text(e.Verdict), output.Text(""), output.Text(""), output.Text(""))
	}
	widest := l.p.Out.Shown(output.Verdict(hacarus.VerdictUnknown))
	verdict := l.p.Out.Shown(output.Verdict(hacarus.Verdict(e.Verdict)))
	verdict.Text = output.Pad(verdict.Text, output.Width(widest.Text))
	text := l.p.Out.Paint(verdict) + "  " + output.Escape(image.Name())
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
	err := l.mover.act(d)
	switch {
	case err == nil:
		l.copied.add(d.entry.ID)
	case errors.Is(err, folder.ErrReplaced):
		l.p.Warn("%s: %v; the service has it as item %s", d.image.Name(), err, d.entry.ItemID)
	default:
		if tell {
			l.p.Warn("%s is not put aside yet: %v", d.image.Name(), err)
		}
		l.undone = append(l.undone, d)
	}
	l.metrics.undone(len(l.undone))
}
