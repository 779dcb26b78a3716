// Package intake takes images in: it answers for each of them once it has said so.
package intake

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/durable"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
)

// Spool is a folder with the images that were accepted and have no verdict yet. It
// is the truth: what the queue knows of them, it is told again if it has lost it.
//
// Each station has a folder in it, in which ID.img is an image and NUMBER.json its
// job. Both are on the disk before an image counts as accepted.
type Spool struct {
	dir    string
	id     string
	limits Limits
	now    func() time.Time

	mu       sync.Mutex
	stations map[string]*station
	bytes    int64          // of the images
	begun    func(*station) // is called for each station; nil before [Spool.Run]
	old      bool           // an image has waited for too long
	looked   time.Time      // when that was found out
}

// Limits are those beyond which no image is accepted. 0 is none.
type Limits struct {
	Bytes int64         // of the images that wait
	Age   time.Duration // of the one that waits longest
	Free  int64         // bytes that stay free on the disk: the queue needs some to go on
	Image int64         // bytes of one image
}

// station is the part of a spool that belongs to a station.
type station struct {
	name, dir string

	mu   sync.Mutex
	next uint64          // the number of the next image
	low  uint64          // the lowest number that waits, or next
	gone map[uint64]bool // numbers above low that do not wait
	more chan struct{}   // holds something when there may be more to feed
}

// Errors of images that are not accepted.
var (
	ErrFull     = language.Errorf("the spool is full, or its images have waited too long")
	ErrTooLarge = language.Errorf("the image is too large")
	ErrNoImage  = language.Errorf("not a PNG, JPEG or TIFF image")
)

const (
	imageSuffix = ".img"
	jobSuffix   = ".json"
)

