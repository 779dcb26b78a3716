package hacarus

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
)

var (
	opListItems    = operation{"getItemsByType", http.MethodGet, "/api/v1/items/", read}
	opAddItems     = operation{"addItem", http.MethodPost, "/api/v1/items/", nonIdempotent}
	opDeleteItems  = operation{"delItem", http.MethodDelete, "/api/v1/items/", remove}
	opGetItem      = operation{"getItemById", http.MethodGet, "/api/v1/items/{item_id}", read}
	opAnnotateItem = operation{"annotate", http.MethodPatch, "/api/v1/items/{item_id}", nonIdempotent}
)

// ListItemsOptions selects items. Type is required.
type ListItemsOptions struct {
	// Type is [ItemTypePrediction] or [ItemTypeTraining].
	Type ItemType `url:"item_type"`
	// Count is the number of items per page; zero leaves it to the service. The
	// documentation gives no limit.
	Count int `url:"count,omitempty"`
	// Page is the page's number, from 1 (wire-facts.md 26); zero leaves it to
	// the service.
	Page int `url:"page,omitempty"`
	// ModelID limits the items, or their assessments, to one model's: the
	// documentation does not say which. "" is no limit.
	ModelID string `url:"model_id,omitempty"`
}

func (o ListItemsOptions) check() error {
	switch {
	case o.Type == "":
		return argumentError(opListItems.id, "no item type")
	case o.Count < 0 || o.Page < 0:
		return argumentError(opListItems.id, "negative count %d or page %d", o.Count, o.Page)
	}
	if err := checkText("item_type", string(o.Type)); err != nil {
		return argumentError(opListItems.id, "%w", err)
	}
	return checkFilter(opListItems, "model_id", o.ModelID)
}

// ListItems returns one page of items. Use [Client.AllItems] for all of them.
//
// No type, or a negative count or page, is [ErrInvalidArgument]; a query that
// the service does not take is [ErrUnprocessable]. "Cannot find context" was
// seen as [ErrNotFound] (wire-facts.md 4).
//
// Operation getItemsByType: GET /api/v1/items/.
func (c *Client) ListItems(ctx context.Context, opts ListItemsOptions) (*ItemsPage, error) {
	return c.listItems(ctx, opts, decodeItemsPage(opts.Type))
}

func (c *Client) listItems(ctx context.Context, opts ListItemsOptions, decode decoder[ItemsPage]) (*ItemsPage, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	return doData(ctx, c, request{op: opListItems, query: opts}, decode)
}

