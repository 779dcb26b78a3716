// Package intake takes images in: it answers for each of them once it has said so.
package intake

import (
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
	limits Limits
	now    func() time.Time

	mu       sync.Mutex
	ids      []string // the one that holds first
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
	// ErrKeyReused is the error of an image that has the key of another one.
	ErrKeyReused = language.Errorf("another image of the station has been accepted with this key")
	// ErrSimilarStation is the error of a station's name that differs only by case from
	// that of another one: people mistake one for the other, and so do some file systems.
	ErrSimilarStation = language.Errorf("the name of another station differs from it only by case")
	ErrStations       = language.Errorf("the line has as many stations as it can have")
)

// maxStations is how many stations a spool has: the queue tells of little more than a
// thousand at a time.
const maxStations = 1000

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
			if _, err := s.open(queue.Unescape(e.Name())); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// identify gives the spool a name of its own, which numbers count for: another
// folder, or a new one in its place, has another.
func (s *Spool) identify() error {
	raw, err := os.ReadFile(filepath.Join(s.dir, "id"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if s.ids = strings.Fields(string(raw)); len(s.ids) > 0 {
		return nil
	}
	return s.rename("")
}

// rename gives the spool another name in place of one that it has. The former ones
// are kept: verdicts about its images may name them.
func (s *Spool) rename(former string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ids) > 0 && s.ids[0] != former {
		return nil // it has been renamed already
	}
	ids := append([]string{strings.ToLower(rand.Text()[:10])}, s.ids...)
	if err := (durable.Disk{}).Write(filepath.Join(s.dir, "id"), strings.NewReader(strings.Join(ids, "\n")+"\n")); err != nil {
		return err
	}
	s.ids = ids
	return nil
}

// ID names the spool.
func (s *Spool) ID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ids[0]
}

// isNamed says whether an id is, or was, the spool's.
func (s *Spool) isNamed(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.ids, id)
}

// station returns the part of a station, which is made if need be.
func (s *Spool) station(name string) (*station, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.stations[name]; t != nil {
		return t, nil
	}
	if len(s.stations) >= maxStations {
		return nil, ErrStations
	}
	for other := range s.stations {
		if strings.EqualFold(name, other) {
			return nil, ErrSimilarStation
		}
	}
	return s.open(name)
}

// open reads the part of a station, or makes it.
func (s *Spool) open(name string) (*station, error) {
	t := &station{name: name, dir: filepath.Join(s.dir, queue.Escape(name)), gone: map[uint64]bool{}, more: make(chan struct{}, 1)}
	if err := os.MkdirAll(t.dir, 0o755); err != nil {
		return nil, err
	}
	size, err := t.read()
	if err == nil {
		err = errors.Join(durable.Disk{}.Sync(s.dir), durable.Disk{}.Sync(t.dir))
	}
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
	images, numbers, err := t.list()
	if err != nil {
		return 0, err
	}
	waits := map[uint64]bool{}
	for _, number := range numbers {
		t.next = max(t.next, number)
		job, err := t.job(number)
		if err != nil {
			if err = t.setAside(number, err); err != nil {
				return 0, err
			}
			continue
		}
		if bytes, there := images[job.ID]; there {
			waits[number] = true
			size += bytes
			delete(images, job.ID)
		}
	}
	for _, number := range numbers {
		if !waits[number] && number != t.next {
			_ = os.Remove(t.jobPath(number))
		}
	}
	t.next++
	t.low = t.next
	for number := range waits {
		t.low = min(t.low, number)
	}
	for number := t.low; number < t.next; number++ {
		if !waits[number] {
			t.gone[number] = true
		}
	}
	return size, t.setAsideImages(images)
}

// list returns the sizes of the images by their ids, and the numbers of the jobs.
func (t *station) list() (images map[string]int64, numbers []uint64, err error) {
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return nil, nil, err
	}
	images = map[string]int64{}
	for _, e := range entries {
		name := e.Name()
		if durable.IsPart(name) {
			if err := os.Remove(filepath.Join(t.dir, name)); err != nil {
				return nil, nil, err
			}
		} else if id, ok := strings.CutSuffix(name, imageSuffix); ok {
			info, err := e.Info()
			if err != nil {
				return nil, nil, err
			}
			images[id] = info.Size()
		} else if number, err := strconv.ParseUint(strings.TrimSuffix(name, jobSuffix), 10, 64); err == nil {
			numbers = append(numbers, number)
		}
	}
	return images, numbers, nil
}

// asideSuffix ends the names of files that a failing disk has left of images that may
// have been accepted. They are for a person; an image like it is accepted anew.
const asideSuffix = ".aside"

