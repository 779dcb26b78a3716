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
	text := fmt.Sprintf("%s: %s: %d cases, 0 broken promises", row.name, row.what, row.cases)
	if row.naive >= 0 {
		text += fmt.Sprintf("; the naive client breaks %d", row.naive)
	}
	t.Log(text, row.figure)
	suite.mu.Lock()
	defer suite.mu.Unlock()
	suite.rows = append(suite.rows, row)
}

// parts are those that run always.
var parts = []string{"S1", "S2", "S3", "S10", "S12"}

// suiteDone compares the counts with the report, or writes them into it. It is
// silent when only some of the tests ran.
func suiteDone() int {
	suite.mu.Lock()
	defer suite.mu.Unlock()
	slices.SortFunc(suite.rows, func(a, b suiteRow) int { return cmp.Compare(number(a.name), number(b.name)) })
	ran := map[string]bool{}
	for _, row := range suite.rows {
		ran[row.name] = true
	}
	for _, part := range parts {
		if !ran[part] {
			return 0
		}
	}
	if err := compareReport(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// number orders S before L, and by number.
func number(name string) int {
	n, _ := strconv.Atoi(name[1:])
	if name[0] == 'L' {
		n += 100
	}
	return n
}

func compareReport() error {
	old, err := os.ReadFile(reportFile)
	if err != nil {
		return err
	}
	part := "suite"
	if *full { // its counts are others, and its figures those of one machine
		part = "load"
	}
	updated, err := replacePart(old, part, suiteTable(*full))
	if err != nil {
		return err
	}
	if *updateReport {
		return os.WriteFile(reportFile, updated, 0o644)
	}
	if !*full && !bytes.Equal(old, updated) {
		return errors.New(reportFile + " does not have the counts of this run; go test . -update-report writes them")
	}
	return nil
}

// suiteTable is the table of the parts, or of the load levels.
func suiteTable(load bool) []byte {
	var b bytes.Buffer
	b.WriteString("| Part | What | Cases | Broken promises | The naive client breaks |\n|---|---|---|---|---|\n")
	if load {
		b.Reset()
		b.WriteString("| Level | Load | Measured | The naive client |\n|---|---|---|---|\n")
	}
	for _, row := range suite.rows {
		if load != (row.name[0] == 'L') {
			continue
		}
		naive := "–"
		if row.naive >= 0 {
			naive = strconv.Itoa(row.naive)
		}
		if !load && row.figure != "" {
			naive += ": " + row.figure
		}
		if load {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", row.name, row.what, row.figure, naive)
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %d | 0 | %s |\n", row.name, row.what, row.cases, naive)
	}
	return b.Bytes()
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
