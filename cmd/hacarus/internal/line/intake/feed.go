package intake

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/durable"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// Keeping is what becomes of images that have been inspected.
type Keeping struct {
	OK, NG time.Duration // 0: they stay
	// Elsewhere is true if there are roles that do not share the disk: images go to
	// them through the queue.
	Elsewhere bool
}

// Headers of a verdict that tell whose image it is about.
const (
	IntakeHeader = "Hacarus-Intake"
	idHeader     = "Hacarus-Id"
	numberHeader = "Hacarus-Number"
)

// VerdictHeader is what a verdict about a job has to say of it.
func VerdictHeader(job queue.Job) nats.Header {
	return nats.Header{IntakeHeader: {job.Intake}, idHeader: {job.ID}, numberHeader: {strconv.FormatUint(job.Number, 10)}}
}

// Run tells the queue of the images of the spool, and clears them away when they
// have their verdicts, until the context ends.
func (s *Spool) Run(ctx context.Context, q *queue.Queue, keep Keeping, log *slog.Logger) {
	var work sync.WaitGroup
	defer work.Wait()
	begin := func(t *station) {
		work.Go(func() {
			again(ctx, log, "telling the queue of images", func() error { return s.feed(ctx, q, t, keep) })
		})
	}
	s.mu.Lock()
	s.begun = begin
	for _, t := range s.stations {
		begin(t)
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.begun = nil
		s.mu.Unlock()
	}()
	work.Go(func() { s.expire(ctx, q, keep, log) })
	again(ctx, log, "clearing images away", func() error { return s.clear(ctx, q) })
}

