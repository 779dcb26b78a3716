package hacarus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pagedItems serves pages of two items, and keeps which were asked for.
type pagedItems struct {
	end     int                      // the last page
	latency time.Duration            // what a page takes
	fail    map[int]http.HandlerFunc // pages with another answer

	mu    sync.Mutex
	asked []int
}

func (p *pagedItems) serve(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	p.asked = append(p.asked, number)
	p.mu.Unlock()
	time.Sleep(p.latency)
	if fail := p.fail[number]; fail != nil {
		fail(w, r)
		return
	}
	_, _ = fmt.Fprintf(w, `{"data":{"items":[{"item_id":"%d-a"},{"item_id":"%d-b"}],"current_page":%d,"end_page":%d}}`,
		number, number, number, p.end)
}

func (p *pagedItems) pages() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]int{}, p.asked...)
}

var predictions = ListItemsOptions{Type: ItemTypePrediction}

// collect ranges to the end, and returns the ids and all errors.
func collect(ctx context.Context, c *Client, opts ListItemsOptions) (ids []string, errs []error) {
	for item, err := range c.AllItems(ctx, opts) {
		if err != nil {
			errs = append(errs, err)
			continue // an error is the last thing, whatever the body does
		}
		ids = append(ids, item.ItemID)
	}
	return ids, errs
}

func TestAllItemsIsLazyAndRestartable(t *testing.T) {
	t.Parallel()
	items := &pagedItems{end: 2}
	api := &fakeAPI{next: items.serve}
	all := overMemory(t, api).AllItems(t.Context(), predictions)
	logins, calls := api.counts()
	require.Zero(t, logins+calls, "nothing is asked for before it is ranged over")
	for range 2 {
		var ids []string
		for item, err := range all {
			require.NoError(t, err)
			ids = append(ids, item.ItemID)
		}
		require.Equal(t, []string{"1-a", "1-b", "2-a", "2-b"}, ids)
	}
	require.Equal(t, []int{1, 2, 1, 2}, items.pages())
}

func TestAllItemsBeginsAtAPage(t *testing.T) {
	t.Parallel()
	items := &pagedItems{end: 4}
	var requests factRequests
	c := overMemory(t, &fakeAPI{next: requests.before(t, items.serve)})
	ids, errs := collect(t.Context(), c, ListItemsOptions{Type: ItemTypeTraining, Page: 3, Count: 2, ModelID: "m1"})
	require.Empty(t, errs)
	require.Equal(t, []string{"3-a", "3-b", "4-a", "4-b"}, ids)
	for i, r := range requests.all() {
		require.Equal(t, fmt.Sprintf("count=2&item_type=training&model_id=m1&page=%d", 3+i), r.URL.RawQuery)
	}
}

// TestAllItemsFetchesOnePageAhead: while the items of a page are handed out,
// the next page is on its way, and no page beyond.
func TestAllItemsFetchesOnePageAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		items := &pagedItems{end: 4, latency: time.Second}
		c := overMemory(t, &fakeAPI{next: items.serve})
		start, seen := time.Now(), 0
		for item, err := range c.AllItems(t.Context(), predictions) {
			require.NoError(t, err)
			synctest.Wait()
			page := seen/2 + 1
			require.True(t, strings.HasPrefix(item.ItemID, strconv.Itoa(page)))
			require.Len(t, items.pages(), min(page+1, 4))
			time.Sleep(time.Second)
			seen++
		}
		require.Equal(t, 8, seen)
		require.Equal(t, 9*time.Second, time.Since(start), "one page is waited for, the others come meanwhile")
	})
}

