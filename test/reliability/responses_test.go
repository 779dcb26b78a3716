package reliability

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// S8 spoils each operation's documented response, its fixture, in 42 ways, and
// gives each an error whose detail comes in 3 forms. What must come of a spoilt
// response: the right value, a value, or an error that says that the service
// acted and that its response cannot be read.
//
// A download has another promise. Its body is a file, whatever it looks like:
// it is handed on byte by byte, unless it is empty or a web page.

// promised of a spoilt response.
type promisedValue int

const (
	unreadable promisedValue = iota // ErrDecode, OutcomeExecuted, no value
	right                           // the value of the fixture
	some                            // a value, whose ids are there
	either                          // some or unreadable
)

// responseCase is an operation with the response that is to be spoilt.
type responseCase struct {
	operation
	data any    // in the response's envelope
	want any    // the value as JSON
	file []byte // of a download
	page string // its content type
}

// numeric are ids that are numbers, so that they can come as numbers and as strings.
var numeric = objects{model: "269", item: "1805", algorithm: "17", target: 12}

// numericIDs are the numeric ids by their key.
var numericIDs = map[string]any{
	"model_id": numeric.model, "item_id": numeric.item, "algorithm_id": numeric.algorithm,
	"target_id": json.Number(strconv.Itoa(numeric.target)),
}

// isID says whether a response is unreadable without what is under the key.
func isID(key string) bool {
	return strings.HasSuffix(key, "_id") || isIDs(key) || key == "access_token"
}

func isIDs(key string) bool { return strings.HasSuffix(key, "_ids") }

// timeKeys are the keys under which the fixtures have times.
var timeKeys = sync.OnceValue(func() map[string]bool {
	keys := map[string]bool{}
	for _, f := range testkit.Fixtures() {
		eachLeaf(parse(f.Want), func(key string, leaf any) any {
			text, _ := leaf.(string)
			if _, err := time.Parse(time.RFC3339, text); err == nil {
				keys[key] = true
			}
			return leaf
		})
	}
	return keys
})

func isTime(key string) bool { return timeKeys()[key] }

// successes are the operations of which what was done counts, however the
// service says so.
var successes = []string{"deleteModels", "setLicense"}

func (a responseCase) among(ids []string) bool { return slices.Contains(ids, a.id) }

// isList says whether the response's data is a list, which may be empty.
func (a responseCase) isList() bool {
	_, list := a.data.([]any)
	return list
}

// isBare says whether the response has nothing that it must hold. What is predicted
// is known from the request.
func (a responseCase) isBare() bool {
	bare := true
	eachLeaf(a.data, func(key string, leaf any) any {
		bare = bare && !isID(key)
		return leaf
	})
	return bare || a.id == "predictItems"
}

func (a responseCase) isLogin() bool { return a.id == "login" }

// responseCases are the operations with their fixtures' responses.
func responseCases(t *testing.T) []responseCase {
	t.Helper()
	var cases []responseCase
	for _, op := range operationsOn(numeric) {
		f, found := testkit.Fixtures()[op.id]
		require.True(t, found, "no testdata/fixtures/%s.json", op.id)
		a := responseCase{operation: op, page: f.Response.Header["Content-Type"], want: renamed(parse(f.Want))}
		switch {
		case op.id == "login":
			a.data = parse(f.Response.Body)
		case op.id == "deleteModels" || op.id == "addItem":
			data := parse(f.Response.Body).(map[string]any)["data"].(map[string]any)
			a.data = renamed(data)
			for _, ids := range a.data.(map[string]any) {
				a.want = ids
			}
			if op.id == "deleteModels" { // of both models that its fixture has
				a.do = func(ctx context.Context, c *hacarus.Client) (any, error) { return c.DeleteModels(ctx, "269", "270") }
			}
		case f.Response.Body == nil: // a file, or nothing: earlier services said this
			a.data = map[string]any{"status": "ok"}
			if op.streams() {
				a.file = f.ResponseBody()
			}
		default:
			a.data = renamed(parse(f.Response.Body).(map[string]any)["data"])
		}
		cases = append(cases, a)
	}
	return cases
}

func parse(raw []byte) any {
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		panic(err)
	}
	return v
}

