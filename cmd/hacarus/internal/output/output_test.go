package output

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
)

func TestEscape(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plate 1.png": "plate 1.png", "検査　1.png": "検査　1.png", `back\slash "q"`: `back\slash "q"`,
		"a\nOK  b.png": `a\nOK  b.png`, "\x1b]0;title\a": `\x1b]0;title\a`, "\u202egpj.exe": `\u202egpj.exe`,
		"\x93\x8a.png": `\x93\x8a.png`, "\u009b31m": `\u009b31m`, "": "",
	} {
		require.Equal(t, want, Escape(text))
	}
}

type row struct {
	File string `json:"file"`
}

func columns() []Column {
	return []Column{{Name: "file", Title: "File"}, {Name: "n", Title: "N", Right: true}}
}

func cells(r row) []Cell { return []Cell{Text(r.File), Number("-1")} }

func written(t *testing.T, format Format, rows ...row) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, All(New(&b, format, false), columns(), func(yield func(row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}, cells))
	return b.String()
}

func TestTable(t *testing.T) {
	t.Parallel()
	require.Equal(t, "File      N\n検査.png  -1\na\\n      -1\n", collapse(written(t, Table, row{"検査.png"}, row{"a\n"})))
	require.Empty(t, written(t, Table))
	var b bytes.Buffer
	require.NoError(t, New(&b, Table, true).Value(nil, columns(), Cell{Text: "x", Style: Red}, Number("1")))
	require.Equal(t, "File   \x1b[1;31mx\x1b[0m\nN      1\n", b.String())
}

// Words of the service are the user's in tables, and the service's everywhere else.
func TestWords(t *testing.T) {
	t.Parallel()
	for format, want := range map[Format]string{Table: "File          N\n判定なし\npending   判定なし\n", CSV: "file,n\nunknown,\npending,unknown\n"} {
		var b bytes.Buffer
		o := New(&b, format, false)
		o.Translate(map[string]string{"unknown": "判定なし", "pending": "処理待ち"})
		list := o.List(columns())
		require.NoError(t, list.Add(nil, Verdict(hacarus.VerdictUnknown), Text("")))
		require.NoError(t, list.Add(nil, Text("pending"), Word("unknown")))
		require.NoError(t, list.Close())
		require.Equal(t, want, collapse(b.String()))
	}
}

// collapse makes the gap between columns two spaces, which keeps the test readable.
func collapse(text string) string {
	return string(bytes.ReplaceAll([]byte(text), []byte(gap), []byte("  ")))
}

func TestCSV(t *testing.T) {
	t.Parallel()
	text := written(t, CSV, row{"=1+2.jpg"}, row{"a,\"b\".png"}, row{"検査.png"})
	records, err := csv.NewReader(bytes.NewReader([]byte(text))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, [][]string{{"file", "n"}, {"'=1+2.jpg", "-1"}, {"a,\"b\".png", "-1"}, {"検査.png", "-1"}}, records)
	require.Equal(t, "file,n\n", written(t, CSV))
}

func TestJSON(t *testing.T) {
	t.Parallel()
	require.Equal(t, "[]\n", written(t, JSON))
	var rows []row
	text := written(t, JSON, row{"a"}, row{"<b>\u202e\u009b"})
	require.NoError(t, json.Unmarshal([]byte(text), &rows))
	require.Equal(t, []row{{"a"}, {"<b>\u202e\u009b"}}, rows)
	require.Contains(t, text, `<b>\u202e\u009b`)
	require.Equal(t, "{\"file\":\"a\"}\n{\"file\":\"b\"}\n", written(t, JSONL, row{"a"}, row{"b"}))
	require.Equal(t, `\x93.png`, JSONString("\x93.png"))
	require.Equal(t, "検査", JSONString("検査"))
}

// Whatever goes wrong, what stands there is JSON.
// own is a value that writes itself, as those of the SDK and of evaluation do.
type own string

func (o own) MarshalJSON() ([]byte, error) { return json.Marshal(string(o)) }

// Markup is readable in every form of JSON, and what a program reads is the same.
func TestJSONMarkup(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"escape<=0.02 & a>b": `"escape<=0.02 & a>b"`, `\u003c`: `"\\u003c"`, `\\<`: `"\\\\<"`, `C:\<x>`: `"C:\\<x>"`,
		"\u2028\n\"<\"": `"\u2028\n\"<\""`, "<\u202e": `"<\u202e"`, "": `""`, "検査<": `"検査<"`,
	} {
		for _, value := range []any{text, own(text), map[string]any{"x": own(text)}} {
			raw, err := Marshal(value)
			require.NoError(t, err)
			require.Contains(t, string(raw), want)
			var got any
			require.NoError(t, json.Unmarshal(raw, &got))
			if m, ok := got.(map[string]any); ok {
				got = m["x"]
			}
			require.Equal(t, text, got)
		}
	}
	for _, format := range []Format{JSON, JSONL} {
		var b bytes.Buffer
		require.NoError(t, New(&b, format, false).Value(own("a<b"), nil))
		require.Equal(t, "\"a<b\"\n", b.String())
	}
}

func TestFailure(t *testing.T) {
	t.Parallel()
	failure := errors.New("it failed")
	for _, before := range []int{0, 2} {
		var b bytes.Buffer
		o := New(&b, JSON, false)
		err := All(o, columns(), failing(before, failure), cells)
		require.ErrorIs(t, err, failure)
		require.NoError(t, o.Failure("it failed", 2))
		require.True(t, json.Valid(b.Bytes()), b.String())
	}
	var b bytes.Buffer
	require.NoError(t, New(&b, JSONL, false).Failure("it failed", 2))
	require.Empty(t, b.String())
}

func failing(after int, err error) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		for range after {
			if !yield(row{"a"}, nil) {
				return
			}
		}
		yield(row{}, err)
	}
}