func TestAllItemsEnds(t *testing.T) {
	t.Parallel()
	page := func(items string, end int) http.HandlerFunc {
		return ok(fmt.Sprintf(`{"data":{"items":%s,"end_page":%d}}`, items, end))
	}
	a, b := `[{"item_id":"a"}]`, `[{"item_id":"b"}]`
	for name, test := range map[string]struct {
		pages http.HandlerFunc
		want  []string
		calls int // for the pages up to the one that ends it
		ahead int // for the page after that, if it was announced: asked for while the other is decoded, if that is not over first
	}{
		"at the last page":            {answers(page(a, 2), page(b, 2)), []string{"a", "b"}, 2, 0},
		"at the only page":            {page(a, 1), []string{"a"}, 1, 0},
		"at an empty page":            {answers(page(a, 9), page(`[]`, 9)), []string{"a"}, 2, 1},
		"at a page of null":           {answers(page(a, 9), page(`null`, 9)), []string{"a"}, 2, 1},
		"at a page that repeats":      {answers(page(a, 9), page(b, 9)), []string{"a", "b"}, 3, 1},
		"without a last page":         {answers(page(a, 0), page(b, 0), page(`[]`, 0)), []string{"a", "b"}, 3, 0},
		"with a last page that grows": {answers(page(a, 2), page(b, 3), page(`[{"item_id":"c"}]`, 3)), []string{"a", "b", "c"}, 3, 0},
		"at once":                     {page(`[]`, 0), nil, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &fakeAPI{next: test.pages}
			ids, errs := collect(t.Context(), overMemory(t, api), predictions)
			require.Empty(t, errs)
			require.Equal(t, test.want, ids)
			require.GreaterOrEqual(t, api.count(), test.calls)
			require.LessOrEqual(t, api.count(), test.calls+test.ahead)
		})
	}
}

// TestAllItemsErrors: the items before the error come first, then the error, once.
// A service that says everything twice must not end the program: pages are
// decoded on goroutines of their own.
func TestAllItemsOfAPageWithTwoData(t *testing.T) {
	t.Parallel()
	c := factAnswer(t, 200, `{"data":{"items":[{"item_id":"a"}],"end_page":1},"data":{"items":[{"item_id":"b"}],"end_page":1}}`)
	var ids []string
	for item, err := range c.AllItems(t.Context(), ListItemsOptions{Type: ItemTypeTraining}) {
		require.NoError(t, err)
		ids = append(ids, item.ItemID)
	}
	require.Equal(t, []string{"b"}, ids)
}

func TestAllItemsErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		page int
		fail http.HandlerFunc
		kind error
		want []string
	}{
		"first page":  {1, status(404, `{"errors":{"detail":"Cannot find context"}}`), ErrNotFound, nil},
		"second page": {2, status(403, ""), ErrForbidden, []string{"1-a", "1-b"}},
		"third page":  {3, ok("<html>"), ErrDecode, []string{"1-a", "1-b", "2-a", "2-b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			items := &pagedItems{end: 9, fail: map[int]http.HandlerFunc{test.page: test.fail}}
			ids, errs := collect(t.Context(), overMemory(t, &fakeAPI{next: items.serve}), predictions)
			require.Equal(t, test.want, ids)
			require.Len(t, errs, 1)
			require.ErrorIs(t, errs[0], test.kind)
			require.Len(t, items.pages(), test.page)
		})
	}
	t.Run("arguments", func(t *testing.T) {
		t.Parallel()
		api := &fakeAPI{next: ok("")}
		c := overMemory(t, api)
		for _, opts := range []ListItemsOptions{{}, {Type: ItemTypeTraining, Count: -1}} {
			_, errs := collect(t.Context(), c, opts)
			require.Len(t, errs, 1)
			require.ErrorIs(t, errs[0], ErrInvalidArgument)
		}
		//nolint:staticcheck // a nil context is the point
		_, errs := collect(nil, c, predictions)
		require.Len(t, errs, 1)
		require.ErrorIs(t, errs[0], ErrInvalidArgument)
		require.Zero(t, api.count())
	})
	t.Run("a negative page", func(t *testing.T) {
		t.Parallel()
		api := &fakeAPI{next: (&pagedItems{end: 1}).serve}
		_, errs := collect(t.Context(), overMemory(t, api), ListItemsOptions{Type: ItemTypeTraining, Page: -1})
		require.Len(t, errs, 1, "as ListItems has it")
		require.ErrorIs(t, errs[0], ErrInvalidArgument)
		require.Zero(t, api.count())
	})
}

