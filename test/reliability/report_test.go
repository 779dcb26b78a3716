package reliability

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// The parts S1 to S13 of the suite and the load levels L1 to L8 record here
// what they found. Their counts stand in docs/reliability.md, which is compared
// with what ran whenever all of them did.
var (
	withNaive    = flag.Bool("naive", false, "put the naive client through the same, too")
	updateReport = flag.Bool("update-report", false, "write what this run found into docs/reliability.md")
)

func TestMain(m *testing.M) {
	flag.Parse()
	testkit.Main(m, report.finish)
}

// part is one of S1 to S13, and counts its cases.
type part struct {
	name, what    string
	cases, broken atomic.Int64
}

// count counts a case, which breaks a promise if it fails.
func (p *part) count(t *testing.T) {
	t.Helper()
	p.cases.Add(1)
	t.Cleanup(func() {
		if t.Failed() {
			p.broken.Add(1)
		}
	})
}

// done records the part, whose cases have all ended.
func (p *part) done(t *testing.T) {
	t.Helper()
	t.Log(p.name, p.what, p.cases.Load(), "cases,", p.broken.Load(), "broken promises")
	report.add("suite", p.name, p.what, strconv.FormatInt(p.cases.Load(), 10), strconv.FormatInt(p.broken.Load(), 10))
}

// recordNaive records what the naive client did with the cases of a part.
func recordNaive(t *testing.T, name string, breaks int, what fmt.Stringer) {
	t.Helper()
	t.Log(name, breaks, "broken promises:", what)
	report.add("naive", name, strconv.Itoa(breaks), what.String())
}

// recordLoad records what was measured at a load level.
func recordLoad(t *testing.T, name, load, sdk, naive string) {
	t.Helper()
	t.Log(name, load, "the SDK:", sdk, "the naive client:", naive)
	report.add("load", name, load, sdk, cmp.Or(naive, "–"))
}

// needsNaive skips a test that is only about the naive client.
func needsNaive(t *testing.T) {
	t.Helper()
	if !*withNaive {
		t.Skip("runs with -naive")
	}
}

// table is one of the tables that are generated.
type table struct {
	header string
	names  []string // of the rows that make it complete
	rows   [][]string
}

// missing are the names of the rows that were not recorded.
func (tb *table) missing() []string {
	return slices.DeleteFunc(slices.Clone(tb.names), func(name string) bool {
		return slices.ContainsFunc(tb.rows, func(row []string) bool { return row[0] == name })
	})
}

// keep takes the missing rows from the page.
func (tb *table) keep(page []byte) {
	for _, name := range tb.missing() {
		_, row, found := strings.Cut(string(page), "\n| "+name+" | ")
		if row, _, ended := strings.Cut(row, " |\n"); found && ended {
			tb.rows = append(tb.rows, append([]string{name}, strings.Split(row, " | ")...))
		}
	}
}

func (tb *table) markdown() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "| %s |\n%s|\n", tb.header, strings.Repeat("|---", strings.Count(tb.header, "|")+1))
	slices.SortFunc(tb.rows, func(x, y []string) int { return cmp.Compare(number(x[0]), number(y[0])) })
	for _, row := range tb.rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	return b.Bytes()
}

// number is that of a part or a level.
func number(name string) int {
	n, _ := strconv.Atoi(name[1:])
	return n
}

// tables are the generated tables by their marker in the page.
type tables struct {
	mu sync.Mutex
	of map[string]*table
}

var report = &tables{of: map[string]*table{
	"suite": {
		header: "Part | What | Cases | Broken promises",
		names:  []string{"S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S11", "S12", "S13"},
	},
	"naive": {
		header: "Part | Broken promises | Which",
		names:  []string{"S1", "S5", "S7"},
	},
	"load": {
		header: "Level | Load | Measured | The naive client",
		names:  []string{"L1", "L2", "L3", "L4", "L5", "L6", "L7", "L8"},
	},
}}

func (r *tables) add(marker string, row ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.of[marker]
	t.rows = slices.DeleteFunc(t.rows, func(earlier []string) bool { return earlier[0] == row[0] }) // with -count
	t.rows = append(t.rows, row)
}

// finish compares the tables with the page, or writes them into it. It is
// silent when only some of the tests were asked for. The counts are others at
// full length, and the figures of the load levels are those of one machine.
func (r *tables) finish() error {
	var errs []error
	if everything() {
		errs = append(errs, r.recorded("suite"), r.recorded("load"))
	}
	if !*testkit.Full {
		errs = append(errs, r.compare("suite", false), r.compare("naive", false))
	}
	if *testkit.Full && *withNaive && *updateReport {
		errs = append(errs, r.compare("load", true))
	}
	return errors.Join(errs...)
}

// everything says whether all tests were to run.
func everything() bool {
	for _, name := range []string{"run", "skip", "list", "fuzz"} {
		if flag.Lookup("test."+name).Value.String() != "" {
			return false
		}
	}
	return true
}

// recorded fails if a row is missing.
func (r *tables) recorded(marker string) error {
	if missing := r.of[marker].missing(); len(missing) > 0 {
		return fmt.Errorf("nothing was recorded of %v", missing)
	}
	return nil
}

// compare compares a complete table with the page's, or writes it. A table in
// part keeps the page's other rows.
func (r *tables) compare(marker string, inPart bool) error {
	t := r.of[marker]
	if len(t.missing()) > 0 && !inPart {
		return nil
	}
	path := filepath.Join(testkit.Root(), testkit.ReliabilityPage)
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	t.keep(page)
	updated, err := replaceTable(page, marker, t.markdown())
	if err != nil || bytes.Equal(page, updated) {
		return err
	}
	if *updateReport {
		return os.WriteFile(path, updated, 0o644)
	}
	return fmt.Errorf("the table %q of %s is not that of this run; -update-report writes it", marker, testkit.ReliabilityPage)
}

// replaceTable puts a table between its markers.
func replaceTable(page []byte, marker string, markdown []byte) ([]byte, error) {
	begin, end := []byte("<!-- "+marker+" -->\n"), []byte("<!-- /"+marker+" -->")
	head, rest, ok1 := bytes.Cut(page, begin)
	_, tail, ok2 := bytes.Cut(rest, end)
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("%s has no place for the table %q", testkit.ReliabilityPage, marker)
	}
	return slices.Concat(head, begin, markdown, end, tail), nil
}
