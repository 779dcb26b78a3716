package hacarus

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// ErrJournalLocked is the error of an inspection whose journal another one, of
// this process or of another, has open.
var ErrJournalLocked = errors.New("journal in use")

// step is how far a file has come.
type step string

// The steps. Those that ask something of the service are noted before it is
// asked, and when it has answered.
const (
	stepNew        step = ""           // nothing was sent, or the service refused it
	stepUploading  step = "uploading"  // may be there
	stepUploaded   step = "uploaded"   // is there
	stepPredicting step = "predicting" // its prediction was asked for, or is about to be
	stepDone       step = "done"       // assessed
)

// fileKey is what a file is known by from one run to the next.
type fileKey struct {
	name string
	sum  string // of its content, hexadecimal SHA-256
	nth  int    // of files of that name and content, from 0
}

// journalLine is what a line of a journal says of a file.
type journalLine struct {
	Time time.Time `json:"time"`
	Step step      `json:"step"`
	// Item is the id that follows from the name under which the file is uploaded.
	Item string `json:"item"`
	// ItemID is the id that the service gave it, if that is another one.
	ItemID string `json:"item_id,omitempty"`
	// Strange says that the service was seen to choose ids that do not follow
	// from names, so that an item that is not found proves nothing.
	Strange bool `json:"strange,omitempty"`
	// Name, Sum and Nth are the file's key, and Upload is the name under which
	// it is uploaded. They stand in the file's first line.
	Name    string  `json:"file,omitempty"`
	Sum     string  `json:"sha256,omitempty"`
	Nth     int     `json:"copy,omitempty"`
	Upload  string  `json:"upload,omitempty"`
	Verdict Verdict `json:"verdict,omitempty"`
}

func (l journalLine) key() fileKey { return fileKey{l.Name, l.Sum, l.Nth} }

// header is a journal's first line.
type header struct {
	Version int    `json:"hacarus_journal"`
	Model   string `json:"model"`
}

const journalVersion = 1

// entry is what is known of a file.
type entry struct {
	step   step
	since  time.Time
	upload string
	item   string
	itemID string // what the service gave it, if that is another id than item
}

// journal remembers on disk what became of files: JSON lines, which are only
// ever added, so that a process may end at any point. What an entry takes in
// memory is some 300 bytes.
type journal struct {
	file *os.File

	mu   sync.Mutex
	size int64
	// failed is why nothing more is written: a line that is not whole must be the last one.
	failed error
	files  map[fileKey]*entry
	items  map[string]*entry // by the id that follows from the name, also folded, and by the service's
	// strange is true when the service was seen to choose other ids.
	strange bool

	syncing sync.Mutex
	synced  int64
}

// openJournal opens a journal of a model's inspections, and makes it if it is
// not there. A last line that was not written to its end is taken off.
func openJournal(path, modelID string) (*journal, error) {
	file, err := openLocked(path)
	if err != nil {
		return nil, fmt.Errorf("hacarus: journal %s: %w", path, err)
	}
	j := &journal{file: file, files: map[fileKey]*entry{}, items: map[string]*entry{}}
	if err := j.load(modelID); err != nil {
		_, _ = unlock(file), file.Close()
		return nil, fmt.Errorf("hacarus: journal %s: %w", path, err)
	}
	return j, nil
}

// load reads the lines that are there, or begins the journal.
func (j *journal) load(modelID string) error {
	lines := bufio.NewReaderSize(j.file, 64<<10)
	for number := 1; ; number++ {
		text, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		torn := err != nil // it has no end
		if number == 1 {
			err = checkHeader(text, torn, modelID)
		} else if !torn {
			if err = j.read(text); err != nil {
				_, end := lines.Peek(1)
				torn = end != nil // nor does what a power failure left of it
			}
		}
		switch {
		case torn && (number > 1 || err == nil):
			return j.begin(modelID)
		case err != nil:
			return fmt.Errorf("line %d: %w", number, err)
		}
		j.size += int64(len(text))
	}
}

// headerStart is how every journal begins. A file that does not is left alone.
const headerStart = `{"hacarus_journal":`