// TestAllItemsBreak: a range that is left early takes its fetch along.
func TestAllItemsBreak(t *testing.T) {
	t.Parallel()
	for _, leave := range []string{"break", "panic"} {
		t.Run(leave, func(t *testing.T) {
			t.Parallel()
			items := &pagedItems{end: 9}
			started, ended := make(chan struct{}), make(chan struct{})
			items.fail = map[int]http.HandlerFunc{2: func(_ http.ResponseWriter, r *http.Request) {
				close(started)
				<-r.Context().Done()
				close(ended)
			}}
			c := overMemory(t, &fakeAPI{next: items.serve})
			func() {
				defer func() { _ = recover() }()
				for item, err := range c.AllItems(t.Context(), predictions) {
					assert.NoError(t, err)
					assert.Equal(t, "1-a", item.ItemID)
					<-started
					if leave == "panic" {
						panic("the line stops")
					}
					break
				}
			}()
			select {
			case <-ended:
			default:
				t.Error("the fetch goes on")
			}
			require.Equal(t, []int{1, 2}, items.pages())
		})
	}
}

func TestAllItemsCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		items := &pagedItems{end: 9, latency: time.Second}
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		ids, errs := collect(ctx, overMemory(t, &fakeAPI{next: items.serve}), predictions)
		require.Equal(t, []string{"1-a", "1-b", "2-a", "2-b"}, ids)
		require.Len(t, errs, 1)
		require.ErrorIs(t, errs[0], context.DeadlineExceeded)
		require.NotErrorIs(t, errs[0], ErrOutcomeUnknown)
	})
}

func TestAddedIDs(t *testing.T) {
	t.Parallel()
	files := []File{FileFromBytes("a.png", []byte("one")), FileFromBytes("b.png", []byte("two"))}
	for name, test := range map[string]struct {
		body string
		want []string // nil where it cannot be read
	}{
		"as documented":     {`{"data":{"item_ids":["a","b"]}}`, []string{"a", "b"}},
		"other ids":         {`{"data":{"item_ids":["plate-1","plate-2"]}}`, []string{"plate-1", "plate-2"}},
		"numbers":           {`{"data":{"item_ids":[1001,1002]}}`, []string{"1001", "1002"}},
		"fewer":             {`{"data":{"item_ids":["a"]}}`, []string{"a"}},
		"none":              {`{"data":{"item_ids":[]}}`, nil},
		"null":              {`{"data":{"item_ids":null}}`, nil},
		"missing":           {`{"data":{}}`, nil},
		"an empty id":       {`{"data":{"item_ids":["a",""]}}`, nil},
		"no data":           {`{}`, nil},
		"a list in its way": {`{"data":["a","b"]}`, nil},
		"HTML":              {`<html>`, nil},
		"empty":             {``, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &fakeAPI{next: status(http.StatusCreated, test.body)}
			ids, err := overMemory(t, api).AddItems(t.Context(), AddItemsRequest{Files: files})
			require.Equal(t, test.want, ids)
			require.Equal(t, 1, api.count())
			if test.want != nil {
				require.NoError(t, err)
				return
			}
			var failed *RequestError
			require.ErrorAs(t, err, &failed)
			require.ErrorIs(t, err, ErrDecode)
			require.Equal(t, OutcomeExecuted, failed.Outcome)
			require.Equal(t, []string{"a", "b"}, failed.ItemIDs, "what to look for")
		})
	}
}

// TestItemIDsOfUnknownOutcomes: the ids to look for come with the error, and
// only where there is something to look for.
func TestItemIDsOfUnknownOutcomes(t *testing.T) {
	t.Parallel()
	want := []string{"NewItem", "部品-0007", "no-extension", ".hidden"}
	var files []File
	for _, name := range []string{"NewItem.JPG", "部品-0007.tiff", "no-extension", ".hidden.png"} {
		files = append(files, FileFromBytes(name, []byte("image")))
	}
	abort := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	}
	for name, test := range map[string]struct {
		next    http.HandlerFunc
		unknown bool
	}{
		"lost reply":   {abort, true},
		"server error": {status(500, ""), true},
		"timeout":      {status(408, ""), true},
		"see other":    {status(303, ""), true},
		"refused":      {status(400, ""), false},
		"busy":         {status(425, ""), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := overTCP(t, &fakeAPI{next: test.next}).AddItems(t.Context(), AddItemsRequest{Files: files})
			ids := expectedIDs(t, err)
			if !test.unknown {
				require.NotErrorIs(t, err, ErrOutcomeUnknown)
				require.Empty(t, ids)
				return
			}
			require.ErrorIs(t, err, ErrOutcomeUnknown)
			require.Equal(t, want, ids)
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			c := overMemory(t, &fakeAPI{next: func(_ http.ResponseWriter, r *http.Request) {
				cancel()
				<-r.Context().Done()
			}})
			_, err := c.AddItems(ctx, AddItemsRequest{Files: files})
			var failed *RequestError
			require.ErrorAs(t, err, &failed)
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, ErrOutcomeUnknown)
			require.Equal(t, want, failed.ItemIDs)
		})
	})
}

