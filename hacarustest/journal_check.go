package hacarustest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// TestJournalStore checks that an implementation of [hacarus.JournalStore] keeps
// what that interface promises. Each call of open opens the same journal again,
// as another owner; the journal is empty at first, and what is in it at the end
// is of no use. The error names each promise that is broken; nil is none.
//
//	func TestStore(t *testing.T) {
//		table := newTable(t)
//		err := hacarustest.TestJournalStore(func() (hacarus.JournalStore, error) { return openStore(table) })
//		if err != nil {
//			t.Fatal(err)
//		}
//	}
//
// Open may refuse a journal that another store has open, with
// [hacarus.ErrJournalLocked], and it may return the same store again; then there
// is nobody to take the journal over from, and that part is left out. What only
// a power failure would show is not checked either. A store that waits for ever
// makes the check wait, too.
func TestJournalStore(open func() (hacarus.JournalStore, error)) error {
	c := &journalCheck{open: open}
	var errs []error
	for _, p := range journalPromises {
		if err := c.keeps(p.check); err != nil {
			errs = append(errs, fmt.Errorf("journal store: %s: %w", p.name, err))
		}
	}
	return errors.Join(errs...)
}

// journalPromises are in an order in which each relies on those before it.
var journalPromises = []struct {
	name  string
	check func(*journalCheck, context.Context) error
}{
	{"a new journal has no lines", (*journalCheck).isEmpty},
	{"lines come back as they were, in their order", (*journalCheck).keepsLines},
	{"many lines come back", (*journalCheck).keepsManyLines},
	{"slices stay their caller's", (*journalCheck).leavesSlices},
	{"durable lines are there for the next owner", (*journalCheck).isDurable},
	{"a range over the lines may be left", (*journalCheck).mayBeLeft},
	{"all lines, or an error", (*journalCheck).tellsOfLostLines},
	{"an append whose context has ended leaves whole lines", (*journalCheck).appendsUntilTheEnd},
	{"lines of one append stay together", (*journalCheck).appendsTogether},
	{"a compaction replaces all lines", (*journalCheck).compacts},
	{"a compaction whose context ends is whole or has not been", (*journalCheck).compactsUntilTheEnd},
	{"a compaction that panics has not been", (*journalCheck).compactsInPanic},
	{"a former owner is refused", (*journalCheck).refusesFormerOwner},
	{"nothing is added behind the back of a new owner", (*journalCheck).takesOverAtOnce},
	{"a compaction during which another one takes over has not been", (*journalCheck).compactsForNobodyElse},
	{"a former owner's Close is nothing to the new one", (*journalCheck).closesItsOwn},
	{"after Close nothing is written", (*journalCheck).endsWithClose},
}

// journalCheck is one check of a kind of store.
type journalCheck struct {
	open   func() (hacarus.JournalStore, error)
	opened []hacarus.JournalStore
	lines  int // made so far, so that no line is like another
}

// patience is how long a store may keep one owner waiting for another before the
// check goes on without an outcome. Those who lock others out are within their rights.
const patience = 100 * time.Millisecond

// errOneOwner is what a part of the check ends with that needs two owners.
var errOneOwner = errors.New("one owner at a time")

// keeps runs one part of the check, and closes what that has opened.
func (c *journalCheck) keeps(check func(*journalCheck, context.Context) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	err := check(c, ctx)
	if errors.Is(err, errOneOwner) {
		err = nil
	}
	return errors.Join(err, c.closeAll())
}

func (c *journalCheck) closeAll() (err error) {
	for _, s := range slices.Backward(c.opened) {
		if closing := s.Close(); closing != nil {
			err = errors.Join(err, fmt.Errorf("Close: %w", closing))
		}
	}
	c.opened = nil
	return err
}

// another opens the journal once more.
func (c *journalCheck) another() (hacarus.JournalStore, error) {
	s, err := c.open()
	switch {
	case err != nil && len(c.opened) > 0 && errors.Is(err, hacarus.ErrJournalLocked):
		return nil, errOneOwner
	case err != nil:
		return nil, fmt.Errorf("open: %w", err)
	case s == nil:
		return nil, errors.New("open: neither a store nor an error")
	case slices.ContainsFunc(c.opened, func(o hacarus.JournalStore) bool { return isSame(o, s) }):
		return nil, errOneOwner
	}
	c.opened = append(c.opened, s)
	return s, nil
}

