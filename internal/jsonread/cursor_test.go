package jsonread

import (
	"encoding/json"
	"fmt"
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

// What an object and null are to the two ways of reading an object.
func TestObjects(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		document           string
		required, nullable bool
		keys               []string
	}{
		{`{"a":1,"b":{"c":2}}`, true, true, []string{"a", "b"}},
		{`{}`, true, true, nil},
		{`null`, false, true, nil},
		{`[]`, false, false, nil},
		{`"{}"`, false, false, nil},
		{``, false, false, nil},
	} {
		for name, read := range map[string]func(*Cursor, func([]byte) error) error{
			"required": (*Cursor).RequiredObject, "nullable": (*Cursor).NullableObject,
		} {
			var keys []string
			err := Document([]byte(test.document), func(c *Cursor) error {
				return read(c, func(key []byte) error {
					keys = append(keys, string(key))
					return c.Skip()
				})
			})
			taken := map[string]bool{"required": test.required, "nullable": test.nullable}[name]
			require.Equal(t, taken, err == nil, "%s %s: %v", name, test.document, err)
			require.Equal(t, test.keys, keys, "%s %s", name, test.document)
		}
	}
}

// An error says where in the document it is.
func TestErrorsNameKeys(t *testing.T) {
	t.Parallel()
	err := Document([]byte(`{"a":{"b":7}}`), func(c *Cursor) error {
		return c.RequiredObject(func([]byte) error {
			return c.RequiredObject(func([]byte) error {
				_, err := c.StringBytes()
				return err
			})
		})
	})
	require.EqualError(t, err, `a: b: '7' at byte 10, where a string should be`)
}

// A value that is tried costs itself only, unless it is no JSON.
func TestTry(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		`["a","b"]`:           "a true, b true",
		`[1,"b"]`:             " false, b true",
		`[{"x":["y"]},"b"]`:   " false, b true",
		`["a" , null]`:        "a true,  false",
		`["a",-]`:             "a true, error",
		`["a",{"x":nul}]`:     "a true, error",
		`["a\q"]`:             "error",
		`[[[[[["a"]]]]],"b"]`: " false, b true",
	} {
		var got []string
		var elements []struct{}
		err := Document([]byte(document), func(c *Cursor) error {
			return List(c, &elements, func(c *Cursor, _ *struct{}) error {
				s := ""
				ok, err := c.Try(func() error {
					raw, err := c.StringBytes()
					s = c.Intern(raw)
					return err
				})
				if err != nil {
					got = append(got, "error")
					return err
				}
				got = append(got, fmt.Sprintf("%s %t", s, ok))
				return nil
			})
		})
		require.Equal(t, strings.Contains(want, "error"), err != nil, document)
		require.Equal(t, want, strings.Join(got, ", "), document)
	}
}
