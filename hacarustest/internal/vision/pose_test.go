package vision

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPoseInverse(t *testing.T) {
	t.Parallel()
	p := pose{dx: 7, dy: -3, angle: 0.05}
	there, back := p.locate(100, 100), p.inverse().locate(100, 100)
	x, y := there(20, 70)
	u, v := back(0, 0)
	u1, v1 := back(1, 0)
	// The way back is linear: from the corner, x steps to the right and y down.
	require.InDelta(t, 20, u+x*(u1-u)-y*(v1-v), 1e-9)
	require.InDelta(t, 70, v+x*(v1-v)+y*(u1-u), 1e-9)
}
