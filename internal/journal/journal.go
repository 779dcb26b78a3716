// Package journal remembers what became of files, so that work on them can go
// on after any end of the process. It knows files, items and steps, and nothing
// of what moves a file from one step to the next.
package journal

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/hacarus/hacarus-check-go/internal/wire"
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
	Strange bool   `json:"strange,omitempty"`
	Files   int    `json:"files,omitempty"` // at least so many follow: room for them is made at once
}

// maxFiles bounds the room that is made on a header's word.
const maxFiles = 4_000_000

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
	held                 bool // in use by the run, so that it is not forgotten
}

func (e *entry) key() Key     { return Key{Name: e.name, Sum: e.sum, Nth: int(e.nth)} }
func (e *entry) item() string { return wire.ItemID(e.upload) }

func (e *entry) public() Entry {
	public := Entry{
		Key: e.key(), Step: e.step, Since: time.Unix(0, e.since), Upload: e.upload, Item: e.item(), ItemID: e.itemID, Verdict: e.verdict,
	}
	if public.ItemID == "" {
		public.ItemID = public.Item
	}
	return public
}

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
	keep  time.Duration // how long a file is remembered; zero: for ever

	// writing is held for writing while the store is compacted: what is in
	// memory then is in the store, and nothing is on its way there.
	writing sync.RWMutex

	mu      sync.Mutex
	files   map[digest]int32 // places in order; maps without pointers cost the garbage collector nothing
	order   []*entry         // of the files, as they came
	spare   []entry          // for further ones
	items   map[uint64]int32 // by hashes of the ids: that which follows from the name, and the service's
	seed    maphash.Seed
	strange bool
	lines   int // in the store
	last    int // lines after the last compaction, or after one that failed
	// now is the time of the journal: when it was last written to, and what has
	// passed since then. A computer's clock that jumps makes it forget nothing.
	written time.Time
	opened  time.Time
	swept   time.Time // when it was last looked for files to forget
}

// Open reads the journal of a model's work from a store, or begins it there. One of
// another model is invalid, unless it tells of no file.
// Files whose last step is older than keep are forgotten; zero keeps all. The
// store stays its caller's to close.
func Open(ctx context.Context, store Store, model string, keep time.Duration) (*Journal, error) {
	j := &Journal{store: store, model: model, keep: keep}
	if err := j.read(store.Lines(ctx)); err != nil {
		return nil, err
	}
	j.opened, j.swept = time.Now(), time.Now()
	if j.written.IsZero() {
		j.written = j.opened
	}
	if j.lines == 0 {
		text, err := json.Marshal(header{Version: version, Model: model})
		if err != nil {
			return nil, err
		}
		j.lines = 1
		return j, store.Append(ctx, true, text)
	}
	if j.model != model {
		return j.pass(ctx, model)
	}
	if j.isLong() || j.forgets() {
		return j, j.compact(ctx)
	}
	return j, nil
}

// pass gives a journal to another model, if it tells of no file: a model that was
// misspelled, say, has done nothing. It is not used with the header as it is.
func (j *Journal) pass(ctx context.Context, model string) (*Journal, error) {
	if j.lines > 1 {
		return nil, fmt.Errorf("%w: the journal is of model %q, not of %q", ErrInvalid, j.model, model)
	}
	text, err := json.Marshal(header{Version: version, Model: model, Strange: j.strange})
	if err != nil {
		return nil, err
	}
	if err := j.store.Compact(ctx, slices.Values([][]byte{text})); err != nil {
		return nil, err
	}
	j.model = model
	return j, nil
}

// read takes up lines, the first of which is the header.
func (j *Journal) read(lines iter.Seq2[[]byte, error]) (err error) {
	j.seed = maphash.MakeSeed()
	j.room(0)
	notes := j.startNoting()
	defer func() { err = cmp.Or(notes.end(), err) }() // that of the earlier line
	for text, err := range lines {
		if err != nil {
			return err
		}
		if j.lines++; j.lines == 1 {
			err = j.begin(text)
		} else {
			err = j.load(text, notes)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", j.lines, err)
		}
	}
	return nil
}

