package hacarus

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"
)

// AllItems returns all items from opts.Page on, or from the first page. Pages
// are fetched while the range runs: the next one is on its way while this one
// is decoded and its items are handed out, and no more than these two are in
// memory. Ranging again starts again. An error is the last thing the range
// yields; it is one of [Client.ListItems].
//
// An item that is kept keeps all items of its page in memory, because they are
// stored side by side. Copy what is needed of an item, such as its ItemID, if it
// is to outlive the range by long.
//
// Pages are numbered, not remembered: an item that is deleted while the range
// runs, by whomever, moves each item after it one place ahead, and one of them to
// a page that was read before, where the range does not see it. One that is added
// may let another come twice. So do not delete within the range: collect the ids
// first, and then delete, as the example of [Client.DeleteItems] does.
//
// The documentation does not say what follows the last page, so the range ends
// at the announced last page, at an empty page, and at a page that repeats the
// one before.
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

// itemPages yields the items of one page after the other. The next page is
// fetched while this one is in use, and while it is decoded if it was announced.
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
	received chan struct{} // closes when all of the response is there, if it is a success
	decoded  chan struct{} // closes when the fields below are set
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

// haveIDs tells whether these are the ids of the items, in their order.
func haveIDs(items []Item, ids []string) bool {
	return slices.EqualFunc(items, ids, func(item Item, id string) bool { return item.ItemID == id })
}

func appendIDs(ids []string, items []Item) []string {
	for i := range items {
		ids = append(ids, items[i].ItemID)
	}
	return ids
}
