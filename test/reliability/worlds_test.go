package reliability

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/internal/journal"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

var (
	oneWorld   = flag.Uint64("world", 0, "the seed of the one world to run, whose events are logged")
	firstWorld = flag.Uint64("seed", 1, "the seed of the first world")
	worldCount = flag.Uint64("worlds", 300, "how many worlds are run; 10,000 at full length")
)

// S13: Inspect and Upload in random worlds: files of any names and contents,
// services of any habits, requests of any fate, programs that end at any point
// and begin again with what their journal has. Whatever the world,
//
//   - every file has one outcome, with its index and its tag;
//   - an outcome without an error is right: the verdict on this file's own
//     content, or the item that was made from it; with an error, it has no verdict;
//   - no file is uploaded twice, by all lives of the program together, and no
//     item is predicted twice before the grace time is over;
//   - no error claims a cancellation that nobody made, and where nothing is odd,
//     there is none at all;
//   - at the end of a run nothing runs, and no file is open.
func TestSuiteWorlds(t *testing.T) {
	t.Parallel()
	if *oneWorld != 0 {
		runWorld(t, *oneWorld)
		return
	}
	worlds, workers := *worldCount, uint64(4)
	if *testkit.Full {
		worlds = max(worlds, 10_000)
	}
	s13 := part{name: "S13", what: "random worlds: services, networks, disks, clocks and ends of the program"}
	t.Run("all", func(t *testing.T) {
		for worker := range workers {
			t.Run(fmt.Sprint("worker ", worker), func(t *testing.T) {
				t.Parallel()
				for n := worker; n < worlds; n += workers {
					seed := *firstWorld + n
					t.Run(fmt.Sprint(seed), func(t *testing.T) {
						s13.count(t)
						runWorld(t, seed)
					})
				}
			})
		}
	})
	s13.done(t)
}

func runWorld(t *testing.T, seed uint64) {
	t.Helper()
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed, folder)
		defer func() {
			if t.Failed() {
				t.Logf("world %d: %v", seed, w)
			}
		}()
		w.live(t)
	})
}

// dice are a random source that several goroutines may use.
type dice struct {
	mu     sync.Mutex
	random *rand.Rand
}

// below is a number from 0 to n-1.
func (d *dice) below(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.random.IntN(n)
}

func (d *dice) chance(share float64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.random.Float64() < share
}

func (d *dice) within(longest time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Duration(d.random.Int64N(int64(longest) + 1))
}

func oneOf[T any](d *dice, of ...T) T { return of[d.below(len(of))] }

// world is one random situation.
type world struct {
	dice    *dice
	service *oddService
	files   []worldFile
	upload  bool // Upload, and not Inspect
	endless bool // a Source, and not Files
	batch   int
	keeping keeping // nil: no journal
	jumps   bool    // the clock, between two lives
	old     int     // items that were there before

	mu      sync.Mutex
	lives   int // that are left, this one included
	trouble int // requests of another fate that are left
	life    *life
}

// worldFile is a file as the user has it.
type worldFile struct {
	name    string
	content []byte
}

const (
	// graceOfWorlds is longer than anything takes in the service.
	graceOfWorlds = 10 * time.Minute
	// longestCall is what may pass between the note of a prediction and its
	// request: the login, and attempts that the service was too busy for.
	longestCall = 2 * time.Minute
	// rememberInWorlds is longer than a world lasts.
	rememberInWorlds = 24 * time.Hour
)

func newWorld(t *testing.T, seed uint64, folder string) *world {
	t.Helper()
	d := &dice{random: rand.New(rand.NewPCG(seed, 0))}
	w := &world{
		dice: d, upload: d.chance(0.25), endless: d.chance(0.5), batch: 1 + d.below(6),
		service: &oddService{habits: drawHabits(d), dice: d, items: map[string]*oddItem{}, trace: func(string, ...any) {}},
	}
	if *oneWorld != 0 {
		w.service.trace = func(format string, args ...any) {
			t.Logf("%s "+format, append([]any{time.Now().Format("15:04:05.000")}, args...)...)
		}
	}
	w.service.draw = w.drawFate
	w.drawFiles(1 + d.below(20))
	w.placeOldItems(d.below(4))
	if d.chance(0.7) {
		w.drawJournal(t, folder)
		w.jumps = d.chance(0.2)
		w.lives = d.below(4)
	}
	w.lives++
	if d.chance(0.8) {
		w.trouble = d.below(25)
	}
	return w
}

