package jsonread

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// documents are what a cursor over JSON may stumble over. Whether they are JSON,
// and what they hold, is for encoding/json to say.
var documents = []string{
	``, ` `, `null`, `nul`, `nulls`, `true`, `tru`, `false`, `falsy`, "\x00", "n\x00ll",
	`0`, `-0`, `00`, `01`, `-`, `-a`, `1.`, `.5`, `1.5`, `1.5.5`, `1e`, `1e5`, `1E+5`, `1e-05`, `1e+`, `+1`, `1 2`, `0x1`, `1e999`,
	`""`, `"a"`, `"a`, `"`, `"\"`, `"\""`, `"\\"`, `"\\\"`, `"\u00e9"`, `"\u00E"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ud83dx"`, `"\x"`, `"\`,
	`"\b\f\n\r\t\/\\\""`, `"\u"`, `"\u00"`, `"\u00zz"`, `"\u00C9\uD83D\uDE00"`, `"\ud83d\u0041"`, `"\ud83d\ud83d\ude00"`, `"\udc00a"`, `"\u0000"`, `"\U0041"`,
	`{"\u0061":1}`, `{"\q":1}`, `["\u00e9",{"\n":"\t"}]`, "\"\\\x10\"",
	`"eight by"`, `"eight byte\"s"`, `"sixteen bytes or more \\ of it"`, "\"eight\nby\"", "\"a\x1f\"", "\"a\x7f\"", "\"\x80\"", "\"日本語の文字列\"", "\"abcdefg\x01\"",
	"\"\xff\xfe\xff\xfe\xff\xfe\xff\xfe\"", "\"\xe6\x97\"",
	`[]`, `[ ]`, `[1]`, `[1,]`, `[,]`, `[1 2]`, `[1`, `[`, `]`, `[[[]]]`, `[[]`, `[null,true,"a",{}]`, `[1,[2,[3,"4"]]]`,
	`{}`, `{ }`, `{"a":1}`, `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{"a" : 1 , "b" : 2 }`, `{a:1}`, `{"a":1 "b":2}`, `{"a":1`, `{"a"`, `{`, `{"a":1}}`, `{1:2}`,
	"\ufeff{}", " \t\r\n{}\n", "{}\v", "\f{}", "{}\x00",
	strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000),
	strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
	strings.Repeat(`{"a":`, 10_001) + "1" + strings.Repeat("}", 10_001),
}

func TestJSON(t *testing.T) {
	t.Parallel()
	for _, text := range documents {
		requireJSON(t, []byte(text))
	}
}

// FuzzJSON holds that the cursor takes exactly what encoding/json takes, and
// reads the same strings.
func FuzzJSON(f *testing.F) {
	for _, text := range documents {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { requireJSON(t, text) })
}

func requireJSON(t *testing.T, text []byte) {
	t.Helper()
	var depth int
	err := Document(text, func(c *Cursor) error {
		defer func() { depth = c.depth }()
		return c.Skip()
	})
	require.Equal(t, json.Valid(text), err == nil, "%.100q: %v", text, err)
	if err != nil {
		return
	}
	require.Zero(t, depth)
	var want string
	if json.Unmarshal(text, &want) != nil || strings.TrimSpace(string(text)) == "null" {
		return
	}
	var got string
	require.NoError(t, Document(text, func(c *Cursor) error {
		raw, err := c.StringBytes()
		got = c.Intern(raw)
		return err
	}))
	require.Equal(t, want, got, "%.100q", text)
}