// rebuilt rebuilds a JSON value: f replaces the members of its objects.
func rebuilt(v any, f func(key string, value any) any) any {
	switch v := v.(type) {
	case map[string]any:
		object := map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if value := f(key, rebuilt(v[key], f)); value != nil {
				object[key] = value
			}
		}
		return object
	case []any:
		list := []any{}
		for _, element := range v {
			list = append(list, rebuilt(element, f))
		}
		return list
	}
	return v
}

// eachLeaf replaces what is neither an object nor a list, with the key it is under.
func eachLeaf(v any, f func(key string, leaf any) any) any {
	return rebuilt(v, func(key string, value any) any {
		switch value := value.(type) {
		case map[string]any:
			return value
		case []any:
			list := []any{}
			for _, element := range value {
				switch element.(type) {
				case map[string]any, []any:
				default:
					element = f(key, element)
				}
				list = append(list, element)
			}
			return list
		}
		return f(key, value)
	})
}

// renamed gives responses and values the ids of numericIDs, and times that all
// forms can write.
func renamed(v any) any {
	return rebuilt(v, func(key string, value any) any {
		if id, ok := numericIDs[key]; ok {
			return id
		}
		if text, ok := value.(string); ok && isTime(key) {
			return inLayout(text, time.RFC3339)
		}
		if ids, ok := value.([]any); ok && isIDs(key) {
			for i := range ids {
				ids[i] = fmt.Sprint(269 + i)
			}
		}
		return nonNil(value)
	})
}

// null stands for a null in a tree, where nil stands for no member.
var null = json.RawMessage("null")

func nonNil(v any) any {
	if v == nil {
		return null
	}
	return v
}

// document is the response with data in its envelope.
func document(data any) string {
	raw, err := json.Marshal(map[string]any{"data": nonNil(data)})
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func (a responseCase) document() string { return document(a.data) }

// spoiling is one way to spoil a response.
type spoiling struct {
	name string
	// tree or text make the body of the response's data or of its text.
	tree func(a responseCase) string
	text func(document string) string
	// want is the promise for an operation with data; unchanged says that this
	// response has nothing that could be spoilt this way.
	want func(a responseCase, unchanged bool) promisedValue
}

func always(v promisedValue) func(responseCase, bool) promisedValue {
	return func(responseCase, bool) promisedValue { return v }
}

// ifChanged is right for responses that stay as they are.
func ifChanged(v promisedValue) func(responseCase, bool) promisedValue {
	return func(_ responseCase, unchanged bool) promisedValue {
		if unchanged {
			return right
		}
		return v
	}
}

// forgiving refuses, except for v of some, but takes a deletion without a word
// about ids for a success.
func forgiving(v promisedValue, of func(responseCase) bool) func(responseCase, bool) promisedValue {
	return func(a responseCase, _ bool) promisedValue {
		switch {
		case a.id == "deleteModels":
			return right // the ids that were asked for
		case of(a):
			return v
		}
		return unreadable
	}
}

func constant(body string) func(string) string { return func(string) string { return body } }

// onIDs spoils the ids of a response.
func onIDs(name string, spoil func(key string, id any) any) spoiling {
	return spoiling{name: name, want: ifChanged(unreadable), tree: func(a responseCase) string {
		return document(eachLeaf(a.data, func(key string, leaf any) any {
			if isID(key) && leaf != nil {
				return spoil(key, leaf)
			}
			return nonNil(leaf)
		}))
	}}
}

// onTexts changes texts that are neither ids nor times.
func onTexts(name string, spoil func(text string) any) spoiling {
	return spoiling{name: name, want: ifChanged(some), tree: func(a responseCase) string {
		return document(eachLeaf(a.data, func(key string, leaf any) any {
			if text, ok := leaf.(string); ok && !isID(key) && !isTime(key) {
				return spoil(text)
			}
			return nonNil(leaf)
		}))
	}}
}

func onNumbers(name, number string, v promisedValue) spoiling {
	return spoiling{name: name, want: ifChanged(v), tree: func(a responseCase) string {
		return document(eachLeaf(a.data, func(_ string, leaf any) any {
			if _, ok := leaf.(json.Number); ok {
				return json.Number(number)
			}
			return nonNil(leaf)
		}))
	}}
}

// onTimes writes the same times in another form.
func onTimes(layout string) spoiling {
	return spoiling{name: "times as " + layout, want: always(right), tree: func(a responseCase) string {
		return document(eachLeaf(a.data, func(key string, leaf any) any {
			if text, ok := leaf.(string); ok && isTime(key) {
				return inLayout(text, layout)
			}
			return nonNil(leaf)
		}))
	}}
}

// inLayout writes a time's second.
func inLayout(text, layout string) string {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t.UTC().Format(layout)
}

// twice writes each member of each object twice, at first with null.
func twice(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var members []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			members = append(members, fmt.Sprintf("%q:null,%q:%s", key, key, twice(v[key])))
		}
		return "{" + strings.Join(members, ",") + "}"
	case []any:
		var elements []string
		for _, element := range v {
			elements = append(elements, twice(element))
		}
		return "[" + strings.Join(elements, ",") + "]"
	}
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// swapped is the element of a list, or a list of what was no list.
func swapped(data any) any {
	if list, ok := data.([]any); ok {
		return list[0]
	}
	return []any{data}
}

