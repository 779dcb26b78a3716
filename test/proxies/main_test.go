package proxies

import (
	"os"
	"testing"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

func TestMain(m *testing.M) {
	testkit.AtOnce(16)
	os.Exit(m.Run())
}