// AllItems returns all items from opts.Page on, or from the first page. Pages
// are fetched while the range runs: the next one is on its way while this one
// is decoded and its items are handed out, and no more than these two are in
// memory. Ranging again starts again. An error is the last thing the range
// yields; it is one of [Client.ListItems].
//
// The documentation does not say what follows the last page, so the range ends
// at the announced last page, at an empty page, and at a page that repeats the
// one before.
//
// Operation getItemsByType: GET /api/v1/items/, once for each page.
func (c *Client) AllItems(ctx context.Context, opts ListItemsOptions) iter.Seq2[*Item, error] {
	return func(yield func(*Item, error) bool) {
		if ctx == nil {
			yield(nil, argumentError(opListItems.id, "nil context"))
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		pages := pages{client: c, ctx: ctx, opts: opts}
		pages.opts.Page = cmp.Or(opts.Page, 1)
		defer pages.stop(cancel)
		for {
			items, err := pages.next()
			if err != nil {
				yield(nil, err)
				return
			}
			if len(items) == 0 {
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

// pages fetches one page after the other, each while the one before is in use.
type pages struct {
	client *Client
	ctx    context.Context //nolint:containedctx // the range's
	opts   ListItemsOptions
	coming *pageFetch // of opts.Page; nil: not asked for yet
	end    int        // the last page's number as announced; zero: unknown
	ids    []string   // of the page before
	over   bool
}

// pageFetch is a page that is being fetched.
type pageFetch struct {
	arrived chan struct{} // closes when its answer is there and is decoded
	done    chan struct{} // closes when page and err are set
	page    *ItemsPage
	err     error
}

// next returns the items of the next page, and none after the last one.
func (p *pages) next() ([]Item, error) {
	if p.over {
		return nil, nil
	}
	this := p.coming
	if this == nil {
		this = p.fetch()
	}
	p.opts.Page++
	p.coming = nil
	select {
	case <-this.arrived:
		if p.opts.Page <= p.end {
			p.coming = p.fetch()
		}
	case <-this.done:
	}
	<-this.done
	if this.err != nil {
		return nil, this.err
	}
	items := this.page.Items
	if p.repeats(items) {
		return nil, nil
	}
	p.end = this.page.EndPage
	p.over = p.end > 0 && p.opts.Page > p.end || len(items) == 0
	if !p.over && p.coming == nil {
		p.coming = p.fetch()
	}
	return items, nil
}

// repeats says whether the items are those of the page before.
func (p *pages) repeats(items []Item) bool {
	same := len(p.ids) > 0 && slices.EqualFunc(p.ids, items, func(id string, i Item) bool { return id == i.ItemID })
	p.ids = p.ids[:0]
	for i := range items {
		p.ids = append(p.ids, items[i].ItemID)
	}
	return same
}

func (p *pages) fetch() *pageFetch {
	f := &pageFetch{arrived: make(chan struct{}), done: make(chan struct{})}
	arrive := sync.OnceFunc(func() { close(f.arrived) }) // an answer may hold data twice
	opts := p.opts
	go func() {
		defer close(f.done)
		f.page, f.err = p.client.listItems(p.ctx, opts, func(d *decoding, v *ItemsPage) error {
			arrive()
			return decodeItemsPage(opts.Type)(d, v)
		})
	}()
	return f
}

// stop leaves no fetch behind.
func (p *pages) stop(cancel func()) {
	cancel()
	if p.coming != nil {
		<-p.coming.done
	}
}

// AddItemsRequest is what [Client.AddItems] uploads.
type AddItemsRequest struct {
	// Files are the images: PNG, JPEG or TIFF (wire-facts.md 29). Their names
	// must differ; names that differ in the extension only are likely to
	// collide in the service.
	Files []File
	// Training makes them training items; false makes them items to inspect.
	Training bool
	// Good labels training items as good or defective; nil leaves them without a
	// label. The documentation does not say what it means for others.
	Good *bool
	// ModelID is documented without a word on its effect; "" leaves it out.
	ModelID string
	// Progress, if not nil, is told during the upload how many bytes of the
	// files' contents were sent so far, and how many there are in all. Each
	// attempt begins at 0 again; the total stays. The upload waits for it, so it
	// must be quick. It is not called after AddItems has returned.
	Progress func(sent, total int64)
}

// AddItems uploads images and returns the ids of the items made from them. It
// streams: memory does not grow with the files, and one is open at a time. A
// file that cannot be read, or that changes during the call, fails the call
// before the service has all of it.
//
// Every execution makes items, so it is not repeated when its outcome is
// unknown: on [ErrOutcomeUnknown] the error's ItemIDs are the ids to look for
// with [Client.GetItem].
//
// No files, equal names and names that cannot be sent are [ErrInvalidArgument].
// Names that the service refuses are [ErrBadRequest] (wire-facts.md 29); what
// else it cannot process is [ErrUnprocessable]. A missing licence was seen as
// [ErrLicense] (wire-facts.md 7), and a proxy may answer a large upload with
// [ErrTooLarge].
//
// Operation addItem: POST /api/v1/items/.
func (c *Client) AddItems(ctx context.Context, req AddItemsRequest) ([]string, error) {
	if len(req.Files) == 0 {
		return nil, argumentError(opAddItems.id, "no files")
	}
	if err := checkFilter(opAddItems, "model_id", req.ModelID); err != nil {
		return nil, err
	}
	fields := []field{{"training", strconv.FormatBool(req.Training)}}
	if req.Good != nil {
		fields = append(fields, field{"good", strconv.FormatBool(*req.Good)})
	}
	if req.ModelID != "" {
		fields = append(fields, field{"model_id", req.ModelID})
	}
	body, err := multipartBody(opAddItems, fields, "files", req.Files, req.Progress)
	if err != nil {
		return nil, err
	}
	ids, err := doValue(ctx, c, request{op: opAddItems, body: body}, decodeAddedIDs)
	return ids, withItemIDs(err, req.Files)
}

func decodeAddedIDs(d *decoding, ids *[]string) error {
	if err := decodeField("item_ids", identifiers)(d, ids); err != nil {
		return err
	}
	if len(*ids) == 0 {
		return errors.New("no item_ids")
	}
	return nil
}

// withItemIDs adds the ids to look for to an error after which there may be items.
func withItemIDs(err error, files []File) error {
	expected := func() []string {
		ids := make([]string, len(files))
		for i, f := range files {
			ids[i] = strings.TrimSuffix(f.Name, path.Ext(f.Name))
		}
		return ids
	}
	switch e := err.(type) { //nolint:errorlint // the error as this call made it
	case *BaseError:
		if e.Outcome == OutcomeUnknown {
			e.ItemIDs = expected()
		}
	case *RequestError:
		if e.Outcome == OutcomeUnknown || e.Outcome == OutcomeExecuted {
			e.ItemIDs = expected()
		}
	}
	return err
}

// DeleteItems deletes items. At least one id is required ([ErrInvalidArgument]).
// A request that the service cannot process is [ErrUnprocessable]; what becomes
// of ids that do not exist is not documented.
//
// It is retried, and an item may be found deleted by an attempt whose answer
// was lost: then the error is [ErrNotFound] and [ErrOutcomeUnknown].
//
// Operation delItem: DELETE /api/v1/items/, with a JSON body. The
// documentation names no status of success; any 2xx is one.
func (c *Client) DeleteItems(ctx context.Context, ids ...string) error {
	if err := needIDs(opDeleteItems, "item_ids", ids); err != nil {
		return err
	}
	body, err := jsonBody(opDeleteItems, itemIDs{ids})
	if err != nil {
		return err
	}
	return c.do(ctx, request{op: opDeleteItems, body: body}, decodeEmpty)
}

// GetItemOptions selects what [Client.GetItem] returns of an item.
type GetItemOptions struct {
	// ShowAssessments asks for the assessments, or not; nil leaves it to the
	// service.
	ShowAssessments *bool `url:"show_assessments,omitempty"`
	// ShowAnnotations asks for the boxes, or not; nil leaves it to the service.
	ShowAnnotations *bool `url:"show_annotations,omitempty"`
	// ModelID limits the assessments to one model's; "" is no limit.
	ModelID string `url:"model_id,omitempty"`
}

// GetItem returns one item; nil opts leave what of it to the service. Without
// such an item the error is [ErrNotFound]; someone else's item is
// [ErrUnauthorized] (wire-facts.md 6); a request that the service cannot process
// is [ErrUnprocessable].
//
// Operation getItemById: GET /api/v1/items/{item_id}.
func (c *Client) GetItem(ctx context.Context, itemID string, opts *GetItemOptions) (*Item, error) {
	if opts != nil {
		if err := checkFilter(opGetItem, "model_id", opts.ModelID); err != nil {
			return nil, err
		}
	}
	r := request{op: opGetItem, params: []string{itemID}, query: opts}
	return doData(ctx, c, r, expect(itemID, decodeItem, func(i *Item) string { return i.ItemID }))
}

// AnnotateItem attaches boxes to an item. The documentation does not say
// whether they replace earlier ones or are added, so it is not repeated when
// its outcome is unknown ([ErrOutcomeUnknown]).
//
// No annotations, an empty one, and one whose minimum is above its maximum are
// [ErrInvalidArgument]. What the service cannot process is [ErrUnprocessable];
// a missing image was seen as [ErrNotFound].
//
// Operation annotate: PATCH /api/v1/items/{item_id}.
func (c *Client) AnnotateItem(ctx context.Context, itemID string, annotations ...RequestAnnotation) error {
	if len(annotations) == 0 {
		return argumentError(opAnnotateItem.id, "no annotations")
	}
	for i, a := range annotations {
		if err := a.check(); err != nil {
			return argumentError(opAnnotateItem.id, "annotations[%d]: %w", i, err)
		}
	}
	body, err := jsonBody(opAnnotateItem, struct {
		Annotations []RequestAnnotation `json:"annotations"`
	}{annotations})
	if err != nil {
		return err
	}
	return c.do(ctx, request{op: opAnnotateItem, params: []string{itemID}, body: body}, decodeEmpty)
}

func (a RequestAnnotation) check() error {
	switch {
	case a == RequestAnnotation{}:
		return errors.New("empty annotation")
	case a.XMin != nil && a.XMax != nil && *a.XMin > *a.XMax, a.YMin != nil && a.YMax != nil && *a.YMin > *a.YMax:
		return errors.New("a box whose minimum is above its maximum")
	}
	return checkText("notes", a.Notes)
}