func isSame(a, b hacarus.JournalStore) bool { return reflect.ValueOf(a).Comparable() && a == b }

// begin opens the journal, and returns what is in it: a header at least.
func (c *journalCheck) begin(ctx context.Context) (s hacarus.JournalStore, lines []string, err error) {
	if s, err = c.another(); err != nil {
		return nil, nil, err
	}
	if lines, err = readLines(ctx, s); err != nil || len(lines) > 0 {
		return s, lines, err
	}
	lines = []string{`{"hacarus_journal":1,"model":"active"}`}
	return s, lines, c.add(ctx, s, true, lines...)
}

// beginTwice is begin, with another owner who has not read the journal yet.
func (c *journalCheck) beginTwice(ctx context.Context) (a, b hacarus.JournalStore, lines []string, err error) {
	if a, lines, err = c.begin(ctx); err != nil {
		return nil, nil, nil, err
	}
	b, err = c.another()
	return a, b, lines, err
}

// again is the journal for the next owner: it closes the store, and opens another.
func (c *journalCheck) again(ctx context.Context) (s hacarus.JournalStore, lines []string, err error) {
	if err = c.closeAll(); err != nil {
		return nil, nil, err
	}
	if s, err = c.another(); err != nil {
		return nil, nil, err
	}
	lines, err = readLines(ctx, s)
	return s, lines, err
}

// requireAgain holds what the store has, and what the next owner finds.
func (c *journalCheck) requireAgain(ctx context.Context, s hacarus.JournalStore, want []string) error {
	got, err := readLines(ctx, s)
	if err = errors.Join(err, difference("Lines", got, want)); err != nil {
		return err
	}
	_, got, err = c.again(ctx)
	return errors.Join(err, difference("Lines after Close and open", got, want))
}

func (c *journalCheck) add(ctx context.Context, s hacarus.JournalStore, durable bool, lines ...string) error {
	if err := s.Append(ctx, durable, slicesOf(lines)...); err != nil {
		return fmt.Errorf("Append: %w", err)
	}
	return nil
}

// some are new lines.
func (c *journalCheck) some(n int) []string {
	lines := make([]string, n)
	for i := range lines {
		c.lines++
		lines[i] = fmt.Sprintf(`{"step":"uploading","item":"item-%d"}`, c.lines)
	}
	return lines
}

// rewritten are lines that a journal can be compacted to.
func (c *journalCheck) rewritten() []string {
	return append([]string{`{"hacarus_journal":1,"model":"active","files":3}`}, c.some(3)...)
}

func slicesOf(lines []string) [][]byte {
	all := make([][]byte, len(lines))
	for i, line := range lines {
		all[i] = []byte(line)
	}
	return all
}

// sequenceOf yields lines in one buffer, as the interface allows. before is
// called before each.
func sequenceOf(lines []string, before func(n int)) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		var b []byte
		for n, line := range lines {
			before(n)
			if b = append(b[:0], line...); !yield(b) {
				return
			}
			clear(b[:cap(b)])
		}
	}
}

func whole(lines []string) iter.Seq[[]byte] { return sequenceOf(lines, func(int) {}) }

func readLines(ctx context.Context, s hacarus.JournalStore) ([]string, error) {
	return readAnd(ctx, s, func(int) bool { return true })
}

// readAnd reads lines, and calls a function after each, until that is false.
func readAnd(ctx context.Context, s hacarus.JournalStore, then func(n int) bool) (lines []string, err error) {
	ended := false
	s.Lines(ctx)(func(line []byte, failed error) bool {
		if ended {
			err = errors.Join(err, errors.New("Lines: it yields again after an error, or after the range was left"))
			return false
		}
		if failed != nil {
			ended, err = true, fmt.Errorf("Lines: %w", failed)
			return false
		}
		lines = append(lines, string(line))
		ended = !then(len(lines))
		return !ended
	})
	return lines, err
}

// difference says where lines are not those that should be there.
func difference(where string, got, want []string) error {
	for n := range max(len(got), len(want)) {
		if n >= len(got) || n >= len(want) || got[n] != want[n] {
			return fmt.Errorf("%s: %d lines, want %d; line %d is %s, want %s", where, len(got), len(want), n+1, lineAt(got, n), lineAt(want, n))
		}
	}
	return nil
}

func lineAt(lines []string, n int) string {
	if n >= len(lines) {
		return "not there"
	}
	return fmt.Sprintf("%.200q", lines[n])
}