// again does something until the context ends, whatever comes of it.
func again(ctx context.Context, log *slog.Logger, what string, do func() error) {
	for ctx.Err() == nil {
		if err := do(); err != nil && ctx.Err() == nil {
			log.Warn(what, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// feed tells the queue of a station's images, in their order, each once: the last
// one that it knows of says where to go on. Where it knows of none, it has lost
// them, or has none yet.
func (s *Spool) feed(ctx context.Context, q *queue.Queue, t *station, keep Keeping) error {
	name := s.ID()
	writer, last, err := q.NewWriter(ctx, queue.JobsOf(t.name, name))
	if err != nil {
		return err
	}
	var fed queue.Job
	if last != nil {
		if err := json.Unmarshal(last.Data, &fed); err != nil {
			return err
		}
	}
	if !t.hasCounted(fed) {
		if err := s.rename(name); err != nil {
			return err
		}
		return errRenamed
	}
	for number := fed.Number + 1; ; number++ {
		if number, err = t.await(ctx, number); err != nil {
			return err
		}
		if s.ID() != name {
			return errRenamed
		}
		job, err := t.job(number)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has its verdict
		}
		if err != nil {
			return err
		}
		if keep.Elsewhere {
			if err := s.send(ctx, q, job); err != nil {
				return err
			}
		}
		job.Intake = name
		raw, err := json.Marshal(job)
		if err != nil {
			return err
		}
		if _, err := writer.Write(ctx, nil, raw); err != nil {
			return err
		}
	}
}

// errRenamed is why the queue is told of all that waits once more.
var errRenamed = errors.New("the spool is not the one that the queue knows by its name, and has another name from now on")

// hasCounted says whether the numbers of the images are those that the queue was told
// of. They are not where the folder is an older copy, or one of two, or was emptied by
// somebody: then images with numbers of before would pass for those that the queue has.
func (t *station) hasCounted(fed queue.Job) bool {
	if fed.Number == 0 {
		return true
	}
	t.mu.Lock()
	next := t.next
	t.mu.Unlock()
	job, err := t.job(fed.Number)
	return fed.Number < next && (err != nil || job.ID == fed.ID)
}

// await waits until there is an image with a number, or a higher one that waits.
func (t *station) await(ctx context.Context, number uint64) (uint64, error) {
	for {
		t.mu.Lock()
		number = max(number, t.low)
		there := number < t.next
		t.mu.Unlock()
		if there {
			return number, nil
		}
		select {
		case <-t.more:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

func (s *Spool) send(ctx context.Context, q *queue.Queue, job queue.Job) error {
	image, err := Open(filepath.Dir(s.dir), job.Station, job.ID)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it has its verdict
	}
	if err != nil {
		return err
	}
	defer image.Close()
	return q.PutImage(ctx, job.ID, image)
}

// clear follows the verdicts, and moves their images out of the spool. To do so
// twice does no harm, so its position is noted only now and then.
func (s *Spool) clear(ctx context.Context, q *queue.Queue) error {
	after, err := q.Position(ctx, s.position())
	if err != nil {
		return err
	}
	noted := time.Now()
	for m, err := range q.Follow(ctx, queue.AllVerdicts, after) {
		if err != nil {
			return err
		}
		if s.isNamed(m.Header.Get(IntakeHeader)) {
			if err := s.clearOne(m); err != nil {
				return err
			}
		}
		if time.Since(noted) < time.Second {
			continue
		}
		if err := q.SetPosition(ctx, s.position(), m.Seq); err != nil {
			return err
		}
		noted = time.Now()
	}
	return nil
}

// position names how far it has come.
func (s *Spool) position() string { return "spool " + s.ID() }

func (s *Spool) clearOne(m queue.Message) error {
	number, err := strconv.ParseUint(m.Header.Get(numberHeader), 10, 64)
	if err != nil {
		return err
	}
	t, err := s.station(queue.NameIn(m.Subject, 2))
	if err != nil {
		return err
	}
	id := m.Header.Get(idHeader)
	if len(m.Data) == 0 { // another intake has it, too, and its verdict
		err = os.Remove(t.imagePath(id))
	} else {
		err = s.move(t, m.Data)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // an earlier run moved it, or somebody has
	}
	if err == nil {
		s.settle(t, number, id)
	}
	return err
}

// move puts an image where those with its verdict are.
func (s *Spool) move(t *station, verdict []byte) error {
	var e record.Entry
	if err := json.Unmarshal(verdict, &e); err != nil {
		return err
	}
	head, err := headOf(t.imagePath(e.ID))
	if err != nil {
		return err
	}
	dir := filepath.Join(filepath.Dir(s.dir), folderOf(e), filepath.Base(t.dir))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	path := filepath.Join(dir, e.ID+extensionOf(head))
	if e.Error != nil {
		if err := (durable.Disk{}).Write(path+".txt", strings.NewReader(*e.Error+"\n")); err != nil {
			return err
		}
	}
	return os.Rename(t.imagePath(e.ID), path)
}

// headOf returns the first bytes of a file.
func headOf(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	head := make([]byte, headSize)
	n, err := io.ReadFull(file, head)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil
	}
	return head[:n], err
}

func folderOf(e record.Entry) string {
	switch {
	case e.Error != nil:
		return failedDir
	case e.Verdict == "NG":
		return ngDir
	}
	return okDir
}

// expire removes inspected images that were kept for long enough.
func (s *Spool) expire(ctx context.Context, q *queue.Queue, keep Keeping, log *slog.Logger) {
	for {
		for dir, age := range map[string]time.Duration{okDir: keep.OK, ngDir: keep.NG} {
			if age > 0 {
				if err := s.removeOld(ctx, q, filepath.Join(filepath.Dir(s.dir), dir), age, keep.Elsewhere); err != nil {
					log.Warn("old images cannot be removed", "error", err)
				}
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(10 * time.Minute):
		}
	}
}

func (s *Spool) removeOld(ctx context.Context, q *queue.Queue, dir string, age time.Duration, elsewhere bool) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil || s.now().Sub(info.ModTime()) < age {
			return nil //nolint:nilerr // it has just gone
		}
		if elsewhere {
			if err := q.RemoveImage(ctx, strings.TrimSuffix(e.Name(), filepath.Ext(path))); err != nil {
				return err
			}
		}
		return os.Remove(path) //nolint:gosec // the folder is the line's own
	})
}
