package hacarus

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// The fault suite: tests S1 to S12 and the load levels L1 to L8 record here how
// many cases they ran. Their counts stand in docs/reliability.md, which is
// compared with what ran whenever all of the suite did.
var (
	full         = flag.Bool("full", false, "run the load levels and the model check at full length")
	updateReport = flag.Bool("update-report", false, "write the counts of this run into docs/reliability.md")
)

const reportFile = "docs/reliability.md"

// suiteRow is what a part of the suite found.
type suiteRow struct {
	name   string // such as "S1"
	what   string
	cases  int
	naive  int // cases in which the naive client breaks the promise; -1: it does not take part
	figure string

	baseline string // of a load level: what the naive client did
}

var suite struct {
	mu   sync.Mutex
	rows []suiteRow
}

// record notes a part of the suite that ran to its end, and prints its count.
func record(t *testing.T, row suiteRow) {
	t.Helper()
	if t.Failed() {
		return
	}
	t.Log(row)
	suite.mu.Lock()
	defer suite.mu.Unlock()
	suite.rows = append(suite.rows, row)
}

func (r suiteRow) String() string {
	text := fmt.Sprintf("%s: %s: %d cases, 0 broken promises", r.name, r.what, r.cases)
	if r.isLoad() {
		text = fmt.Sprintf("%s: %s", r.name, r.what)
	}
	if r.naive >= 0 {
		text += fmt.Sprintf("; the naive client breaks %d", r.naive)
	}
	if r.figure != "" {
		text += ": " + r.figure
	}
	if r.baseline != "" {
		text += "; the naive client: " + r.baseline
	}
	return text
}

func (r suiteRow) isLoad() bool { return r.name[0] == 'L' }

// parts and levels are those that run always.
var (
	parts  = []string{"S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S11", "S12"}
	levels = []string{"L1", "L2", "L3", "L4", "L5", "L6", "L7", "L8"}
)

// suiteDone compares the counts with the report, or writes them into it. It is
// silent when only some of the tests were asked for.
func suiteDone() int {
	suite.mu.Lock()
	defer suite.mu.Unlock()
	slices.SortFunc(suite.rows, func(a, b suiteRow) int { return cmp.Compare(number(a.name), number(b.name)) })
	if err := errors.Join(complete(), reportSuite(), reportLoad()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// complete fails where all tests were to run, and a part recorded nothing.
func complete() error {
	if raceEnabled {
		return nil // parts in which the naive client takes part leave it out then, and record nothing
	}
	for _, name := range []string{"run", "skip", "list", "fuzz"} {
		if flag.Lookup("test."+name).Value.String() != "" {
			return nil
		}
	}
	if left := missing(slices.Concat(parts, levels)); len(left) > 0 {
		return fmt.Errorf("nothing was recorded of %v", left)
	}
	return nil
}

// missing are the names of which nothing was recorded.
func missing(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.ContainsFunc(suite.rows, func(row suiteRow) bool { return row.name == name })
	})
}

// number orders S before L, and by number.
func number(name string) int {
	n, _ := strconv.Atoi(name[1:])
	if name[0] == 'L' {
		n += 100
	}
	return n
}

// reportSuite compares the counts of the parts with the report, or writes
// them. At full length they are others.
func reportSuite() error {
	if *full || len(missing(parts)) > 0 {
		return nil
	}
	changed, err := updatePart("suite", suiteTable(), *updateReport)
	if changed && !*updateReport {
		err = errors.New(reportFile + " does not have the counts of this run; go test . -update-report writes them")
	}
	return err
}

// reportLoad writes the figures of the load levels, which are those of one
// machine, when they ran at full length.
func reportLoad() error {
	if !*full || !*updateReport || len(missing(levels)) > 0 {
		return nil
	}
	_, err := updatePart("load", loadTable(), true)
	return err
}

func suiteTable() []byte {
	var b bytes.Buffer
	b.WriteString("| Part | What | Cases | Broken promises | The naive client breaks |\n|---|---|---|---|---|\n")
	for _, row := range suite.rows {
		if row.isLoad() {
			continue
		}
		naive := "–"
		if row.naive >= 0 {
			naive = strconv.Itoa(row.naive)
		}
		if row.figure != "" {
			naive += ": " + row.figure
		}
		fmt.Fprintf(&b, "| %s | %s | %d | 0 | %s |\n", row.name, row.what, row.cases, naive)
	}
	return b.Bytes()
}

func loadTable() []byte {
	var b bytes.Buffer
	b.WriteString("| Level | Load | Measured | The naive client |\n|---|---|---|---|\n")
	for _, row := range suite.rows {
		if row.isLoad() {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", row.name, row.what, row.figure, cmp.Or(row.baseline, "–"))
		}
	}
	return b.Bytes()
}

// updatePart puts text in the report's part of that name, and says whether it
// was another. It writes the report only if told so.
func updatePart(part string, text []byte, write bool) (changed bool, err error) {
	old, err := os.ReadFile(reportFile)
	if err != nil {
		return false, err
	}
	updated, err := replacePart(old, part, text)
	if err != nil || bytes.Equal(old, updated) {
		return false, err
	}
	if write {
		err = os.WriteFile(reportFile, updated, 0o644)
	}
	return true, err
}

// replacePart puts text between the part's markers.
func replacePart(document []byte, part string, text []byte) ([]byte, error) {
	begin, end := []byte("<!-- "+part+" -->\n"), []byte("<!-- /"+part+" -->")
	head, rest, ok1 := bytes.Cut(document, begin)
	_, tail, ok2 := bytes.Cut(rest, end)
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("%s has no place for %s", reportFile, part)
	}
	return slices.Concat(head, begin, text, end, tail), nil
}