func utf16Bytes(text string, littleEndian bool) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		if littleEndian {
			b = append(b, byte(unit), byte(unit>>8))
		} else {
			b = append(b, byte(unit>>8), byte(unit))
		}
	}
	return string(b)
}

// spoilings are the ways to spoil a response of success.
func spoilings() []spoiling {
	refused := forgiving(unreadable, responseCase.isList)
	empty := forgiving(some, responseCase.isBare)
	deepKey := `{"` + strings.Repeat("k", 64) + `":`
	deepObject := strings.Repeat(deepKey, 10_001) + "0" + strings.Repeat("}", 10_001)
	megabyte := strings.Repeat("x", 1<<20)
	raw := func(text string) any { return json.RawMessage(text) }
	return []spoiling{
		// What is not the envelope.
		{name: "nothing", text: constant(""), want: refused},
		{name: "null", text: constant("null"), want: always(unreadable)},
		{name: "an empty object", text: constant("{}"), want: refused},
		{name: "an empty list", text: constant("[]"), want: always(unreadable)},
		{name: "a web page", text: constant("<!DOCTYPE html><title>Sign in</title>"), want: always(unreadable)},
		{name: "no data", text: constant(`{"data":null}`), want: forgiving(some, responseCase.isList)},
		{name: "empty data", text: constant(`{"data":{}}`), want: empty},
		{name: "an empty list as data", text: constant(`{"data":[]}`), want: func(a responseCase, _ bool) promisedValue {
			if a.isList() {
				return some
			}
			return unreadable
		}},
		{name: "a text as data", text: constant(`{"data":"ok"}`), want: always(unreadable)},
		{name: "data in another case", want: refused, text: func(document string) string {
			return strings.Replace(document, `"data"`, `"Data"`, 1)
		}},

		// Another shape.
		{name: "list and single swapped", want: always(unreadable), tree: func(a responseCase) string { return document(swapped(a.data)) }},
		{name: "wrapped twice", want: empty, tree: func(a responseCase) string {
			return document(map[string]any{"data": a.data})
		}},
		{name: "without an envelope", want: forgiving(right, responseCase.isLogin), tree: func(a responseCase) string {
			raw := a.document()
			return raw[len(`{"data":`) : len(raw)-1]
		}},
		{name: "null for all but ids", want: ifChanged(some), tree: func(a responseCase) string {
			return document(rebuilt(a.data, func(key string, value any) any {
				if _, nested := value.([]any); isID(key) || nested && key == "items" {
					return value
				}
				return null
			}))
		}},

		// Another encoding.
		{name: "byte order mark", want: always(right), text: func(d string) string { return "\ufeff" + d }},
		{name: "UTF-16", want: always(unreadable), text: func(d string) string { return utf16Bytes("\ufeff"+d, true) }},
		{name: "UTF-16 without a mark", want: always(unreadable), text: func(d string) string { return utf16Bytes(d, false) }},
		onTexts("broken UTF-8 in texts", func(text string) any { return raw("\"" + quotedInside(text) + "\xff\"") }),
		onTexts("half a surrogate pair in texts", func(text string) any { return raw("\"" + quotedInside(text) + `\ud800"`) }),

		// Another end.
		{name: "NUL after it", want: always(unreadable), text: func(d string) string { return d + "\x00" }},
		{name: "a page after it", want: always(unreadable), text: func(d string) string { return d + "\n<html></html>" }},
		{name: "cut in half", want: always(unreadable), text: func(d string) string { return d[:len(d)/2] }},

		// Another size.
		{name: "deep beside the data", want: always(unreadable), text: func(d string) string {
			return d[:len(d)-1] + `,"x":` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + "}"
		}},
		{name: "deep data", text: constant(`{"data":` + deepObject + "}"), want: always(unreadable)},
		{name: "a text of 1 MiB", want: always(right), text: func(d string) string { return `{"note":"` + megabyte + `",` + d[1:] }},
		onNumbers("numbers of 10^308", "1e308", either),
		onNumbers("numbers above all", "1e400", unreadable),

		// Other keys.
		{name: "data twice", want: always(right), tree: func(a responseCase) string {
			other := onTexts("", func(text string) any { return text + "?" }).tree(a)
			return other[:len(other)-1] + "," + a.document()[1:]
		}},
		{name: "all keys twice", want: always(right), tree: func(a responseCase) string { return `{"data":` + twice(a.data) + "}" }},
		{name: "unknown keys", want: always(right), tree: func(a responseCase) string {
			more := rebuilt(map[string]any{"data": a.data}, func(_ string, value any) any {
				if object, ok := value.(map[string]any); ok {
					object["x"] = []any{map[string]any{"model_id": json.Number("0"), "item_id": null}}
				}
				return nonNil(value)
			})
			return document(more.(map[string]any)["data"])
		}},

		// Other ids.
		flipped,
		onIDs("null ids", func(string, any) any { return null }),
		onIDs("empty ids", func(string, any) any { return "" }),
		onIDs("ids of another type", func(string, any) any { return true }),
		onIDs("ids with a fraction", func(string, any) any { return json.Number("269.5") }),
		onIDs("ids in broken UTF-8", func(_ string, id any) any { return raw(fmt.Sprintf("\"%v\xff\"", id)) }),
		onIDs("no ids", func(string, any) any { return nil }),
		{name: "other ids", want: ifChanged(some), tree: onIDs("", func(_ string, id any) any {
			if number, ok := id.(json.Number); ok {
				return number + "9"
			}
			return fmt.Sprint(id, "9")
		}).tree},

		onTimes("2006-01-02T15:04:05Z"),
		onTimes("2006-01-02T15:04:05+00:00"),
		onTimes("2006-01-02T15:04:05.000+00:00"),
		onTimes(http.TimeFormat),
	}
}