// expectedIDs are the ids that come with an error of AddItems.
func expectedIDs(t *testing.T, err error) []string {
	t.Helper()
	if base := (*BaseError)(nil); errors.As(err, &base) {
		return base.ItemIDs
	}
	var failed *RequestError
	require.ErrorAs(t, err, &failed)
	return failed.ItemIDs
}

func TestAnnotations(t *testing.T) {
	t.Parallel()
	var requests factRequests
	c := overMemory(t, &fakeAPI{next: requests.before(t, decline(http.StatusAccepted))})
	require.NoError(t, c.AnnotateItem(t.Context(), "a",
		RequestAnnotation{XMin: new(0), XMax: new(0), YMin: new(-1), YMax: new(5), Label: new(0), Notes: "傷"},
		RequestAnnotation{Notes: "all of it"}))
	require.JSONEq(t, `{"annotations":[{"x_min":0,"x_max":0,"y_min":-1,"y_max":5,"label":0,"notes":"傷"},{"notes":"all of it"}]}`,
		string(requests.all()[0].body))
	for _, bad := range []RequestAnnotation{
		{XMin: new(2), XMax: new(1)}, {YMin: new(2), YMax: new(1)}, {},
	} {
		require.ErrorIs(t, c.AnnotateItem(t.Context(), "a", RequestAnnotation{Notes: "fine"}, bad), ErrInvalidArgument)
	}
	require.Len(t, requests.all(), 1)
}

func TestItemArgumentsAreNeverSent(t *testing.T) {
	t.Parallel()
	list := func(opts ListItemsOptions) func(context.Context, *Client) error {
		return func(ctx context.Context, c *Client) error { _, err := c.ListItems(ctx, opts); return err }
	}
	neverSent(t, map[string]func(context.Context, *Client) error{
		"no ids to delete": func(ctx context.Context, c *Client) error { return c.DeleteItems(ctx) },
		"too many ids":     func(ctx context.Context, c *Client) error { return c.DeleteItems(ctx, make([]string, maxIDs+1)...) },
		"no annotations":   func(ctx context.Context, c *Client) error { return c.AnnotateItem(ctx, "a") },
		"empty annotation": func(ctx context.Context, c *Client) error { return c.AnnotateItem(ctx, "a", RequestAnnotation{}) },
		"reversed box": func(ctx context.Context, c *Client) error {
			return c.AnnotateItem(ctx, "a", RequestAnnotation{XMin: new(2), XMax: new(1)})
		},
		"no item type":   list(ListItemsOptions{}),
		"negative page":  list(ListItemsOptions{Type: "training", Page: -1}),
		"negative count": list(ListItemsOptions{Type: "training", Count: -1}),
		"no files":       func(ctx context.Context, c *Client) error { _, err := c.AddItems(ctx, AddItemsRequest{}); return err },
	})
}

func TestItemQueries(t *testing.T) {
	t.Parallel()
	no := false
	var got url.Values
	c := overMemory(t, &fakeAPI{next: func(w http.ResponseWriter, r *http.Request) {
		got = r.URL.Query()
		_, _ = io.WriteString(w, `{"data":{"item_id":"a","items":[]}}`)
	}})
	_, err := c.GetItem(t.Context(), "a", &GetItemOptions{ShowAssessments: &no, ModelID: "m&1"})
	require.NoError(t, err)
	require.Equal(t, url.Values{"show_assessments": {"false"}, "model_id": {"m&1"}}, got)
	_, err = c.ListItems(t.Context(), ListItemsOptions{Type: ItemTypeTraining, Count: 3, Page: 2})
	require.NoError(t, err)
	require.Equal(t, url.Values{"item_type": {"training"}, "count": {"3"}, "page": {"2"}}, got)
}
