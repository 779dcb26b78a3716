// Package journal remembers what became of files, so that work on them can go
// on after any end of the process. It knows files, items and steps, and nothing
// of what moves a file from one step to the next.
package journal

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"path"
	"strings"
	"sync"
	"time"
)

var (
	// ErrInvalid is a journal that cannot be used: it is damaged, it is of
	// another version or of another model, or it is no journal at all.
	ErrInvalid = errors.New("unusable journal")
	// ErrLocked is a journal that another owner has, or has taken over.
	ErrLocked = errors.New("journal in use")
)

// Store keeps the lines of a journal. Its methods are those of the SDK's
// JournalStore, which documents them.
type Store interface {
	Lines(ctx context.Context) iter.Seq2[[]byte, error]
	Append(ctx context.Context, durable bool, lines ...[]byte) error
	Compact(ctx context.Context, lines iter.Seq[[]byte]) error
	Close() error
}

// header is a journal's first line.
type header struct {
	Version int    `json:"hacarus_journal"`
	Model   string `json:"model"`
}

const (
	version = 1
	// headerStart is how every journal begins.
	headerStart = `{"hacarus_journal":`
)

// Entry is what is known of a file.
type Entry struct {
	Key     Key
	Step    Step
	Since   time.Time // of the step, by the wall clock
	Upload  string    // the name under which it is uploaded
	Item    string    // the id that follows from that
	ItemID  string    // the id of its item: the service's own choice, or else Item
	Verdict string
}

// entry is an Entry in memory. Of a million of them, each byte counts.
type entry struct {
	name, upload, itemID string
	verdict              string // one of a few, shared by all entries
	sum                  [32]byte
	since                int64 // nanoseconds of Unix time
	nth                  int32
	step                 Step
}

func (e *entry) key() Key     { return Key{Name: e.name, Sum: e.sum, Nth: int(e.nth)} }
func (e *entry) item() string { return itemOf(e.upload) }

func (e *entry) public() Entry {
	public := Entry{
		Key: e.key(), Step: e.step, Since: time.Unix(0, e.since), Upload: e.upload, Item: e.item(), ItemID: e.itemID, Verdict: e.verdict,
	}
	if public.ItemID == "" {
		public.ItemID = public.Item
	}
	return public
}

// itemOf is the id that the service derives from the name of an upload.
func itemOf(upload string) string { return strings.TrimSuffix(upload, path.Ext(upload)) }

// digest is what an entry is found by: a part of a hash of its key.
type digest [16]byte