// flipped sends ids that are texts as numbers, and the other way round.
var flipped = spoiling{name: "ids as numbers and numbers as texts", want: always(right), tree: func(a responseCase) string {
	return document(eachLeaf(a.data, func(key string, leaf any) any {
		switch leaf := leaf.(type) {
		case json.Number:
			return leaf.String()
		case string:
			if _, ok := numericIDs[key]; ok || isIDs(key) {
				return json.Number(leaf)
			}
		}
		return nonNil(leaf)
	}))
}}

// quotedInside is a text as JSON has it between quotes.
func quotedInside(text string) string {
	raw, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(raw[1 : len(raw)-1])
}

// body is the spoilt response, and whether it is the good one still.
func (s spoiling) body(a responseCase) (body string, unchanged bool) {
	if s.tree != nil {
		body = s.tree(a)
	} else {
		body = s.text(a.document())
		if a.file != nil {
			body = s.text(string(a.file))
		}
	}
	return body, body == a.document()
}

// check compares what came of a body with the promise.
func (s spoiling) check(t *testing.T, a responseCase, got any, err error, sent string) {
	t.Helper()
	body, unchanged := s.body(a)
	require.Equal(t, body, sent)
	want := s.want(a, unchanged)
	switch {
	case a.file != nil:
		want = some
		if body == "" {
			want = unreadable
		}
	case a.silent(), a.among(successes) && want != right: // any JSON will do, or nothing
		want = some
		if text := strings.TrimPrefix(body, "\ufeff"); text != "" && !json.Valid([]byte(text)) {
			want = unreadable
		}
	}
	if want == unreadable || want == either && err != nil {
		var lost *hacarus.RequestError
		require.ErrorAs(t, err, &lost)
		require.ErrorIs(t, err, hacarus.ErrDecode)
		require.Equal(t, a.id, lost.Operation)
		require.Equal(t, hacarus.OutcomeExecuted, lost.Outcome)
		require.Equal(t, 1, lost.Attempts)
		require.Less(t, len(err.Error()), 1000)
		if a.file == nil {
			require.Zero(t, got)
		}
		return
	}
	require.NoError(t, err)
	if a.file != nil {
		require.Equal(t, body, string(got.([]byte)))
		return
	}
	if a.silent() {
		return
	}
	raw, err := json.Marshal(got)
	require.NoError(t, err)
	require.True(t, utf8.Valid(raw))
	value := parse(raw)
	requireIDs(t, value)
	if want == right {
		expected, err := json.Marshal(a.want)
		require.NoError(t, err)
		require.JSONEq(t, string(expected), string(raw))
	}
}