// drawHabits draws a service. One that chooses ids of its own tells of images:
// where nothing tells items apart, nobody can.
func drawHabits(d *dice) habits {
	h := habits{ids: oneOf(d, byName, byName, byName, lowered, byNumber, mixed), hides: nothing, assessTime: d.within(2 * time.Minute)}
	if d.chance(0.3) {
		h.restarts = 1 + d.below(20)
	}
	if d.chance(0.2) {
		h.neverShare = 0.2
	}
	if d.chance(0.2) {
		h.oddShare = 0.2
	}
	if d.chance(0.3) {
		h.hides = oneOf(d, itsSize, allOfIt)
	}
	if h.isStrange() && h.hides == allOfIt {
		h.hides = itsSize
	}
	return h
}

// drawFiles draws names and contents that like to be equal, or nearly so: names
// of a kind stand beside each other.
func (w *world) drawFiles(n int) {
	names := []string{
		"1.png", "2.png", "3.png", "plate.png", "Plate.png", "PLATE.PNG", "plate.jpg", "plate", "検査1.jpg", "検査 1.jpg",
		"\x8c\x9f\x8d\xb8.jpg", "\x8c\x9f\x8d\xb9.jpg", "\x8c\x9f\x8d\xba.jpg", "\x8c.jpg", "\x9f.jpg", "caf\u00e9.png", "cafe\u0301.png", "a b.png", "a.b.png", "safe-x.jpg",
		"safe2-plate_2e_png.png", ".png", "..", "x/y.png", "new\nline.png", strings.Repeat("検", 90) + "1", strings.Repeat("検", 90) + "2",
	}
	first := w.dice.below(len(names))
	names = names[first:min(first+1+w.dice.below(8), len(names))]
	contents := make([][]byte, 1+w.dice.below(4))
	for i := range contents {
		contents[i] = w.bytes(1 + w.dice.below(3))
	}
	for range n {
		f := worldFile{oneOf(w.dice, names...), oneOf(w.dice, contents...)}
		if w.dice.chance(0.3) {
			f.name = fmt.Sprintf("%d.png", 1+w.dice.below(20))
		}
		if w.dice.chance(0.3) {
			f.content = append(w.bytes(1), f.name...)
		}
		w.files = append(w.files, f)
	}
}

func (w *world) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(w.dice.below(256))
	}
	return b
}

// placeOldItems puts items where those of files may be expected. Each has
// something that tells it from a new one. Without that nobody could tell, as the
// documentation of Inspect says.
func (w *world) placeOldItems(n int) {
	w.old = n
	for range n {
		f := oneOf(w.dice, w.files...)
		name := hacarus.SafeName(f.name)
		id, _, _ := strings.Cut(name, ".")
		item := &oddItem{id: id, name: name, imageName: name, content: slices.Clone(f.content), training: w.upload}
		item.content[0]++ // of another verdict
		tells := []string{"assessed", "of the other kind"}
		switch w.service.hides {
		case nothing:
			tells = append(tells, "of another size", "of another name")
		case itsSize:
			tells = append(tells, "of another name")
		}
		switch oneOf(w.dice, tells...) {
		case "assessed":
			item.assessed = []oddAssessment{{time.Now(), truthOf(item.content)}}
		case "of the other kind":
			item.training = !w.upload
		case "of another size":
			item.content = append(item.content, make([]byte, 500)...)
		case "of another name":
			item.imageName = "another.png"
		}
		w.service.place(item)
	}
}

// drawJournal begins a journal. Some are long already, so that they will be
// compacted while they are in use.
func (w *world) drawJournal(t *testing.T, folder string) {
	t.Helper()
	w.keeping = &keptLines{}
	if w.dice.chance(0.5) {
		w.keeping = &keptFile{path: filepath.Join(folder, "journal"), forbids: w.dice.chance(0.3)}
	}
	if !w.dice.chance(0.05) {
		return
	}
	store, err := w.keeping.open(&life{world: w, end: func() {}})
	require.NoError(t, err)
	j, err := journal.Open(t.Context(), store, w.model(), 0)
	require.NoError(t, err)
	key := journal.Key{Name: "of last year.png"}
	lines := []journal.Line{{Time: time.Now(), Step: journal.Uploading, Item: "of-last-year", Key: key, Upload: "of-last-year.png"}}
	for len(lines) < compactedAt-w.dice.below(60) {
		lines = append(lines, journal.Line{Time: time.Now(), Step: journal.Done, Item: "of-last-year"})
	}
	require.NoError(t, j.Add(t.Context(), true, lines...))
	require.NoError(t, store.Close())
}

