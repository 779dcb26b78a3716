package hacarus

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTimeForms holds fact 16: the forms of the fixtures, and those near them.
func TestTimeForms(t *testing.T) {
	t.Parallel()
	jst := time.FixedZone("", 9*60*60)
	for text, want := range map[string]time.Time{
		"2019-06-11T05:47:00Z":             time.Date(2019, 6, 11, 5, 47, 0, 0, time.UTC),
		"2019-08-29T01:04:10+00:00":        time.Date(2019, 8, 29, 1, 4, 10, 0, time.UTC),
		"2021-12-24T15:00:00+09:00":        time.Date(2021, 12, 24, 15, 0, 0, 0, jst),
		"2000-01-23T04:56:07.000+00:00":    time.Date(2000, 1, 23, 4, 56, 7, 0, time.UTC),
		"2000-01-23T04:56:07.123456+09:00": time.Date(2000, 1, 23, 4, 56, 7, 123_456_000, jst),
		"2022-03-03T06:48:30.5Z":           time.Date(2022, 3, 3, 6, 48, 30, 500_000_000, time.UTC),
		"2022-03-03T06:48:30":              time.Date(2022, 3, 3, 6, 48, 30, 0, time.UTC),
		"2022-03-03T06:48:30.123456":       time.Date(2022, 3, 3, 6, 48, 30, 123_456_000, time.UTC),
		"2022-03-03 06:48:30":              time.Date(2022, 3, 3, 6, 48, 30, 0, time.UTC),
		"2022-03-03 06:48:30.25+09:00":     time.Date(2022, 3, 3, 6, 48, 30, 250_000_000, jst),
		"Wed, 19 Jun 2019 05:03:09 GMT":    time.Date(2019, 6, 19, 5, 3, 9, 0, time.UTC),
		"Wed, 19 Jun 2019 14:03:09 +0900":  time.Date(2019, 6, 19, 14, 3, 9, 0, jst),
		" 2019-06-11T05:47:00Z\n":          time.Date(2019, 6, 11, 5, 47, 0, 0, time.UTC),
		"":                                 {},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			var fromText, fromJSON Time
			require.NoError(t, fromText.UnmarshalText([]byte(text)))
			require.True(t, fromText.Equal(want), fromText)

			quoted, err := json.Marshal(text)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(quoted, &fromJSON))
			require.Equal(t, fromText, fromJSON)

			encoded, err := json.Marshal(fromText)
			require.NoError(t, err)
			var again Time
			require.NoError(t, json.Unmarshal(encoded, &again))
			require.True(t, again.Equal(want), "%s", encoded)
			_, wantOffset := want.Zone()
			_, offset := again.Zone()
			require.Equal(t, wantOffset, offset)
		})
	}
}

func TestTimeRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"yesterday", "2022-03-03", "06:48:30", "1646290110", "2022-13-03T06:48:30Z", "2022-02-30T06:48:30Z", "2022-03-03T24:00:01Z",
		"2022-03-03T06:48:30Z and more", "2022-03-03T06:48:30+24:00", "Wed, 19 Jun 2019 14:03:09 -2400",
		"Wed, 19 Jun 2019 05:03:09 JST", "2022/03/03 06:48:30",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			was := Time{time.Unix(1, 0)}
			got := was
			require.Error(t, got.UnmarshalText([]byte(text)))
			require.Equal(t, was, got, "a refused text changes nothing")
		})
	}
	for _, data := range []string{`1646290110`, `true`, `{}`, `[]`} {
		t.Run(data, func(t *testing.T) {
			t.Parallel()
			require.Error(t, json.Unmarshal([]byte(data), new(Time)))
		})
	}
}

// FuzzTime holds that a time is refused and left as it was, or means the same
// once it is written again.
func FuzzTime(f *testing.F) {
	for _, seed := range []string{
		"2019-06-11T05:47:00Z", "2019-08-29T01:04:10+00:00", "2000-01-23T04:56:07.000+00:00", "Wed, 19 Jun 2019 05:03:09 GMT",
		"2022-03-03T06:48:30", "2022-03-03 06:48:30.25+09:00", "Wed, 19 Jun 2019 14:03:09 +0900", "", " ", "0001-01-01T00:00:00Z",
		"9999-12-31T23:59:59-23:59", "2022-03-03T06:48:30+24:00", "2022-03-03T06:48:30,5Z", "0000-01-01T00:00:00+23:00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		was := Time{time.Unix(1, 0)}
		got := was
		if err := got.UnmarshalText([]byte(text)); err != nil {
			require.Equal(t, was, got)
			return
		}
		require.True(t, strings.TrimSpace(text) != "" || got == Time{})
		written, err := json.Marshal(got)
		require.NoError(t, err)
		var again Time
		require.NoError(t, json.Unmarshal(written, &again))
		require.True(t, again.Equal(got.Time), "%s is %s", text, written)
		if reference, err := time.Parse(time.RFC3339, strings.TrimSpace(text)); err == nil {
			require.True(t, reference.Equal(got.Time))
		}
	})
}

func TestTimeNull(t *testing.T) {
	t.Parallel()
	for _, data := range []string{`null`, `""`} {
		was := Time{time.Unix(1, 0)}
		require.NoError(t, json.Unmarshal([]byte(data), &was))
		require.Zero(t, was)
	}
	encoded, err := json.Marshal(Time{})
	require.NoError(t, err)
	require.Equal(t, `null`, string(encoded))
	encoded, err = json.Marshal(Time{time.Date(2022, 3, 3, 6, 48, 30, 0, time.UTC)})
	require.NoError(t, err)
	require.Equal(t, `"2022-03-03T06:48:30Z"`, string(encoded))
}

func TestStatusesAreTerminal(t *testing.T) {
	t.Parallel()
	for status, want := range map[ModelStatus]bool{
		ModelStatusCreating: false, ModelStatusActive: true, ModelStatusFailed: true, ModelStatusDeleted: true,
		"": false, "queued": false, "ACTIVE": false,
	} {
		require.Equal(t, want, status.IsTerminal(), status)
	}
	for status, want := range map[ItemStatus]bool{
		ItemStatusPending: false, ItemStatusDone: true, ItemStatusArchived: true, "": false, "failed": false, "Done": false,
	} {
		require.Equal(t, want, status.IsTerminal(), status)
	}
}
