package proxies

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets more tests run at once than there are processors: most of the
// time a call behind a proxy waits.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", "16")
	}
	os.Exit(m.Run())
}