// compactedAt is about how many lines a journal of few files has when it is compacted.
const compactedAt = 10_000

// model is the one that the journal is of.
func (w *world) model() string {
	if w.upload {
		return ""
	}
	return modelOfWorlds
}

func (w *world) String() string {
	names := make([]string, len(w.files))
	for i, f := range w.files {
		names[i] = fmt.Sprintf("%q (%s, % x)", f.name, truthOf(f.content), f.content[:min(3, len(f.content))])
	}
	return fmt.Sprintf("upload %v, source %v, batches of %d, journal %T, the clock jumps %v; %v; files: %s",
		w.upload, w.endless, w.batch, w.keeping, w.jumps, w.service.habits, strings.Join(names, ", "))
}

// isPlain says whether nothing in a world is odd, and nothing goes wrong.
func (w *world) isPlain() bool {
	h := w.service.habits
	return w.trouble == 0 && w.old == 0 && w.lives == 1 && h.ids == byName && h.neverShare == 0 && h.oddShare == 0
}

// drawFate lets a request succeed, unless there is trouble left. The program may
// end at any request, whatever becomes of that.
func (w *world) drawFate(r *http.Request) fate {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lives > 1 && w.dice.chance(0.02) {
		w.life.kill()
	}
	if w.trouble == 0 || w.dice.chance(0.67) {
		return asItShould
	}
	w.trouble--
	if isUpload(r) && w.dice.chance(0.1) {
		return tooLarge
	}
	return oneOf(w.dice, fates...)
}

// mayEnd says whether a life of the program may end in another way than by itself.
func (w *world) mayEnd() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lives > 1
}

// live lets the program run until it comes to its end by itself.
func (w *world) live(t *testing.T) {
	t.Helper()
	defer w.service.late.Wait()
	plain := w.isPlain()
	for {
		l := w.begin(t.Context())
		l.run(t)
		if l.endedByItself() {
			l.requireAll(t)
			if plain {
				l.requireNoErrors(t)
			}
			break
		}
		if !l.isDead() {
			l.requireCancelled(t)
		}
		w.between(l)
	}
	w.service.late.Wait()
	w.requireOnce(t)
}

// begin begins a life of the program. In some, the user has not enough patience.
func (w *world) begin(ctx context.Context) *life {
	ctx, end := context.WithCancel(ctx)
	l := &life{world: w, ctx: ctx, end: end}
	if w.keeping != nil && saysStrange.Match(w.keeping.text()) {
		l.warned = time.Now().Add(-1)
	}
	w.mu.Lock()
	w.life = l
	w.mu.Unlock()
	if w.mayEnd() && w.dice.chance(0.2) {
		l.impatient = time.AfterFunc(w.dice.within(3*time.Minute), end)
	}
	return l
}

// between is what happens until the next life.
func (w *world) between(l *life) {
	w.mu.Lock()
	w.lives--
	w.mu.Unlock()
	if l.isDead() && w.dice.chance(0.5) {
		w.keeping.crash(w.dice)
	}
	if w.jumps {
		by := w.dice.within(oneOf(w.dice, time.Minute, time.Hour, 5*365*24*time.Hour))
		if w.dice.chance(0.5) {
			by = -by
		}
		w.service.trace("the clock jumps by %v", by)
		w.keeping.edit(func(text []byte) []byte { return shifted(text, by) })
	}
	if w.dice.chance(0.3) {
		time.Sleep(w.dice.within(2 * graceOfWorlds))
	}
	w.service.trace("the program begins again, with the journal\n%s", w.keeping.text())
}

