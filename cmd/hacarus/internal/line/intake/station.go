package intake

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/durable"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
)

// station is the part of a spool that belongs to a station.
type station struct {
	name, dir string

	mu   sync.Mutex
	next uint64          // the number of the next image
	low  uint64          // the lowest number that waits, or next
	gone map[uint64]bool // numbers above low that do not wait
	more chan struct{}   // holds something when there may be more to feed
}

const (
	imageSuffix = ".img"
	jobSuffix   = ".json"
)

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

func (t *station) wake() {
	select {
	case t.more <- struct{}{}:
	default:
	}
}

// waitsLocked says whether the image with a number waits.
func (t *station) waitsLocked(number uint64) bool {
	return number >= t.low && number < t.next && !t.gone[number]
}