func (c *journalCheck) isEmpty(ctx context.Context) error {
	s, err := c.another()
	if err != nil {
		return err
	}
	lines, err := readLines(ctx, s)
	return errors.Join(err, difference("Lines", lines, nil))
}

func (c *journalCheck) keepsLines(ctx context.Context) error {
	s, want, err := c.begin(ctx)
	if err != nil {
		return err
	}
	special := []string{
		`{}`, ` { "a" : 1 } `, `{"a":1}`, `{"a":1}`, `{"file":""}`,
		"{\"file\":\"検査 e\u0301 \u00e9 \u2028 \ufeff \ufffd 🔩\"}",
		`{"file":"\"\\\n\r\u0000; ' % -- $1 <&>"}`, "{\"file\":\"\x7f\"}\r", "{\"a\":\t1}",
		`{"file":"` + strings.Repeat("x", 100_000) + `"}`, `{"a":2}`,
	}
	for n := 0; n < len(special) && err == nil; n++ {
		err = c.add(ctx, s, n%2 == 0, special[n])
	}
	several := append(c.some(7), special...)
	err = errors.Join(err, c.add(ctx, s, false), c.add(ctx, s, false, several...), c.add(ctx, s, true))
	if err != nil {
		return err
	}
	return c.requireAgain(ctx, s, slices.Concat(want, special, several))
}

// keepsManyLines has more than one page of them where a store has pages.
func (c *journalCheck) keepsManyLines(ctx context.Context) error {
	s, want, err := c.begin(ctx)
	for n := 0; n < 3 && err == nil; n++ {
		more := c.some(1000)
		err = c.add(ctx, s, false, more...)
		want = append(want, more...)
	}
	if err != nil {
		return err
	}
	return c.requireAgain(ctx, s, want)
}

// leavesSlices overwrites what it has handed over.
func (c *journalCheck) leavesSlices(ctx context.Context) error {
	s, want, err := c.begin(ctx)
	if err != nil {
		return err
	}
	more := c.some(3)
	given := slicesOf(more)
	if err := s.Append(ctx, true, given...); err != nil {
		return fmt.Errorf("Append: %w", err)
	}
	for n, line := range given {
		if string(line) != more[n] {
			return fmt.Errorf("Append changed a line that it was given: %.200q, it was %.200q", line, more[n])
		}
		clear(line)
	}
	return c.requireAgain(ctx, s, append(want, more...))
}

func (c *journalCheck) isDurable(ctx context.Context) error {
	s, want, err := c.begin(ctx)
	if err != nil {
		return err
	}
	for n := range 3 {
		more := c.some(2)
		err = c.add(ctx, s, n == 0, more...)
		want = append(want, more...)
	}
	if err = errors.Join(err, c.add(ctx, s, true)); err != nil {
		return err
	}
	next, err := c.another() // the process of the former one has ended, and has closed nothing
	if err != nil {
		return err
	}
	got, err := readLines(ctx, next)
	return errors.Join(err, difference("Lines of the next owner", got, want))
}

func (c *journalCheck) mayBeLeft(ctx context.Context) error {
	s, want, err := c.begin(ctx)
	if err != nil {
		return err
	}
	if _, err = readAnd(ctx, s, func(n int) bool { return n < 2 }); err != nil {
		return err
	}
	got, err := readLines(ctx, s)
	more := c.some(1)
	if err = errors.Join(err, difference("Lines", got, want), c.add(ctx, s, true, more...)); err != nil {
		return err
	}
	return c.requireAgain(ctx, s, append(want, more...))
}