// life is a process that runs the program. When it is dead, nothing of it
// reaches the service or the disk.
type life struct {
	world     *world
	ctx       context.Context //nolint:containedctx // the user's, as long as the life lasts
	end       context.CancelFunc
	impatient *time.Timer // after which the user ends the context; nil: never
	opened    atomic.Int64
	dead      atomic.Bool
	warned    time.Time // when it has seen that ids do not follow from names; zero: it has not

	outcomes []outcome
	err      error // what the range ended with
}

// outcome is what becomes of a file.
type outcome struct {
	index   int
	tag     any
	itemID  string
	verdict hacarus.Verdict
	err     error
}

var errDead = errors.New("the process is dead")

func (l *life) kill() {
	l.dead.Store(true)
	l.end()
}

func (l *life) isDead() bool { return l.dead.Load() }

// endedByItself says whether nothing else has ended the program.
func (l *life) endedByItself() bool { return !l.isDead() && !errors.Is(l.err, context.Canceled) }

// system makes a call to the operating system, at which the life may end.
func (l *life) system(call func() error) error {
	dies := l.world.mayEnd() && l.world.dice.chance(0.04)
	if dies && l.world.dice.chance(0.5) {
		l.kill()
	}
	if l.isDead() {
		return errDead
	}
	err := call()
	if dies {
		l.kill()
		return errDead
	}
	return err
}

// RoundTrip carries the requests of a life to the service.
func (l *life) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.isDead() {
		return nil, errDead
	}
	sent := r
	if !l.isWarned() {
		sent = r.WithContext(context.WithValue(r.Context(), unwarned{}, true))
	}
	response, err := l.world.service.RoundTrip(sent)
	if l.isDead() {
		return nil, errDead
	}
	if err == nil && response.Header.Get(strangeIDs) != "" {
		l.warn()
	}
	return response, err
}

// warn notes that the life sees ids which do not follow from names.
func (l *life) warn() {
	l.world.mu.Lock()
	defer l.world.mu.Unlock()
	if l.warned.IsZero() {
		l.warned = time.Now()
	}
}

// isWarned says whether the life has had time to see that the service chooses
// ids which do not follow from names.
func (l *life) isWarned() bool {
	l.world.mu.Lock()
	defer l.world.mu.Unlock()
	return !l.warned.IsZero() && time.Now().After(l.warned)
}

// run runs the program.
func (l *life) run(t *testing.T) {
	t.Helper()
	defer l.end()
	client, err := hacarus.New("http://127.0.0.1", hacarus.WithCredentials("id", "a-client-secret"),
		hacarus.WithHTTPClient(&http.Client{Transport: l}))
	require.NoError(t, err)
	var store hacarus.JournalStore
	if l.world.keeping != nil {
		if store, l.err = l.world.keeping.open(l); l.err != nil {
			return
		}
	}
	if l.world.upload {
		l.uploadAll(t, client, store)
	} else {
		l.inspectAll(t, client, store)
	}
	if l.impatient != nil {
		l.impatient.Stop()
	}
	if store != nil {
		err = store.Close()
		require.True(t, err == nil || l.isDead(), err)
	}
	require.NoError(t, client.Close())
	synctest.Wait() // a file that was being opened when the run ended is closed by itself
	require.Zero(t, l.opened.Load(), "files are open")
}

// theFiles are the files as Files, or as a Source.
func (l *life) theFiles() (files []hacarus.File, source iter.Seq[hacarus.File]) {
	for i, f := range l.world.files {
		file := hacarus.FileFromBytes(f.name, f.content)
		file.Tag = i
		open := file.Open
		file.Open = func() (io.ReadCloser, error) {
			content, err := open()
			l.opened.Add(1)
			return &openedContent{content, l}, err
		}
		files = append(files, file)
	}
	if l.world.endless {
		return nil, slices.Values(files)
	}
	return files, nil
}

// openedContent counts that it is closed.
type openedContent struct {
	io.ReadCloser
	life *life
}

func (c *openedContent) Close() error {
	c.life.opened.Add(-1)
	return c.ReadCloser.Close()
}

