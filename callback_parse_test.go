package hacarus

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

const oneItem = `{"items":[{"item_id":"a"}]}`

func TestParseCallback(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method, query, body string
		ids                 []string
		err                 error
	}{
		"bare":                   {"POST", "", oneItem, []string{"a"}, nil},
		"wrapped":                {"POST", "", `{"data":` + oneItem + `}`, []string{"a"}, nil},
		"no items":               {"POST", "", `{"items":[]}`, []string{}, nil},
		"null items":             {"POST", "", `{"items":null}`, nil, nil},
		"the older name":         {"POST", "", `{"items":[{"job_id":"a"}]}`, []string{"a"}, nil},
		"other keys":             {"POST", "", `{"event":{"items":1},"items":[{"item_id":"a","x":[{}]}]}`, []string{"a"}, nil},
		"query of a POST":        {"POST", "items=[]", oneItem, []string{"a"}, nil},
		"data in the query":      {"GET", "data=" + url.QueryEscape(oneItem), "", []string{"a"}, nil},
		"items in the query":     {"GET", "items=" + url.QueryEscape(`[{"item_id":"a"},{"item_id":2}]`), "", []string{"a", "2"}, nil},
		"the query goes first":   {"GET", "items=[]", oneItem, []string{}, nil},
		"body of a GET":          {"GET", "", oneItem, []string{"a"}, nil},
		"nothing":                {"POST", "", "", nil, ErrDecode},
		"null":                   {"POST", "", "null", nil, ErrDecode},
		"data is null":           {"POST", "", `{"data":null}`, nil, ErrDecode},
		"data in data":           {"POST", "", `{"data":{"data":` + oneItem + `}}`, nil, ErrDecode},
		"a list":                 {"POST", "", `[{"item_id":"a"}]`, nil, ErrDecode},
		"items are an object":    {"POST", "", `{"items":{"item_id":"a"}}`, nil, ErrDecode},
		"an item without id":     {"POST", "", `{"items":[{"item_id":"a"},{}]}`, nil, ErrDecode},
		"an id that is a path":   {"POST", "", `{"items":[{"item_id":"../a"}]}`, nil, ErrDecode},
		"an id with a line end":  {"POST", "", `{"items":[{"item_id":"a\n"}]}`, nil, ErrDecode},
		"something follows":      {"POST", "", oneItem + "x", nil, ErrDecode},
		"an object for the list": {"GET", "items=" + url.QueryEscape(oneItem), "", nil, ErrDecode},
		"a broken query":         {"GET", "items=%", "", nil, ErrDecode},
		"a long query":           {"GET", "items=" + strings.Repeat("x", maxCallbackBody), "", nil, ErrTooLarge},
		"a long body":            {"POST", "", strings.Repeat(" ", maxCallbackBody) + oneItem, nil, ErrTooLarge},
		"many items":             {"POST", "", `{"items":[` + strings.Repeat(`{"item_id":"a"},`, maxCallbackItems) + `{"item_id":"a"}]}`, nil, ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), c.method, "/hook", strings.NewReader(c.body))
			r.URL.RawQuery = c.query
			items, err := ParseCallback(r)
			require.ErrorIs(t, err, c.err)
			if c.err == nil {
				require.NoError(t, err)
			}
			var ids []string
			if items != nil {
				ids = []string{}
			}
			for _, item := range items {
				ids = append(ids, item.ItemID)
			}
			require.Equal(t, c.ids, ids)
		})
	}
}

func TestParseCallbackBodies(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := io.WriteString(z, oneItem)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	parse := func(body io.Reader, encoding string) error {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hook", body)
		r.Header.Set("Content-Encoding", encoding)
		_, err := ParseCallback(r)
		return err
	}
	require.NoError(t, parse(bytes.NewReader(packed.Bytes()), "GZIP"))
	require.NoError(t, parse(strings.NewReader(oneItem), "identity"))
	require.ErrorIs(t, parse(strings.NewReader(oneItem), "gzip"), ErrDecode)
	require.ErrorIs(t, parse(strings.NewReader(oneItem), "zstd"), ErrDecode)
	require.ErrorIs(t, parse(bytes.NewReader(packed.Bytes()[:packed.Len()-9]), "gzip"), io.ErrUnexpectedEOF)
	broken := errors.New("the line is dead")
	require.ErrorIs(t, parse(iotest.ErrReader(broken), ""), broken)

	_, err = ParseCallback(nil)
	require.ErrorIs(t, err, ErrInvalidArgument)
	_, err = ParseCallback(&http.Request{Method: http.MethodPost, URL: &url.URL{}})
	require.ErrorIs(t, err, ErrDecode, "no body")
}

func FuzzParseCallback(f *testing.F) {
	f.Add("POST", "", oneItem)
	f.Add("POST", "", `{"data":`+oneItem+`}`)
	f.Add("GET", "data="+url.QueryEscape(oneItem), "")
	f.Add("GET", "items=[]", "")
	f.Fuzz(func(t *testing.T, method, query, body string) {
		r := &http.Request{Method: method, URL: &url.URL{Path: "/hook", RawQuery: query}, Body: io.NopCloser(strings.NewReader(body))}
		items, err := ParseCallback(r)
		if err != nil {
			require.Nil(t, items)
			return
		}
		require.LessOrEqual(t, len(items), maxCallbackItems)
		for _, item := range items {
			require.NoError(t, checkID("item_id", item.ItemID))
		}
	})
}
