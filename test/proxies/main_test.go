package proxies

import (
	"testing"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

func TestMain(m *testing.M) {
	testkit.AtOnce(16)
	m.Run()
}
