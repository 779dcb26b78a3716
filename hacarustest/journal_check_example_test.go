package hacarustest_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// The check runs in the test of a store of your own; here it checks the SDK's.
func ExampleTestJournalStore() {
	folder, err := os.MkdirTemp("", "journal")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := filepath.Join(folder, "line.journal")

	err = hacarustest.TestJournalStore(func() (hacarus.JournalStore, error) { return hacarus.NewFileJournal(path) })
	fmt.Println("broken promises:", err)
	// Output: broken promises: <nil>
}
