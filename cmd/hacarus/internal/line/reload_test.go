package line

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Tokens are those of the file, also after it was changed; while it cannot be read,
// those of before.
func TestReloaded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tokens.json")
	write := func(content string) {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	write(`{"a": "0123456789abcdef"}`)
	tokens, err := newReloaded(slog.New(slog.DiscardHandler), func() (map[string]string, error) { return readTokens(path) }, path)
	require.NoError(t, err)
	read := func() map[string]string {
		tokens.mu.Lock()
		tokens.looked = time.Time{} // it does not look all the time
		tokens.mu.Unlock()
		return tokens.get()
	}
	require.Equal(t, map[string]string{"a": "0123456789abcdef"}, read())
	write(`{"a": "0123456789abcdef", "b":`)
	require.Equal(t, map[string]string{"a": "0123456789abcdef"}, read())
	write(`{"b": "fedcba9876543210"}`)
	require.Equal(t, map[string]string{"b": "fedcba9876543210"}, read())
	require.NoError(t, os.Remove(path))
	require.Equal(t, map[string]string{"b": "fedcba9876543210"}, read())
}