// begin takes up the header.
func (j *Journal) begin(text []byte) error {
	var h header
	switch {
	case !bytes.HasPrefix(text, []byte(headerStart)):
		return fmt.Errorf("%w: not a journal", ErrInvalid)
	case json.Unmarshal(text, &h) != nil || h.Version != version:
		return fmt.Errorf("%w: not a journal of version %d", ErrInvalid, version)
	}
	j.model, j.strange = h.Model, h.Strange
	j.room(min(h.Files, maxFiles))
	return nil
}

// room makes maps for a number of files.
func (j *Journal) room(files int) {
	j.files, j.items = make(map[digest]int32, files), make(map[uint64]int32, files)
}

func (j *Journal) load(text []byte, notes *noting) error {
	l, err := parseLine(text)
	if err != nil {
		return err
	}
	if l.Time.After(j.written) {
		j.written = l.Time
	}
	notes.add(l)
	return nil
}

// note takes up what a line says.
func (j *Journal) note(l Line) error {
	var e *entry
	if l.Upload != "" {
		e = j.enter(l)
	} else if e = j.named(l.Item); e == nil {
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
		j.index(j.files[digestOf(e.key())])
	}
	return nil
}

// enter takes up the first line of a file.
func (j *Journal) enter(l Line) *entry {
	d := digestOf(l.Key)
	at, known := j.files[d]
	if !known {
		e := j.newEntry()
		e.name, e.sum, e.nth = l.Key.Name, l.Key.Sum, int32(l.Key.Nth) //nolint:gosec // the run counts no further
		at = int32(len(j.order))                                       //nolint:gosec // memory ends before
		j.files[d] = at
		j.order = append(j.order, e)
	}
	e := j.order[at]
	e.upload = l.Upload
	if l.Upload == e.name {
		e.upload = e.name // one string in place of two
	}
	j.index(at)
	return e
}

// owner is the entry that an id is found by; nil: none.
func (j *Journal) owner(id string) *entry {
	if at, known := j.items[j.hash(id)]; known {
		return j.order[at]
	}
	return nil
}

// named is the entry of the file from whose name an id follows; nil: none. Files
// whose ids differ in case alone are given no more, but a journal may have some:
// they are looked for one by one.
func (j *Journal) named(item string) *entry {
	if e := j.owner(item); e == nil || e.item() == item {
		return e
	}
	n := slices.IndexFunc(j.order, func(e *entry) bool { return e.item() == item })
	if n < 0 {
		return nil
	}
	return j.order[n]
}

// find is the entry of a key; nil: none.
func (j *Journal) find(key Key) *entry {
	if at, known := j.files[digestOf(key)]; known && j.order[at].key() == key {
		return j.order[at]
	}
	return nil
}

// newEntry takes an entry from an array of them, which is faster than one by one.
func (j *Journal) newEntry() *entry {
	if len(j.spare) == 0 {
		j.spare = make([]entry, 256)
	}
	e := &j.spare[0]
	j.spare = j.spare[1:]
	return e
}

// index makes an entry be found by its ids. An id that two have is its first
// owner's, but what follows from a name is that name's.
func (j *Journal) index(at int32) {
	e := j.order[at]
	j.items[j.hash(e.item())] = at
	if e.itemID == "" {
		return
	}
	hash := j.hash(e.itemID)
	if _, taken := j.items[hash]; !taken {
		j.items[hash] = at
	}
}

// hash is the same for ids that differ in case alone: nothing says that a
// service tells those apart.
func (j *Journal) hash(id string) uint64 {
	b := make([]byte, 0, 256)
	for n := range len(id) {
		c := id[n]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return maphash.Bytes(j.seed, b)
}

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

// Find returns what is known of a file, and holds it: see Release.
func (j *Journal) Find(key Key) (Entry, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e := j.find(key); e != nil {
		e.held = true
		return e.public(), true
	}
	return Entry{}, false
}

// Release says that nothing is done with a file any more, so that it may be
// forgotten when its time has come. Find and Add keep it from that.
func (j *Journal) Release(key Key) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e := j.find(key); e != nil {
		e.held = false
	}
}

// Taken says whether a file has this id, or one that differs in case alone, by
// its name or from the service. Once in very many millions it is true without
// need, by the chance of a hash.
func (j *Journal) Taken(id string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.owner(id) != nil
}

