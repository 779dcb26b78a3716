package hacarus

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCallbacks(t *testing.T) {
	t.Parallel()
	hub := NewCallbacks()
	received := func(ids ...string) {
		items := make([]Item, len(ids))
		for i, id := range ids {
			items[i].ItemID = id
		}
		require.NoError(t, hub.Received(t.Context(), items))
	}
	woken := func(from <-chan string) (ids []string) {
		for {
			select {
			case id := <-from:
				ids = append(ids, id)
			default:
				return ids
			}
		}
	}
	received("a") // nobody waits
	first, cancelFirst := hub.subscribe([]string{"a", "b"})
	second, cancelSecond := hub.subscribe([]string{"b", "c"})
	received("b", "x", "a")
	require.Equal(t, []string{"b", "a"}, woken(first))
	require.Equal(t, []string{"b"}, woken(second))
	received("b", "b", "b", "b", "b") // more than a channel holds: never blocks
	require.Equal(t, []string{"b", "b"}, woken(first))
	cancelFirst()
	cancelFirst()
	received("a", "b")
	require.Empty(t, woken(first))
	require.Equal(t, []string{"b", "b"}, woken(second))
	cancelSecond()
	require.Empty(t, hub.waiters)
}

func TestCallbacksAtOnce(t *testing.T) {
	t.Parallel()
	hub := NewCallbacks()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				woken, cancel := hub.subscribe([]string{"a", "b"})
				_ = hub.Received(t.Context(), []Item{{ItemID: "a"}})
				if id := <-woken; id != "a" {
					t.Errorf("woken for %q", id)
				}
				cancel()
			}
		})
	}
	all.Wait()
	require.Empty(t, hub.waiters)
}