// setAside keeps a job that cannot be understood. One that cannot be read for another
// reason is waited for: what the disk has is not known.
func (t *station) setAside(number uint64, reason error) error {
	if _, ok := errors.AsType[*fs.PathError](reason); ok {
		return reason
	}
	return os.Rename(t.jobPath(number), t.jobPath(number)+asideSuffix)
}

// setAsideImages keeps images that have no job.
func (t *station) setAsideImages(images map[string]int64) (err error) {
	for id := range images {
		err = errors.Join(err, os.Rename(t.imagePath(id), t.imagePath(id)+asideSuffix))
	}
	return err
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
	if s.limits.Image > 0 && size > s.limits.Image {
		return ErrTooLarge
	}
	if s.limits.Age > 0 && s.tooOld() {
		return ErrFull
	}
	return s.fits(max(size, 0))
}

// fits says whether so many bytes more are within the limits.
func (s *Spool) fits(size int64) error {
	s.mu.Lock()
	waiting := s.bytes
	s.mu.Unlock()
	if s.limits.Bytes > 0 && waiting+size > s.limits.Bytes {
		return ErrFull
	}
	if free, err := freeBytes(s.dir); err == nil && s.limits.Free > 0 && free-size < s.limits.Free {
		return ErrFull
	}
	return nil
}

// claim takes room for bytes that are about to be written, so that images that come
// at the same time do not exceed the limits together.
func (s *Spool) claim(size int64) error {
	if err := s.fits(size); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += size
	return nil
}

func (s *Spool) release(size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes -= size
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

	claimed int64 // bytes of the spool's room
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
	if err := r.spool.claim(int64(len(b))); err != nil { // others have come since it began
		return 0, err
	}
	r.claimed += int64(len(b))
	if missing := headSize - len(r.head); missing > 0 {
		r.head = append(r.head, b[:min(missing, len(b))]...)
	}
	n, err := r.part.Write(b)
	r.hash.Write(b[:n])
	r.size += int64(n)
	return n, full(err)
}

// Abandon forgets what was received. It does nothing after Accept.
func (r *Receive) Abandon() {
	r.spool.release(r.claimed)
	r.claimed = 0
	r.part.Discard()
}

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
		File: id + extension, SHA256: sum, Size: r.size, Accepted: r.spool.now().UTC(), Intake: r.spool.ID(), Trace: r.in.Trace, Note: r.in.Note,
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

// enter gives an image its number and its name. Nothing counts as accepted before
// the names are durable, also if somebody has entered it before and has failed there.
func (s *Spool) enter(t *station, job *queue.Job, jobPart, part *durable.Part) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for path := s.find(t, job.ID); path != ""; path = s.find(t, job.ID) {
		if err := isSame(path, job); !errors.Is(err, fs.ErrNotExist) { // or else it has just been moved
			return false, errors.Join(err, durable.Disk{}.Sync(t.dir))
		}
	}
	job.Number = t.next
	err := jobPart.Rename(t.jobPath(job.Number))
	if err == nil {
		err = part.Rename(t.imagePath(job.ID))
	}
	if err == nil {
		err = durable.Disk{}.Sync(t.dir)
	}
	if err != nil && t.undo(job) {
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
	return err == nil, err
}

// undo takes back what was entered and not accepted. It is false if the disk does not
// let go of it: then it is there, and is inspected.
func (t *station) undo(job *queue.Job) bool {
	_ = os.Remove(t.imagePath(job.ID))
	if durable.Exists(t.imagePath(job.ID)) {
		return false
	}
	_ = os.Remove(t.jobPath(job.Number))
	return true
}

// find returns where an image is that has been accepted: it waits, or it is kept. ""
// is nowhere.
func (s *Spool) find(t *station, id string) string {
	for _, path := range slices.Concat([]string{t.imagePath(id)}, keptPaths(filepath.Dir(s.dir), filepath.Base(t.dir), id)) {
		if durable.Exists(path) {
			return path
		}
	}
	return ""
}

// isSame refuses an image whose key was another one's: to say that it has been
// accepted would be to lose it.
func isSame(path string, job *queue.Job) error {
	sum, err := durable.Sum(path)
	if err == nil && sum != job.SHA256 {
		err = ErrKeyReused
	}
	return err
}

func (t *station) wake() {
	select {
	case t.more <- struct{}{}:
	default:
	}
}

// settle says that an image does not wait any more.
func (s *Spool) settle(t *station, number uint64, id string) {
	job, err := t.job(number) // which tells its size, also where the image itself was removed
	if err == nil && job.ID != id {
		return // the number was another's, of a spool that had this one's name
	}
	t.mu.Lock()
	if t.waitsLocked(number) {
		t.gone[number] = true
		s.release(job.Size)
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
