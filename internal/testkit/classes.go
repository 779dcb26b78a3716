package testkit

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// ReliabilityPage is the page of what the SDK promises, from the repository's root.
const ReliabilityPage = "docs/reliability.md"

// Classes are the classes of operations by the operation's id, as the first
// table of [ReliabilityPage] has them: R, O, D, N or A.
var Classes = sync.OnceValue(func() map[string]byte {
	page, err := os.ReadFile(filepath.Join(Root(), ReliabilityPage))
	if err != nil {
		panic(err)
	}
	classes := map[string]byte{}
	for _, row := range regexp.MustCompile(`(?m)^\| [\w-]+ \(([RODNA])\) \| ([\w, ]+) \|`).FindAllSubmatch(page, -1) {
		for id := range strings.SplitSeq(string(row[2]), ", ") {
			classes[id] = row[1][0]
		}
	}
	return classes
})