// requireIDs refuses values without the ids that name them. A value within
// another, such as the model of an assessment, may do without.
func requireIDs(t *testing.T, value any) {
	t.Helper()
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			requireIDs(t, element)
		}
	case map[string]any:
		for key, id := range value {
			if list, ok := id.([]any); ok && (key == "items" || isID(key)) {
				requireIDs(t, list)
				continue
			}
			if isID(key) && key != "algorithm_id" && id != nil {
				require.NotContains(t, []any{"", json.Number("0"), null}, id, key)
			}
		}
	case string:
		require.NotEmpty(t, value)
	}
}

// give calls the operation, gives it the spoilt response, and checks what came of it.
func (s spoiling) give(t *testing.T, a responseCase) {
	t.Helper()
	body, _ := s.body(a)
	contentType := a.page
	if strings.HasPrefix(body, "<!DOCTYPE") {
		contentType = "text/html; charset=utf-8"
	}
	got, err := responded(t, a, 200, contentType, body)
	if strings.HasPrefix(body, "<!DOCTYPE") && a.file != nil {
		require.ErrorIs(t, err, hacarus.ErrDecode)
		return
	}
	s.check(t, a, got, err, body)
}

// errorBodies are bodies of an error, whose detail comes in three forms.
var errorBodies = map[string]string{
	"null":                  "",
	`"No match!"`:           "No match!",
	`["New a.png","other"]`: "New a.png\nother",
}

func TestSuiteResponses(t *testing.T) { //nolint:paralleltest // it measures what the program allocates
	all := spoilings()
	requireCount(t, 42, len(all))
	s8 := part{name: "S8", what: "a response that is not as documented, each to each operation"}
	for _, a := range responseCases(t) {
		for _, s := range all {
			t.Run(a.id+"/"+s.name, func(t *testing.T) {
				s8.count(t)
				s.give(t, a)
			})
		}
		t.Run(a.id+"/good", func(t *testing.T) { spoiling{want: always(right), text: strings.Clone}.give(t, a) })
		for detail, want := range errorBodies {
			t.Run(a.id+"/detail "+detail, func(t *testing.T) {
				s8.count(t)
				got, err := responded(t, a, 400, "application/json", `{"errors":{"detail":`+detail+`,"title":"Invalid Request","status":404}}`)
				var base *hacarus.BaseError
				require.ErrorAs(t, err, &base)
				require.ErrorIs(t, err, hacarus.ErrBadRequest)
				require.Equal(t, hacarus.ErrorDetails{Detail: want, Title: "Invalid Request", Status: 404}, base.Errors)
				require.Equal(t, a.id, base.Operation)
				require.True(t, got == nil || errors.Is(err, hacarus.ErrBadRequest))
			})
		}
	}
	require.EqualValues(t, len(operations())*(len(all)+len(errorBodies)), s8.cases.Load())
	s8.done(t)
}

// responded calls the operation, which gets one response, and holds that memory
// stays in proportion to it.
func responded(t *testing.T, a responseCase, status int, contentType, body string) (any, error) {
	t.Helper()
	const login = "/api/auth/token"
	c, err := hacarus.New("http://127.0.0.1", hacarus.WithCredentials("id", "a-secret-of-the-suite"),
		hacarus.WithHTTPClient(&http.Client{Transport: testkit.InMemory(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == login && a.id != "login" {
				_, _ = io.WriteString(w, `{"access_token":"a-token-of-the-suite"}`)
				return
			}
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}))}))
	require.NoError(t, err)
	defer c.Close()
	if a.id != "login" {
		_, err := c.Login(t.Context())
		require.NoError(t, err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := a.do(t.Context(), c)
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(2<<20+16*len(body)))
	return got, err
}