func checkHeader(text []byte, torn bool, modelID string) error {
	var h header
	known := min(len(text), len(headerStart)) // of a torn one, less may be there
	switch {
	case string(text[:known]) != headerStart[:known] || known < len(headerStart) && !torn:
		return fmt.Errorf("%w: not a journal", ErrInvalidArgument)
	case torn:
		return nil
	case json.Unmarshal(text, &h) != nil || h.Version != journalVersion:
		return fmt.Errorf("%w: not a journal of version %d", ErrInvalidArgument, journalVersion)
	case h.Model != modelID:
		return fmt.Errorf("%w: the journal is of model %q, not of %q", ErrInvalidArgument, h.Model, modelID)
	}
	return nil
}

// read takes up a line.
func (j *journal) read(text []byte) error {
	var l journalLine
	if err := json.Unmarshal(text, &l); err != nil {
		return fmt.Errorf("%w: it is damaged, and what follows it cannot be relied on: %w", ErrInvalidArgument, err)
	}
	switch l.Step {
	case stepNew, stepUploading, stepUploaded, stepPredicting, stepDone:
		return j.note(l)
	}
	return fmt.Errorf("%w: step %q is not known to this version", ErrInvalidArgument, l.Step)
}

// begin takes off what follows the last whole line, and writes the first one
// where there is none.
func (j *journal) begin(modelID string) error {
	if err := j.file.Truncate(j.size); err != nil {
		return err
	}
	if _, err := j.file.Seek(j.size, io.SeekStart); err != nil {
		return err
	}
	if j.size > 0 {
		return nil
	}
	text, err := json.Marshal(header{journalVersion, modelID})
	if err != nil {
		return err
	}
	return j.write(true, append(text, '\n'))
}

// note takes up what a line says.
func (j *journal) note(l journalLine) error {
	e := j.items[l.Item]
	if l.Sum != "" {
		if e = j.files[l.key()]; e == nil {
			e = &entry{}
			j.files[l.key()] = e
		}
		e.upload, e.item = l.Upload, l.Item
		j.items[l.Item] = e
		if other := folded(l.Item); j.items[other] == nil {
			j.items[other] = e
		}
	}
	if e == nil {
		return fmt.Errorf("%w: item %q has no file", ErrInvalidArgument, l.Item)
	}
	e.step, e.since = l.Step, l.Time
	j.strange = j.strange || l.Strange
	if l.ItemID != "" {
		j.strange = true
		e.itemID = l.ItemID
		j.items[l.ItemID] = e
	}
	return nil
}

// find returns what is known of a file.
func (j *journal) find(key fileKey) (entry, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e := j.files[key]; e != nil {
		return *e, true
	}
	return entry{}, false
}

// taken says whether a file has an id that is the same when folded.
func (j *journal) taken(folded string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.items[folded] != nil
}

// add appends lines. Durable ones are on the disk when it returns; others when
// a later durable one is, or at the end.
func (j *journal) add(durable bool, lines ...journalLine) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b) // ends each value with a newline
	encoder.SetEscapeHTML(false)
	for _, l := range lines {
		if err := encoder.Encode(l); err != nil {
			return err
		}
	}
	return j.write(durable, b.Bytes(), lines...)
}

// write appends text, which is the lines', in one go.
func (j *journal) write(durable bool, text []byte, lines ...journalLine) error {
	j.mu.Lock()
	for _, l := range lines {
		if j.failed == nil {
			j.failed = j.note(l)
		}
	}
	if j.failed == nil {
		var n int
		n, j.failed = j.file.Write(text)
		j.size += int64(n)
	}
	size, err := j.size, j.failed
	j.mu.Unlock()
	if err != nil || !durable {
		return err
	}
	return j.sync(size)
}

// sync puts the journal on the disk up to a size. Those who wait for it at the
// same time share one.
func (j *journal) sync(size int64) error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	if j.synced >= size {
		return nil
	}
	j.mu.Lock()
	size = j.size
	j.mu.Unlock()
	if err := j.file.Sync(); err != nil {
		return err
	}
	j.synced = size
	return nil
}

// close ends the use of the journal. What was added is on the disk.
func (j *journal) close() error {
	return errors.Join(j.file.Sync(), unlock(j.file), j.file.Close())
}
