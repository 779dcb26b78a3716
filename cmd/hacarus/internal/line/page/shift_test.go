package page

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestShifts(t *testing.T) {
	t.Parallel()
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	require.NoError(t, err)
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	three := []time.Duration{22 * time.Hour, 6 * time.Hour, 14 * time.Hour}
	for name, c := range map[string]struct {
		starts            []time.Duration
		location          *time.Location
		now, start, after string
	}{
		"midnight":                   {nil, tokyo, "2026-11-26T12:00:00+09:00", "2026-11-26T00:00:00+09:00", "2026-11-27T00:00:00+09:00"},
		"the morning's":              {three, tokyo, "2026-11-26T06:00:00+09:00", "2026-11-26T06:00:00+09:00", "2026-11-26T14:00:00+09:00"},
		"the night's":                {three, tokyo, "2026-11-26T23:30:00+09:00", "2026-11-26T22:00:00+09:00", "2026-11-27T06:00:00+09:00"},
		"the night's, after it":      {three, tokyo, "2026-11-26T05:59:59+09:00", "2026-11-25T22:00:00+09:00", "2026-11-26T06:00:00+09:00"},
		"of another zone":            {three, tokyo, "2026-11-25T21:00:00Z", "2026-11-26T06:00:00+09:00", "2026-11-26T14:00:00+09:00"},
		"of a night of seven hours":  {three, berlin, "2026-03-29T05:00:00+02:00", "2026-03-28T22:00:00+01:00", "2026-03-29T06:00:00+02:00"},
		"of a night of nine hours":   {three, berlin, "2026-10-25T05:00:00+01:00", "2026-10-24T22:00:00+02:00", "2026-10-25T06:00:00+01:00"},
		"one a day, before it":       {[]time.Duration{7*time.Hour + 30*time.Minute}, tokyo, "2026-11-26T07:29:59+09:00", "2026-11-25T07:30:00+09:00", "2026-11-26T07:30:00+09:00"},
		"one a day, at its very end": {[]time.Duration{7*time.Hour + 30*time.Minute}, tokyo, "2026-11-26T07:30:00+09:00", "2026-11-26T07:30:00+09:00", "2026-11-27T07:30:00+09:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := func(text string) time.Time {
				parsed, err := time.Parse(time.RFC3339, text)
				require.NoError(t, err)
				return parsed
			}
			got := shifts{c.starts, c.location}.at(at(c.now))
			require.WithinDuration(t, at(c.start), got.start, 0)
			require.WithinDuration(t, at(c.after), got.next, 0)
		})
	}
}
