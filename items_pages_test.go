package hacarus

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// itemPages responds with pages of two items, and keeps which were asked for.
type itemPages struct {
	end     int                      // the last page
	latency time.Duration            // what a page takes
	fail    map[int]http.HandlerFunc // pages with another response

	mu    sync.Mutex
	asked []int
}

func (p *itemPages) serve(w http.ResponseWriter, r *http.Request) {
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

func (p *itemPages) pages() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]int{}, p.asked...)
}

// pagedIDs are the ids of the first pages.
func pagedIDs(pages int) (ids []string) {
	for number := range pages {
		ids = append(ids, fmt.Sprintf("%d-a", number+1), fmt.Sprintf("%d-b", number+1))
	}
	return ids
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
	items := &itemPages{end: 2}
	api := &fakeService{next: items.serve}
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
	items := &itemPages{end: 4}
	var requests requestLog
	c := overMemory(t, &fakeService{next: requests.before(t, items.serve)})
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
		items := &itemPages{end: 4, latency: time.Second}
		c := overMemory(t, &fakeService{next: items.serve})
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

// TestAllItemsEnds holds fact 26: what follows the last page is not documented.
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
		"at the last page":            {inTurn(page(a, 2), page(b, 2)), []string{"a", "b"}, 2, 0},
		"at the only page":            {page(a, 1), []string{"a"}, 1, 0},
		"at an empty page":            {inTurn(page(a, 9), page(`[]`, 9)), []string{"a"}, 2, 1},
		"at a page of null":           {inTurn(page(a, 9), page(`null`, 9)), []string{"a"}, 2, 1},
		"at a page that repeats":      {inTurn(page(a, 9), page(b, 9)), []string{"a", "b"}, 3, 1},
		"without a last page":         {inTurn(page(a, 0), page(b, 0), page(`[]`, 0)), []string{"a", "b"}, 3, 0},
		"with a last page that grows": {inTurn(page(a, 2), page(b, 3), page(`[{"item_id":"c"}]`, 3)), []string{"a", "b", "c"}, 3, 0},
		"with a last page that sinks": {inTurn(page(a, 3), page(b, 2), page(`[{"item_id":"never"}]`, 2)), []string{"a", "b"}, 2, 1},
		"at once":                     {page(`[]`, 0), nil, 1, 0},
		"after lists without pages":   {ok(`{"data":{"training":[{"item_id":"t"}],"predict":[{"item_id":"a"},{"item_id":"b"}],"archived":[]}}`), []string{"a", "b"}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &fakeService{next: test.pages}
			ids, errs := collect(t.Context(), overMemory(t, api), predictions)
			require.Empty(t, errs)
			require.Equal(t, test.want, ids)
			require.GreaterOrEqual(t, api.count(), test.calls)
			require.LessOrEqual(t, api.count(), test.calls+test.ahead)
		})
	}
}

// TestAllItemsErrors: the items before the error come first, then the error, once.
func TestAllItemsErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		page  int
		fail  http.HandlerFunc
		kind  error
		want  []string
		ahead int // the announced page after the failed one, if it is asked for while that is decoded
	}{
		"first page":           {1, status(404, `{"errors":{"detail":"Cannot find context"}}`), ErrNotFound, nil, 0},
		"second page":          {2, status(403, ""), ErrForbidden, []string{"1-a", "1-b"}, 0},
		"third page":           {3, status(404, ""), ErrNotFound, []string{"1-a", "1-b", "2-a", "2-b"}, 0},
		"first page of HTML":   {1, ok("<html>"), ErrDecode, nil, 0},
		"third page of HTML":   {3, ok("<html>"), ErrDecode, []string{"1-a", "1-b", "2-a", "2-b"}, 1},
		"last page, of HTML":   {9, ok("<html>"), ErrDecode, pagedIDs(8), 0},
		"second page, of null": {2, ok(`{"data":null}`), ErrDecode, []string{"1-a", "1-b"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			items := &itemPages{end: 9, fail: map[int]http.HandlerFunc{test.page: test.fail}}
			ids, errs := collect(t.Context(), overMemory(t, &fakeService{next: items.serve}), predictions)
			require.Equal(t, test.want, ids)
			require.Len(t, errs, 1)
			require.ErrorIs(t, errs[0], test.kind)
			require.GreaterOrEqual(t, len(items.pages()), test.page)
			require.LessOrEqual(t, len(items.pages()), test.page+test.ahead)
		})
	}
	t.Run("arguments", func(t *testing.T) {
		t.Parallel()
		api := &fakeService{next: ok("")}
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
		api := &fakeService{next: (&itemPages{end: 1}).serve}
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
			items := &itemPages{end: 9}
			started, ended := make(chan struct{}), make(chan struct{})
			items.fail = map[int]http.HandlerFunc{2: func(_ http.ResponseWriter, r *http.Request) {
				close(started)
				<-r.Context().Done()
				close(ended)
			}}
			c := overMemory(t, &fakeService{next: items.serve})
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
		items := &itemPages{end: 9, latency: time.Second}
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		ids, errs := collect(ctx, overMemory(t, &fakeService{next: items.serve}), predictions)
		require.Equal(t, []string{"1-a", "1-b", "2-a", "2-b"}, ids)
		require.Len(t, errs, 1)
		require.ErrorIs(t, errs[0], context.DeadlineExceeded)
		require.NotErrorIs(t, errs[0], ErrOutcomeUnknown)
	})
}

// TestReceived: a request says once that its response was received, when there
// is one that succeeds and before it is decoded.
func TestReceived(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		next http.HandlerFunc
		want []string
	}{
		"success":               {ok(`{"data":{"items":[]}}`), []string{"received", "decoded"}},
		"success after a retry": {inTurn(status(503, ""), ok(`{"data":{"items":[]}}`)), []string{"received", "decoded"}},
		"nothing to decode":     {ok(``), []string{"received"}},
		"a web page":            {ok(`<html>`), nil},
		"refusal":               {status(404, ""), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen []string
			r := request{op: opListItems, query: predictions, received: func() { seen = append(seen, "received") }}
			_, _ = doData(t.Context(), overMemory(t, &fakeService{next: test.next}), r, func(d *decoding, _ *ItemsPage) error {
				seen = append(seen, "decoded")
				return d.Skip()
			})
			require.Equal(t, test.want, seen)
		})
	}
}
