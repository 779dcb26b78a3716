package hacarus

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckID(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", ".", "..", "/", "a/b", "../../auth/token", `a\b`, "..\\..", "a\x00b", "a\nb", "a\rb", "\t", "a\x7fb", "\u0085",
		"\xff\xfe", strings.Repeat("a", maxID+1), strings.Repeat("検", maxID/3+1),
	} {
		require.Error(t, checkID("item_id", bad), "%q", bad)
	}
	for _, good := range []string{"a", "...", "部品-0007 & #a?", "%2e%2e", strings.Repeat("a", maxID)} {
		require.NoError(t, checkID("item_id", good))
	}
}

func TestCheckIDs(t *testing.T) {
	t.Parallel()
	most := strings.Split(strings.Repeat("a", maxIDs), "")
	require.NoError(t, checkIDs(opDeleteItems, "item_ids", most))
	require.NoError(t, checkIDs(opDeleteItems, "item_ids", nil))
	for name, bad := range map[string][]string{"100001 ids": append(most, "a"), "item_ids[1]": {"a", ""}} {
		err := checkIDs(opDeleteItems, "item_ids", bad)
		require.ErrorIs(t, err, ErrInvalidArgument)
		require.ErrorContains(t, err, name)
	}
	require.ErrorIs(t, needIDs(opDeleteItems, "item_ids", nil), ErrInvalidArgument)
}
