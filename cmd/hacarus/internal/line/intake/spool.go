// Package intake takes images in: it answers for each of them once it has said so.
package intake

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