// OpenSpool opens a spool, and tidies up what was not accepted to its end.
func OpenSpool(dir string, limits Limits) (*Spool, error) {
	s := &Spool{dir: dir, limits: limits, now: time.Now, stations: map[string]*station{}}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := s.identify(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() {
			if _, err := s.station(queue.Unescape(e.Name())); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// identify gives the spool a name of its own, which numbers count for: another
// folder, or a new one in its place, has another.
func (s *Spool) identify() error {
	path := filepath.Join(s.dir, "id")
	raw, err := os.ReadFile(path)
	if err == nil && len(bytes.TrimSpace(raw)) > 0 {
		s.id = string(bytes.TrimSpace(raw))
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.id = strings.ToLower(rand.Text()[:10])
	return durable.Disk{}.Write(path, strings.NewReader(s.id+"\n"))
}

// ID names the spool.
func (s *Spool) ID() string { return s.id }

// station returns the part of a station, which is made or read if need be.
func (s *Spool) station(name string) (*station, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.stations[name]; t != nil {
		return t, nil
	}
	t := &station{name: name, dir: filepath.Join(s.dir, queue.Escape(name)), gone: map[uint64]bool{}, more: make(chan struct{}, 1)}
	if err := os.MkdirAll(t.dir, 0o755); err != nil {
		return nil, err
	}
	if err := (durable.Disk{}).Sync(s.dir); err != nil {
		return nil, err
	}
	size, err := t.read()
	if err != nil {
		return nil, err
	}
	s.bytes += size
	s.stations[name] = t
	if s.begun != nil {
		s.begun(t)
	}
	return t, nil
}

// read finds out what waits, and removes what was not accepted to its end: nobody
// was told of it.
func (t *station) read() (size int64, err error) {
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return 0, err
	}
	images := map[string]bool{}
	var numbers []uint64
	for _, e := range entries {
		name := e.Name()
		if durable.IsPart(name) {
			if err := os.Remove(filepath.Join(t.dir, name)); err != nil {
				return 0, err
			}
		} else if id, ok := strings.CutSuffix(name, imageSuffix); ok {
			if info, err := e.Info(); err == nil {
				images[id] = true
				size += info.Size()
			}
		} else if number, err := strconv.ParseUint(strings.TrimSuffix(name, jobSuffix), 10, 64); err == nil {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	t.count(t.removeUseless(numbers, images))
	return size, nil
}

// removeUseless returns the numbers of the jobs whose images are there, and the last
// one of all. Other jobs are removed. An image has its name only as long as its job
// has, which is how many there are to be found: jobs are not read once they are.
func (t *station) removeUseless(numbers []uint64, images map[string]bool) (waiting []uint64, last uint64) {
	if len(numbers) == 0 {
		return nil, 0
	}
	useless, others := len(numbers)-len(images), len(numbers)-1
	last = numbers[others]
	isUseless := func(number uint64) bool {
		if useless <= 0 {
			return false
		}
		job, err := t.job(number)
		if err == nil && images[job.ID] {
			return false
		}
		useless--
		return true
	}
	lastWaits := !isUseless(last)             // what keeps the count, or was not accepted to its end
	for _, number := range numbers[:others] { // and from there on, what had its verdict
		if isUseless(number) {
			_ = os.Remove(t.jobPath(number))
		} else {
			waiting = append(waiting, number)
		}
	}
	if lastWaits {
		waiting = append(waiting, last)
	}
	return waiting, last
}

// count sets the counters by the numbers that wait, and the last one that was given.
func (t *station) count(waiting []uint64, last uint64) {
	t.next = last + 1
	t.low = t.next
	if len(waiting) > 0 {
		t.low = waiting[0]
	}
	for number := t.low; number < t.next; number++ {
		if len(waiting) > 0 && waiting[0] == number {
			waiting = waiting[1:]
		} else {
			t.gone[number] = true
		}
	}
}

func (t *station) jobPath(number uint64) string {
	return filepath.Join(t.dir, strconv.FormatUint(number, 10)+jobSuffix)
}

func (t *station) imagePath(id string) string { return filepath.Join(t.dir, id+imageSuffix) }

// job reads the job with a number; an error if there is none.
func (t *station) job(number uint64) (job queue.Job, err error) {
	raw, err := os.ReadFile(t.jobPath(number))
	if err != nil {
		return job, err
	}
	err = json.Unmarshal(raw, &job)
	job.Number = number
	return job, err
}

// Incoming is an image that is being received.
type Incoming struct {
	Station, Lot, Serial, Model string
	Key                         string // "": the image itself is what it is known by
	Trace                       string
	Note                        string // for the record
}

// Room says whether there is room for another image: nil, or ErrFull.
func (s *Spool) Room(size int64) error {
	s.mu.Lock()
	waiting := s.bytes
	s.mu.Unlock()
	if s.limits.Image > 0 && size > s.limits.Image {
		return ErrTooLarge
	}
	if s.limits.Bytes > 0 && waiting+max(size, 0) > s.limits.Bytes {
		return ErrFull
	}
	if s.limits.Age > 0 && s.tooOld() {
		return ErrFull
	}
	if free, err := freeBytes(s.dir); err == nil && s.limits.Free > 0 && free-max(size, 0) < s.limits.Free {
		return ErrFull
	}
	return nil
}

// tooOld says whether an image has waited for too long. It looks once a second.
func (s *Spool) tooOld() bool {
	s.mu.Lock()
	old, looked := s.old, s.looked
	s.mu.Unlock()
	if now := s.now(); now.Sub(looked) > time.Second || now.Before(looked) {
		_, oldest := s.Waiting()
		old = !oldest.IsZero() && now.Sub(oldest) > s.limits.Age
		s.mu.Lock()
		s.old, s.looked = old, now
		s.mu.Unlock()
	}
	return old
}

// Waiting returns the number of bytes that wait, and since when the image does that
// waits longest: the zero time for none.
func (s *Spool) Waiting() (size int64, oldest time.Time) {
	s.mu.Lock()
	size = s.bytes
	all := make([]*station, 0, len(s.stations))
	for _, t := range s.stations {
		all = append(all, t)
	}
	s.mu.Unlock()
	for _, t := range all {
		if at := t.oldest(); !at.IsZero() && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
	}
	return size, oldest
}

func (t *station) oldest() time.Time {
	t.mu.Lock()
	low, next := t.low, t.next
	t.mu.Unlock()
	if low == next {
		return time.Time{}
	}
	info, err := os.Stat(t.jobPath(low))
	if err != nil {
		return time.Time{} // it has just gone
	}
	return info.ModTime()
}

// Receive is a file in the spool that an image is written to.
type Receive struct {
	spool *Spool
	in    Incoming
	part  *durable.Part
	hash  hash.Hash
	size  int64
	head  []byte // of the image
}

// Begin begins to receive an image.
func (s *Spool) Begin(in Incoming) (*Receive, error) {
	t, err := s.station(in.Station)
	if err != nil {
		return nil, full(err)
	}
	part, err := durable.NewPart(t.dir)
	if err != nil {
		return nil, full(err)
	}
	return &Receive{spool: s, in: in, part: part, hash: sha256.New()}, nil
}

// Write takes a part of the image.
func (r *Receive) Write(b []byte) (int, error) {
	if limit := r.spool.limits.Image; limit > 0 && r.size+int64(len(b)) > limit {
		return 0, ErrTooLarge
	}
	if missing := headSize - len(r.head); missing > 0 {
		r.head = append(r.head, b[:min(missing, len(b))]...)
	}
	n, err := r.part.Write(b)
	r.hash.Write(b[:n])
	r.size += int64(n)
	return n, full(err)
}

// Abandon forgets what was received. It does nothing after Accept.
func (r *Receive) Abandon() { r.part.Discard() }

// Accept makes the image durable and returns its job. It is false for one that had
// been accepted already.
func (r *Receive) Accept() (job queue.Job, isNew bool, err error) {
	defer r.Abandon()
	extension := extensionOf(r.head)
	if extension == "" {
		return job, false, ErrNoImage
	}
	sum := hex.EncodeToString(r.hash.Sum(nil))
	key := "key " + r.in.Key
	if r.in.Key == "" { // products whose pictures are the same are told apart by their numbers
		key = strings.Join([]string{"image", sum, r.in.Lot, r.in.Serial}, "\x00")
	}
	id := queue.IDOf(r.in.Station, key)
	job = queue.Job{
		ID: id, Station: r.in.Station, Lot: r.in.Lot, Serial: r.in.Serial, Model: r.in.Model,
		File: id + extension, SHA256: sum, Size: r.size, Accepted: r.spool.now().UTC(), Intake: r.spool.id, Trace: r.in.Trace, Note: r.in.Note,
	}
	isNew, err = r.accept(&job)
	return job, isNew, full(err)
}

// accept makes the image and its job durable, both at the same time, and then their
// names.
func (r *Receive) accept(job *queue.Job) (bool, error) {
	t, err := r.spool.station(job.Station)
	if err != nil {
		return false, err
	}
	raw, err := json.Marshal(job)
	if err != nil {
		return false, err
	}
	synced := make(chan error, 1)
	go func() { synced <- r.part.Seal() }()
	jobPart, err := durable.Create(t.dir, func(w io.Writer) error {
		_, err := w.Write(raw)
		return err
	})
	if err == nil {
		defer jobPart.Discard()
	}
	if err := errors.Join(<-synced, err); err != nil {
		return false, err
	}
	return r.spool.enter(t, job, jobPart, r.part)
}

// enter gives an image its number and its name.
func (s *Spool) enter(t *station, job *queue.Job, jobPart, part *durable.Part) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.has(t, job.ID) {
		return false, nil
	}
	job.Number = t.next
	err := jobPart.Rename(t.jobPath(job.Number))
	if err == nil {
		err = part.Rename(t.imagePath(job.ID))
	}
	if err == nil {
		err = durable.Disk{}.Sync(t.dir)
	}
	if err != nil {
		_ = os.Remove(t.imagePath(job.ID))
		_ = os.Remove(t.jobPath(job.Number))
		return false, err
	}
	if former := t.next - 1; !t.waitsLocked(former) {
		_ = os.Remove(t.jobPath(former)) // it has only kept the count
	}
	t.next++
	s.mu.Lock()
	s.bytes += job.Size
	s.mu.Unlock()
	t.wake()
	return true, nil
}

// has says whether an image has been accepted: it waits, or it is kept.
func (s *Spool) has(t *station, id string) bool {
	if durable.Exists(t.imagePath(id)) {
		return true
	}
	for _, path := range keptPaths(filepath.Dir(s.dir), filepath.Base(t.dir), id) {
		if durable.Exists(path) {
			return true
		}
	}
	return false
}

func (t *station) wake() {
	select {
	case t.more <- struct{}{}:
	default:
	}
}

// settle says that an image does not wait any more.
func (s *Spool) settle(t *station, number uint64, size int64) {
	t.mu.Lock()
	if t.waitsLocked(number) {
		t.gone[number] = true
		s.mu.Lock()
		s.bytes -= size
		s.mu.Unlock()
	}
	for ; t.gone[t.low]; t.low++ {
		delete(t.gone, t.low)
	}
	last := number+1 == t.next // stays, so that the numbers go on after a restart
	t.mu.Unlock()
	if !last {
		_ = os.Remove(t.jobPath(number))
	}
}

// waitsLocked says whether the image with a number waits.
func (t *station) waitsLocked(number uint64) bool {
	return number >= t.low && number < t.next && !t.gone[number]
}
