package journal

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What is written is read again, whatever the bytes of a name.
func TestLineSurvives(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 26, 7, 0, 0, 123456789, time.UTC)
	key := func(name string) Key { return Key{Name: name, Sum: [32]byte{1, 2, 3}, Nth: 2} }
	for _, l := range []Line{
		{Time: at, Step: Uploading, Item: "a", Key: key("a.png"), Upload: "a.png"},
		{Time: at, Step: Uploading, Item: "a", Key: key("検査 \"1\"\n<&>.png"), Upload: "a.png", Strange: true},
		{Time: at, Step: Uploading, Item: "a", Key: key("\x8c\x9f\x8d\xb8.png"), Upload: "a.png"},
		{Time: at, Step: Uploaded, Item: "a", ItemID: "4711", Strange: true},
		{Time: at, Step: Done, Item: "a", Verdict: "NG"},
		{Time: at, Item: "a"},
	} {
		text, err := appendLine(nil, l)
		require.NoError(t, err)
		require.True(t, json.Valid(text))
		require.NotContains(t, string(text), "\n")
		got, err := parseLine(text)
		require.NoError(t, err, string(text))
		require.Equal(t, l, got)
	}
}

// The fast way reads what encoding/json reads, or leaves it to that.
func FuzzScanLine(f *testing.F) {
	f.Add([]byte(`{"time":"2026-11-26T07:00:00Z","step":"uploading","item":"a","file":"a.png","sha256":"00","copy":1,"upload":"a.png"}`))
	f.Add([]byte(`{"step":"done","item":"\u0061","strange":true,"verdict":"OK"}`))
	f.Add([]byte(`{"step":"x"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var fast, slow wireLine
		if scanLine(text, &fast) && json.Unmarshal(text, &slow) == nil {
			require.True(t, fast.Time.Equal(slow.Time))
			fast.Time, slow.Time = time.Time{}, time.Time{}
			require.Equal(t, slow, fast)
		}
	})
}
