package line

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/settings"
)

// Roles that see one folder begin at the same time, also before it is there: all have
// one token, which only its owner can read.
func TestOneToken(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "page-token")
	tokens := make([]string, 16)
	var roles sync.WaitGroup
	for n := range tokens {
		roles.Go(func() {
			assert.NoError(t, makeToken(path))
			token, err := settings.ReadSecret(path)
			assert.NoError(t, err)
			tokens[n] = token
		})
	}
	roles.Wait()
	for _, token := range tokens {
		require.NotEmpty(t, token)
		require.Equal(t, tokens[0], token)
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o077)
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}
