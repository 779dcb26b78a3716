package hacarus

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCallbackSeen(t *testing.T) {
	t.Parallel()
	keys := make([]callbackKey, 3*callbackSeenKeys) // hashed once
	for n := range keys {
		keys[n] = newCallbackKey(fmt.Sprint(n), nil)
	}
	var m callbackSeen
	now := time.Unix(1e9, 0)
	m.age(now)
	for n, key := range keys {
		m.age(now)
		require.True(t, slices.Equal([]callbackKey{key}, m.add([]callbackKey{keys[max(0, n-1)], key})), "only the new one")
		require.True(t, m.knows(keys[max(0, n-callbackSeenKeys+1)]), "the last ones are known")
		require.True(t, len(m.young)+len(m.old) <= 2*callbackSeenKeys) //nolint:testifylint // so often, the other costs seconds
	}
	require.False(t, m.knows(keys[0]), "it is bounded")

	last := keys[len(keys)-1]
	m.age(now.Add(callbackSeenTime))
	require.True(t, m.knows(last))
	m.age(now.Add(2 * callbackSeenTime))
	require.False(t, m.knows(last))

	m.add([]callbackKey{last})
	m.age(now.Add(4 * callbackSeenTime))
	require.False(t, m.knows(last), "however long nothing came")
}