// Add writes lines, and takes up what they say. Durable ones outlast a power
// failure when it returns; others do when a later durable one has been written,
// or at the end. Now and then it compacts the journal after that.
func (j *Journal) Add(ctx context.Context, durable bool, lines ...Line) error {
	texts := make([][]byte, len(lines))
	for n, l := range lines {
		var err error
		if texts[n], err = appendLine(nil, l); err != nil {
			return err
		}
	}
	if err := j.add(ctx, durable, lines, texts); err != nil {
		return err
	}
	if !j.isDue() {
		return nil
	}
	j.writing.Lock()
	defer j.writing.Unlock()
	if !j.isDue() { // another has done it
		return nil
	}
	return j.compact(ctx)
}

func (j *Journal) add(ctx context.Context, durable bool, lines []Line, texts [][]byte) error {
	j.writing.RLock()
	defer j.writing.RUnlock()
	j.mu.Lock()
	for _, l := range lines {
		if err := j.note(l); err != nil {
			j.mu.Unlock()
			return err
		}
		if l.Upload != "" {
			j.find(l.Key).held = true
		}
	}
	j.lines += len(lines)
	j.mu.Unlock()
	return j.store.Append(ctx, durable, texts...)
}

const (
	// slack is how many lines a journal may have beyond two for each file.
	slack = 10_000
	// sweeps is how often it is looked for files to forget while one of them is remembered.
	sweeps = 8
)

// isDue says whether the journal is to be compacted: it is long, or it is time
// to look for files to forget.
func (j *Journal) isDue() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.isLong() || j.keep > 0 && time.Since(j.swept) >= max(j.keep/sweeps, time.Minute)
}

// isLong says whether more than half of the journal tells of former steps.
func (j *Journal) isLong() bool { return j.lines > max(2*len(j.order), j.last)+slack }

// forgets says whether there is a file to forget.
func (j *Journal) forgets() bool {
	return j.keep > 0 && slices.ContainsFunc(j.order, j.isOld)
}

// isOld says whether a file's time is over. It is not while something is done with it.
func (j *Journal) isOld(e *entry) bool {
	now := j.written.Add(time.Since(j.opened))
	return !e.held && now.UnixNano()-e.since > int64(j.keep)
}

// compact leaves one line for each file, and none for those that are forgotten.
// A store that cannot do that now is used as it is.
func (j *Journal) compact(ctx context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.swept = time.Now()
	if j.keep > 0 {
		j.forget()
	}
	err := j.store.Compact(ctx, func(yield func([]byte) bool) {
		text, _ := json.Marshal(header{version, j.model, j.strange, len(j.order)}) // it has been read, or made, before
		for n := 0; yield(text) && n < len(j.order); n++ {
			text, _ = appendLine(text[:0], j.order[n].line())
		}
	})
	if err == nil {
		j.lines, j.last = len(j.order)+1, 0
		return nil
	}
	j.last = j.lines
	if errors.Is(err, ErrLocked) {
		return err
	}
	return nil
}

// forget drops the files whose time is over.
func (j *Journal) forget() {
	kept := make([]*entry, 0, len(j.order))
	for _, e := range j.order {
		if !j.isOld(e) {
			kept = append(kept, e)
		}
	}
	if len(kept) == len(j.order) {
		return
	}
	j.order = kept
	j.spare = nil
	j.room(len(kept))
	for n, e := range kept {
		kept[n] = j.newEntry() // a few would keep the arrays of many
		*kept[n] = *e
	}
	for n := range kept {
		j.files[digestOf(kept[n].key())] = int32(n)
		j.index(int32(n))
	}
}

// line tells all that is known of a file.
func (e *entry) line() Line {
	return Line{
		Time: time.Unix(0, e.since), Step: e.step, Item: e.item(), ItemID: e.itemID, Key: e.key(), Upload: e.upload, Verdict: e.verdict,
	}
}

// Read yields what a journal in a file says of each file, in the order in which
// they came, also while it is in use.
func Read(path string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		j, err := readFile(path)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		for _, e := range j.order {
			if !yield(e.public(), nil) {
				return
			}
		}
	}
}

func readFile(path string) (*Journal, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: not a regular file", ErrInvalid)
	}
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil {
		return nil, err
	}
	j := new(Journal)
	return j, j.read(newLineReader(file, info.Size()).lines)
}