func (c *journalCheck) tellsOfLostLines(ctx context.Context) error {
	s, want, err := c.begin(ctx)
	if err != nil {
		return err
	}
	for _, after := range []int{0, 1, len(want) / 2} {
		ending, cancel := context.WithCancel(ctx)
		if after == 0 {
			cancel()
		}
		got, err := readAnd(ending, s, func(n int) bool {
			if n == after {
				cancel()
			}
			return true
		})
		cancel()
		if err == nil {
			if err = difference("Lines with a context that ends, and no error", got, want); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *journalCheck) appendsUntilTheEnd(ctx context.Context) error {
	s, want, err := c.begin(ctx)
	if err != nil {
		return err
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	more := c.some(3)
	failed := s.Append(ended, true, slicesOf(more)...)
	_, got, err := c.again(ctx)
	if err != nil {
		return err
	}
	if added := len(got) - len(want); failed != nil && added >= 0 && added < len(more) {
		more = more[:added] // it is not known how many there are
	}
	return difference("Lines after an append whose context has ended", got, append(want, more...))
}

// appendsTogether appends from several goroutines.
func (c *journalCheck) appendsTogether(ctx context.Context) error {
	s, before, err := c.begin(ctx)
	if err != nil {
		return err
	}
	const writers, times = 8, 20
	batches := make([][][]string, writers)
	failed := make([]error, writers)
	for w := range batches {
		for n := range times {
			batches[w] = append(batches[w], c.some(1+n%3))
		}
	}
	var all sync.WaitGroup
	for w := range batches {
		all.Go(func() {
			for n := 0; n < times && failed[w] == nil; n++ {
				failed[w] = c.add(ctx, s, n%2 == 0, batches[w][n]...)
			}
		})
	}
	all.Wait()
	if err := errors.Join(failed...); err != nil {
		return err
	}
	_, got, err := c.again(ctx)
	if err != nil {
		return err
	}
	return difference("Lines after appends from several goroutines", got, append(before, inTheirOrder(got, len(before), batches)...))
}

// inTheirOrder is what may have been added, in the order in which it seems to
// have been: of the writers, each next batch when its first line comes.
func inTheirOrder(got []string, at int, batches [][][]string) (want []string) {
	for {
		next := -1
		for w := range batches {
			if len(batches[w]) > 0 && (next < 0 || at < len(got) && batches[w][0][0] == got[at]) {
				next = w
			}
		}
		if next < 0 {
			return want
		}
		want = append(want, batches[next][0]...)
		at += len(batches[next][0])
		batches[next] = batches[next][1:]
	}
}

func (c *journalCheck) compacts(ctx context.Context) error {
	s, _, err := c.begin(ctx)
	if err != nil {
		return err
	}
	for range 2 {
		want, more := c.rewritten(), c.some(2)
		if err := s.Compact(ctx, whole(want)); err != nil {
			return fmt.Errorf("Compact: %w", err)
		}
		if err := c.add(ctx, s, true, more...); err != nil {
			return err
		}
		if err := c.requireAgain(ctx, s, append(want, more...)); err != nil {
			return err
		}
		s = c.opened[0]
	}
	return nil
}

func (c *journalCheck) compactsUntilTheEnd(ctx context.Context) error {
	for at := range 3 {
		s, before, err := c.begin(ctx)
		if err != nil {
			return err
		}
		ending, cancel := context.WithCancel(ctx)
		want := c.rewritten()
		failed := s.Compact(ending, sequenceOf(want, func(n int) {
			if n == at {
				cancel()
			}
		}))
		cancel()
		if failed != nil {
			want = before
		}
		more := c.some(1)
		if err = c.add(ctx, s, true, more...); err == nil {
			err = c.requireAgain(ctx, s, append(want, more...))
		}
		if err = errors.Join(err, c.closeAll()); err != nil {
			return fmt.Errorf("after a compaction with the error %q: %w", fmt.Sprint(failed), err)
		}
	}
	return nil
}

func (c *journalCheck) compactsInPanic(ctx context.Context) error {
	s, before, err := c.begin(ctx)
	if err != nil {
		return err
	}
	if panicsOrFails(func() error {
		return s.Compact(ctx, sequenceOf(c.rewritten(), func(n int) {
			if n == 2 {
				panic("a sequence of hacarustest.TestJournalStore")
			}
		}))
	}) == nil {
		return errors.New("Compact: no error, although its sequence has panicked")
	}
	if err := c.requireAgain(ctx, s, before); err != nil {
		return err
	}
	want := c.rewritten()
	if err := c.opened[0].Compact(ctx, whole(want)); err != nil {
		return fmt.Errorf("a later Compact: %w", err)
	}
	return c.requireAgain(ctx, c.opened[0], want)
}

func panicsOrFails(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return f()
}

// requireRefused holds that an owner's writes are refused with the right error.
func (c *journalCheck) requireRefused(ctx context.Context, former hacarus.JournalStore) error {
	for what, write := range map[string]func() error{
		"Append":           func() error { return former.Append(ctx, false, slicesOf(c.some(2))...) },
		"Append (durable)": func() error { return former.Append(ctx, true, slicesOf(c.some(2))...) },
		"Compact":          func() error { return former.Compact(ctx, whole(c.rewritten())) },
	} {
		if err := write(); !errors.Is(err, hacarus.ErrJournalLocked) {
			return fmt.Errorf("%s of a former owner: error %w, want ErrJournalLocked", what, orNone(err))
		}
	}
	return nil
}

func orNone(err error) error {
	if err == nil {
		return errors.New("nil")
	}
	return err
}

func (c *journalCheck) refusesFormerOwner(ctx context.Context) error {
	a, b, want, err := c.beginTwice(ctx)
	if err != nil {
		return err
	}
	for owner, former := b, a; ; owner, former = a, b { // and then a is the owner again
		got, err := readLines(ctx, owner)
		if err = errors.Join(err, difference("Lines of the new owner", got, want)); err != nil {
			return err
		}
		if err = c.requireRefused(ctx, former); err != nil {
			return err
		}
		more := c.some(2)
		want = append(want, more...)
		if err = c.add(ctx, owner, true, more...); err != nil {
			return fmt.Errorf("the new owner: %w", err)
		}
		if owner == a {
			return c.requireAgain(ctx, a, want)
		}
	}
}

// later runs a function, and waits for its end, but not for long: it may have to
// wait for its caller.
func later(f func()) (wait func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f()
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
	return func() { <-ended }
}

// takesOverAtOnce has the former owner write while the new one reads.
func (c *journalCheck) takesOverAtOnce(ctx context.Context) error {
	a, b, want, err := c.beginTwice(ctx)
	if err != nil {
		return err
	}
	more := c.some(1)
	var added error
	wait := func() {}
	got, err := readAnd(ctx, b, func(n int) bool {
		if n == 1 {
			wait = later(func() { added = a.Append(ctx, true, slicesOf(more)...) })
		}
		return true
	})
	wait()
	if added == nil {
		want = append(want, more...)
	}
	err = errors.Join(err, difference(fmt.Sprintf("Lines, while an append of the former owner had the error %v", added), got, want))
	if err != nil {
		return err
	}
	return c.requireAgain(ctx, b, want)
}

// compactsForNobodyElse has another owner take over in the midst of a compaction,
// which is also what there would be if the process was killed then.
func (c *journalCheck) compactsForNobodyElse(ctx context.Context) error {
	a, b, before, err := c.beginTwice(ctx)
	if err != nil {
		return err
	}
	after := c.rewritten()
	var found []string
	var reading error
	wait := func() {}
	failed := a.Compact(ctx, sequenceOf(after, func(n int) {
		if n == 2 {
			wait = later(func() { found, reading = readLines(ctx, b) })
		}
	}))
	wait()
	switch {
	case reading != nil:
		return fmt.Errorf("the new owner: %w", reading)
	case failed == nil:
		before = after // it was done before the other one took over
	case !errors.Is(failed, hacarus.ErrJournalLocked):
		return fmt.Errorf("Compact: error %w, want ErrJournalLocked", failed)
	}
	if err = difference(fmt.Sprintf("Lines of the new owner, where Compact has the error %v", failed), found, before); err != nil {
		return err
	}
	return c.requireAgain(ctx, b, before)
}

func (c *journalCheck) closesItsOwn(ctx context.Context) error {
	a, b, _, err := c.beginTwice(ctx)
	if err != nil {
		return err
	}
	want, err := readLines(ctx, b)
	if err != nil {
		return err
	}
	c.opened = []hacarus.JournalStore{b}
	more := c.some(1)
	if err = errors.Join(a.Close(), c.add(ctx, b, true, more...)); err != nil {
		return err
	}
	return c.requireAgain(ctx, b, append(want, more...))
}

func (c *journalCheck) endsWithClose(ctx context.Context) error {
	s, want, err := c.begin(ctx)
	if err != nil {
		return err
	}
	more := c.some(1)
	if err = c.add(ctx, s, false, more...); err != nil {
		return err
	}
	want = append(want, more...)
	if err = c.closeAll(); err != nil {
		return err
	}
	for what, err := range map[string]error{
		"Append":           s.Append(ctx, false, slicesOf(c.some(1))...),
		"Append (durable)": s.Append(ctx, true, slicesOf(c.some(1))...),
		"Compact":          s.Compact(ctx, whole(c.rewritten())),
	} {
		if err == nil {
			return fmt.Errorf("%s after Close: no error", what)
		}
	}
	s, got, err := c.again(ctx)
	if err = errors.Join(err, difference("Lines after Close and open", got, want)); err != nil {
		return err
	}
	return c.requireAgain(ctx, s, want)
}
