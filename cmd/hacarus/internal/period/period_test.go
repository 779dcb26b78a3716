package period

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
)

func TestOf(t *testing.T) {
	t.Parallel()
	tokyo := time.FixedZone("JST", 9*60*60)
	now := time.Date(2026, 11, 26, 14, 0, 0, 0, tokyo)
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 11, day, hour, minute, 0, 0, tokyo) }
	p := program.NewFor(io.Discard, io.Discard, output.Table)
	for name, c := range map[string]struct {
		from, to string
		want     Period
		wrong    string
	}{
		"nothing":       {},
		"a day":         {"2026-11-25", "2026-11-25", Period{at(25, 0, 0), at(26, 0, 0)}, ""},
		"times":         {"2026-11-25T06:00", "2026-11-25 14:00:30", Period{at(25, 6, 0), at(25, 14, 0).Add(30 * time.Second)}, ""},
		"of today":      {"06:30", "", Period{From: at(26, 6, 30)}, ""},
		"elsewhere":     {"", "2026-11-26T05:00:00Z", Period{To: time.Date(2026, 11, 26, 5, 0, 0, 0, time.UTC)}, ""},
		"the same time": {"06:00", "06:00", Period{}, "--to is not after --from"},
		"another day":   {"2026-11-26", "2026-11-25", Period{}, "--to is not after --from"},
		"no time":       {"yesterday", "", Period{}, `--from takes a time such as`},
		"no month":      {"", "2026-13-01", Period{}, `not "2026-13-01"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			within, err := Of(p, c.from, c.to, now)
			if c.wrong != "" {
				require.ErrorContains(t, err, c.wrong)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, within)
		})
	}
}

func TestHas(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 26, 6, 0, 0, 0, time.UTC)
	within := Period{at, at.Add(time.Hour)}
	require.True(t, within.Has(at))
	require.False(t, within.Has(at.Add(-1)))
	require.False(t, within.Has(at.Add(time.Hour)))
	require.True(t, Period{From: at}.Has(at.AddDate(1, 0, 0)))
	require.True(t, Period{}.Has(at))
}