func (l *life) inspectAll(t *testing.T, client *hacarus.Client, store hacarus.JournalStore) {
	t.Helper()
	files, source := l.theFiles()
	request := hacarus.InspectRequest{
		ModelID: modelOfWorlds, Files: files, Source: source, BatchSize: l.world.batch, Grace: graceOfWorlds, Store: store,
	}
	if !l.world.jumps {
		request.Remember = rememberInWorlds
	}
	for i, err := range client.Inspect(l.ctx, request) {
		if err != nil {
			l.err = err
			return
		}
		l.note(t, outcome{i.Index, i.Tag, i.ItemID, i.Verdict, i.Err})
		if i.Err == nil {
			f := l.world.files[i.Index]
			require.Equal(t, truthOf(f.content), string(i.Verdict), "%q has the verdict of another file", f.name)
		}
	}
}

func (l *life) uploadAll(t *testing.T, client *hacarus.Client, store hacarus.JournalStore) {
	t.Helper()
	files, source := l.theFiles()
	request := hacarus.UploadRequest{Files: files, Source: source, Training: true, Good: new(true), BatchSize: l.world.batch, Store: store}
	for u, err := range client.Upload(l.ctx, request) {
		if err != nil {
			l.err = err
			return
		}
		l.note(t, outcome{u.Index, u.Tag, u.ItemID, hacarus.VerdictUnknown, u.Err})
		if u.Err == nil {
			l.requireMadeOf(t, u.ItemID, l.world.files[u.Index])
		}
	}
}

// requireMadeOf holds that an item was made from a file. A service that gives
// ids a second time may have made another item since.
func (l *life) requireMadeOf(t *testing.T, id string, f worldFile) {
	t.Helper()
	s := l.world.service
	s.mu.Lock()
	defer s.mu.Unlock()
	made := slices.ContainsFunc(s.uploads, func(item *oddItem) bool {
		return strings.EqualFold(item.id, id) && item.training && slices.Equal(item.content, f.content)
	})
	require.True(t, made, "%q was not made item %s", f.name, id)
}

// note takes up an outcome, of which some things hold in any world.
func (l *life) note(t *testing.T, o outcome) {
	t.Helper()
	l.world.service.trace("   outcome of %d: %s %v %v", o.index, o.itemID, o.verdict, o.err)
	require.Equal(t, o.index, o.tag)
	require.False(t, slices.ContainsFunc(l.outcomes, func(other outcome) bool { return other.index == o.index }), "file %d has two outcomes", o.index)
	l.outcomes = append(l.outcomes, o)
	if o.err == nil {
		return
	}
	require.Equal(t, hacarus.VerdictUnknown, o.verdict)
	if l.ctx.Err() == nil {
		require.NotErrorIs(t, o.err, context.Canceled, "nobody cancelled anything")
	}
}

// requireAll holds what a life says that has ended by itself.
func (l *life) requireAll(t *testing.T) {
	t.Helper()
	require.NoError(t, l.err, "nothing that concerns all files was wrong")
	require.Len(t, l.outcomes, len(l.world.files))
}

func (l *life) requireNoErrors(t *testing.T) {
	t.Helper()
	for _, o := range l.outcomes {
		require.NoError(t, o.err)
	}
}

// requireCancelled holds what a life says that the user has ended: the files of
// a Source that had not come have no outcome.
func (l *life) requireCancelled(t *testing.T) {
	t.Helper()
	require.ErrorIs(t, l.err, context.Canceled)
	if !l.world.endless {
		require.Len(t, l.outcomes, len(l.world.files))
	}
}

// requireOnce holds that the service was asked for everything once.
func (w *world) requireOnce(t *testing.T) {
	t.Helper()
	apart := graceOfWorlds - latest - longestCall
	if w.jumps { // then nothing tells how long ago it was
		apart = 0
	}
	names, ids, contents := map[string]int{}, map[string]int{}, map[string]int{}
	for _, f := range w.files {
		contents[string(f.content)]++
	}
	for _, item := range w.service.uploads {
		ids[item.id]++
	}
	for _, item := range w.service.uploads {
		names[item.name]++
		if names[item.name] > 1 {
			require.True(t, item.unwarned && w.service.isStrange(), "%q was uploaded more than once", item.name)
			continue
		}
		contents[string(item.content)]--
		require.GreaterOrEqual(t, contents[string(item.content)], 0, "a content was uploaded more often than there are files of it: %q", item.name)
		for i := 1; i < len(item.predicted) && ids[item.id] == 1; i++ {
			require.GreaterOrEqual(t, item.predicted[i].Sub(item.predicted[i-1]), apart, "%q was predicted twice", item.name)
		}
	}
}