func digestOf(k Key) (d digest) {
	b := make([]byte, 0, 128)
	b = append(b, k.Sum[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(k.Nth)) //nolint:gosec // never negative
	b = append(b, k.Name...)
	sum := sha256.Sum256(b)
	copy(d[:], sum[:])
	return d
}

// Journal is the lines of a store, with what follows from them in memory: less
// than 300 bytes for each file whose name is not longer than 60.
type Journal struct {
	store Store
	model string

	mu      sync.Mutex
	files   map[digest]*entry
	items   map[uint64]*entry // by hashes of the ids: that which follows from the name, also folded, and the service's
	seed    maphash.Seed
	strange bool
	lines   int // in the store
}

// Open reads the journal of a model's work from a store, or begins it there.
// The store stays its caller's to close.
func Open(ctx context.Context, store Store, model string) (*Journal, error) {
	j := &Journal{store: store, model: model, files: map[digest]*entry{}, items: map[uint64]*entry{}, seed: maphash.MakeSeed()}
	number := 0
	for text, err := range store.Lines(ctx) {
		if err != nil {
			return nil, err
		}
		if number++; number == 1 {
			err = checkHeader(text, model)
		} else {
			err = j.load(text)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	j.lines = number
	if number > 0 {
		return j, nil
	}
	text, err := j.header()
	if err != nil {
		return nil, err
	}
	j.lines = 1
	return j, store.Append(ctx, true, text)
}

func (j *Journal) header() ([]byte, error) { return json.Marshal(header{version, j.model}) }

func checkHeader(text []byte, model string) error {
	var h header
	switch {
	case !strings.HasPrefix(string(text[:min(len(text), len(headerStart))]), headerStart):
		return fmt.Errorf("%w: not a journal", ErrInvalid)
	case json.Unmarshal(text, &h) != nil || h.Version != version:
		return fmt.Errorf("%w: not a journal of version %d", ErrInvalid, version)
	case h.Model != model:
		return fmt.Errorf("%w: the journal is of model %q, not of %q", ErrInvalid, h.Model, model)
	}
	return nil
}

func (j *Journal) load(text []byte) error {
	l, err := parseLine(text)
	if err != nil {
		return err
	}
	return j.note(l)
}

// note takes up what a line says.
func (j *Journal) note(l Line) error {
	e := j.items[j.hash(l.Item)]
	switch {
	case l.Upload != "":
		e = j.enter(l)
	case e == nil || e.item() != l.Item:
		return fmt.Errorf("%w: item %q has no file", ErrInvalid, l.Item)
	}
	e.step, e.since = l.Step, l.Time.UnixNano()
	j.strange = j.strange || l.Strange
	if l.Verdict != "" {
		e.verdict = shared(l.Verdict)
	}
	if l.ItemID != "" {
		j.strange = true
		e.itemID = l.ItemID
		if hash := j.hash(l.ItemID); j.items[hash] == nil { // an id is its first owner's
			j.items[hash] = e
		}
	}
	return nil
}

// enter takes up the first line of a file.
func (j *Journal) enter(l Line) *entry {
	d := digestOf(l.Key)
	e := j.files[d]
	if e == nil {
		e = &entry{name: l.Key.Name, sum: l.Key.Sum, nth: int32(l.Key.Nth)} //nolint:gosec // the run counts no further
		j.files[d] = e
	}
	e.upload = l.Upload
	if l.Upload == e.name {
		e.upload = e.name // one string in place of two
	}
	j.items[j.hash(l.Item)] = e
	if hash := j.hash(strings.ToLower(l.Item)); j.items[hash] == nil {
		j.items[hash] = e
	}
	return e
}

func (j *Journal) hash(id string) uint64 { return maphash.String(j.seed, id) }

// shared is one string for all verdicts that are the same.
func shared(verdict string) string {
	for _, known := range [...]string{"OK", "NG"} {
		if verdict == known {
			return known
		}
	}
	return verdict
}

// Strange says whether the service was seen to choose ids that do not follow
// from names.
func (j *Journal) Strange() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.strange
}

// Find returns what is known of a file.
func (j *Journal) Find(key Key) (Entry, bool) {
	d := digestOf(key)
	j.mu.Lock()
	defer j.mu.Unlock()
	if e := j.files[d]; e != nil && e.key() == key {
		return e.public(), true
	}
	return Entry{}, false
}

// Taken says whether a file has this id, or had it given by the service. The
// ids that follow from names are found in lower case, too. Once in very many
// millions it is true without need, by the chance of a hash.
func (j *Journal) Taken(id string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.items[j.hash(id)] != nil
}

// Add writes lines, and takes up what they say. Durable ones outlast a power
// failure when it returns; others do when a later durable one has been written,
// or at the end.
func (j *Journal) Add(ctx context.Context, durable bool, lines ...Line) error {
	texts := make([][]byte, len(lines))
	for n, l := range lines {
		var err error
		if texts[n], err = appendLine(nil, l); err != nil {
			return err
		}
	}
	j.mu.Lock()
	for _, l := range lines {
		if err := j.note(l); err != nil {
			j.mu.Unlock()
			return err
		}
	}
	j.lines += len(lines)
	j.mu.Unlock()
	return j.store.Append(ctx, durable, texts...)
}
