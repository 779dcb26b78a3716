package hacarus

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"
)

// AllItems returns an iterator over all items, beginning at the page opts.Page,
// or at the first page if that is 0. Pages are fetched during the iteration:
// the next one is requested while the items of the current one are handed out,
// and at most these two are in memory. Every range starts again from the
// beginning. An error, one of [Client.ListItems], is the last thing that is
// yielded.
//
// The items of a page are stored side by side, so keeping one of them keeps all
// of them in memory. If something of an item is to outlive the loop for long,
// copy it, such as the ItemID.
//
// Deletions and additions during the iteration shift the pages: if an item is
// deleted, by anyone, all items behind it move forward by one, and one of
// them moves to a page that was already read, so that it is skipped. If an item
// is added, another one may come twice. So do not delete inside of the loop:
// collect the ids first and delete afterwards, as the example of
// [Client.DeleteItems] does.
//
// The documentation does not say what follows the last page. The iteration
// therefore ends at the announced last page, at an empty page, or at a page
// that repeats the one before.
//
// Operation getItemsByType: GET /api/v1/items/, once for each page.
func (c *Client) AllItems(ctx context.Context, opts ListItemsOptions) iter.Seq2[*Item, error] {
	return func(yield func(*Item, error) bool) {
		if err := c.usable(ctx, opListItems); err != nil {
			yield(nil, err)
			return
		}
		for items, err := range c.itemPages(ctx, opts) {
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range items {
				if !yield(&items[i], nil) {
					return
				}
			}
		}
	}
}

// itemPages yields the items page by page. The next page is fetched while the
// current one is in use, and already while the current one is decoded if a next
// one was announced.
func (c *Client) itemPages(ctx context.Context, opts ListItemsOptions) iter.Seq2[[]Item, error] {
	return func(yield func([]Item, error) bool) {
		var fetches sync.WaitGroup
		defer fetches.Wait()
		ctx, cancel := context.WithCancel(withoutCapture(ctx))
		defer cancel()
		fetch := func(number int) *pageFetch {
			page := &pageFetch{received: make(chan struct{}), decoded: make(chan struct{})}
			fetches.Go(func() { page.fetch(ctx, c, opts, number) })
			return page
		}
		number := cmp.Or(opts.Page, 1)
		last := 0 // the number of the last page, as announced; zero while it is not known
		var ids []string
		for page := fetch(number); page != nil; number++ {
			var next *pageFetch
			select {
			case <-page.received:
				if number < last {
					next = fetch(number + 1)
				}
			case <-page.decoded:
			}
			<-page.decoded
			rethrow(page.err)
			if page.err != nil {
				yield(nil, page.err)
				return
			}
			if len(page.items) == 0 || haveIDs(page.items, ids) {
				return
			}
			last = page.last
			switch {
			case last > 0 && number >= last:
				next = nil
			case next == nil:
				next = fetch(number + 1)
			}
			ids = appendIDs(ids[:0], page.items)
			if !yield(page.items, nil) {
				return
			}
			page = next
		}
	}
}

// pageFetch is a page on its way.
type pageFetch struct {
	received chan struct{} // closed when all of a successful response has arrived
	decoded  chan struct{} // closed when the fields below are set
	items    []Item
	last     int // the number of the last page
	err      error
}

func (p *pageFetch) fetch(ctx context.Context, c *Client, opts ListItemsOptions, number int) {
	defer close(p.decoded)
	opts.Page = number
	panicked := guard(func() {
		var page *ItemsPage
		if page, p.err = c.listItems(ctx, opts, func() { close(p.received) }); p.err == nil {
			p.items, p.last = page.Items, page.EndPage
		}
	})
	if panicked != nil {
		p.err = panicked
	}
}

// haveIDs reports whether these are the ids of the items, in their order.
func haveIDs(items []Item, ids []string) bool {
	return slices.EqualFunc(items, ids, func(item Item, id string) bool { return item.ItemID == id })
}

func appendIDs(ids []string, items []Item) []string {
	for i := range items {
		ids = append(ids, items[i].ItemID)
	}
	return ids
}
