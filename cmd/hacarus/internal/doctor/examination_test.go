package doctor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A clock that is right is not told to be off for want of fractions of a second.
func TestOffset(t *testing.T) {
	t.Parallel()
	served := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for here, want := range map[time.Duration]time.Duration{
		0:                       0,
		999 * time.Millisecond:  0,
		-300 * time.Millisecond: 0,
		61 * time.Second:        61 * time.Second,
		-90 * time.Second:       -90 * time.Second,
	} {
		require.Equal(t, want, offsetOf(served.Add(here), served), here)
	}
}
