package hacarus

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxCallbackBody bounds a callback's data in bytes, packed and unpacked.
	maxCallbackBody = 8 << 20
	// maxCallbackItems bounds the items of one callback.
	maxCallbackItems = 10_000
	// maxCallbackObjects bounds its JSON objects: one of two bytes takes hundreds in memory.
	maxCallbackObjects = 200_000
	// callbackReadTimeout bounds how long a callback's body may take to arrive.
	callbackReadTimeout = 15 * time.Second
	// minCallbackToken is how short a secret may be that is worth the name.
	minCallbackToken = 16
	// callbackRetryAfter is when a callback that was not taken should come again, in seconds.
	callbackRetryAfter = "5"
)

// CallbackOption configures a [CallbackHandler].
type CallbackOption func(*receiver) error

// CallbackHandler receives the callbacks that [Client.SetPredictCallback] asks
// for, by POST and by GET, and calls f with the items of each. The service does
// not sign its callbacks and documents no second try (wire-facts.md 25), so:
//
//   - The payload is not trusted. With [WithCallbackClient] the handler asks the
//     service for the items, and f gets what the service says of them: an item
//     that it does not know, or that has no assessment of the model that the
//     callback names, never reaches f. Without a client f gets items that hold
//     nothing but their ids. [WithTrustedPayload] passes the payload on as it came.
//   - [WithCallbackToken] makes the URL a secret. Use it.
//   - A callback that comes twice is handled once: an item's assessment that was
//     seen in the last 10 minutes is left out.
//   - A callback may still be missed: a wait that uses [Callbacks] goes on
//     polling.
//
// A callback is answered with 200 once it is queued. It is answered with 503 and
// Retry-After where the queue is full or the handler is closed, with 404 where
// the token is not right, with 405, 408, 413 (more than 8 MiB or 10,000 items)
// or 400 where it cannot be read.
//
// f is called by one goroutine at a time, in the order of arrival. When it
// returns an error or panics, its items wait for another try; see
// [WithCallbackRetry]. The service hears nothing of it, so give the handler a
// log with [WithCallbackLogger]. The context of f ends when the handler has
// been closed and its time is over.
//
// The handler is an [io.Closer], too. Close refuses new callbacks and waits
// until those that were taken are handled, for 5 seconds at most; its error
// says how many items were not:
//
//	handler := hacarus.CallbackHandler(f, hacarus.WithCallbackToken(token))
//	defer handler.(io.Closer).Close()
//
// Call [http.Server.Shutdown] before it, so that what is just arriving is still
// taken.
//
// It needs no goroutine while there is nothing to do, so one that is not closed
// leaks nothing.
//
// CallbackHandler panics when f is nil or an option cannot be used, with an
// error that is [ErrInvalidArgument].
func CallbackHandler(f func(context.Context, []Item) error, opts ...CallbackOption) http.Handler {
	r := newReceiver(f)
	for _, opt := range opts {
		if opt == nil {
			panic(argumentError("CallbackHandler", "nil option"))
		}
		if err := opt(r); err != nil {
			panic(err)
		}
	}
	switch {
	case f == nil:
		panic(argumentError("CallbackHandler", "nil function"))
	case r.trusted && r.client != nil:
		panic(argumentError("CallbackHandler", "both WithCallbackClient and WithTrustedPayload given"))
	}
	return r
}

// WithCallbackToken answers requests whose path does not end in "/" and the
// token with 404. The token, of at least 16 letters, digits, "-", "." or "_",
// should be random, such as that of [crypto/rand.Text], and be part of the URL
// that [Client.SetPredictCallback] gets. It is never logged or printed.
func WithCallbackToken(token string) CallbackOption {
	return func(r *receiver) error {
		if len(token) < minCallbackToken || strings.Trim(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") != "" {
			return argumentError("WithCallbackToken", "a token is at least %d letters, digits, '-', '.' or '_'", minCallbackToken)
		}
		sum := sha256.Sum256([]byte(token))
		r.token = &sum
		return nil
	}
}

// WithCallbackClient fetches the items of a callback again, eight at a time, so
// that f gets what the service says of them. An item whose assessment is not
// there yet, or that cannot be fetched, is tried again like one that f failed on.
func WithCallbackClient(c *Client) CallbackOption {
	return func(r *receiver) error {
		if c == nil {
			return argumentError("WithCallbackClient", "nil client")
		}
		r.client = c
		return nil
	}
}

// WithTrustedPayload passes on what a callback says of its items. Anyone who
// can reach the URL, and knows its token, can then make up verdicts.
func WithTrustedPayload() CallbackOption {
	return func(r *receiver) error {
		r.trusted = true
		return nil
	}
}

// WithCallbackLogger logs what is refused and what fails, at warn level, what
// is given up, at error level, and what is taken, at debug level. Items are
// named by their ids; URLs and payloads are never logged. Without this option
// nothing is logged.
func WithCallbackLogger(l *slog.Logger) CallbackOption {
	return func(r *receiver) error {
		if l == nil {
			return argumentError("WithCallbackLogger", "nil logger")
		}
		r.logger = l
		return nil
	}
}

// WithCallbackQueue bounds the items that wait for f, those that f is called
// with included. A callback that does not fit is answered with 503, and one
// that never could with 413. Default 20,000.
func WithCallbackQueue(items int) CallbackOption {
	return func(r *receiver) error {
		if items < 1 {
			return argumentError("WithCallbackQueue", "a queue of %d items", items)
		}
		r.capacity = items
		return nil
	}
}

// WithCallbackRetry sets how often, and with which waits, items are tried again
// for which f failed or that could not be fetched. Zero fields take the
// defaults: 10 attempts, with waits of up to 1 s that double up to 1 min, which
// makes about two minutes in all. MaxRetryAfter has no meaning here.
func WithCallbackRetry(p RetryPolicy) CallbackOption {
	return func(r *receiver) error {
		r.policy = p.or(callbackPolicy)
		return p.validate("WithCallbackRetry")
	}
}

// WithCallbackDrain sets how long Close waits for what is queued. Default 5 s.
func WithCallbackDrain(d time.Duration) CallbackOption {
	return func(r *receiver) error {
		if d < 0 {
			return argumentError("WithCallbackDrain", "negative time %v", d)
		}
		r.drain = d
		return nil
	}
}

// ServeHTTP receives one callback.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if !r.authorized(req.URL.Path) {
		r.logger.Warn("hacarus: callback refused", "status", http.StatusNotFound)
		http.NotFound(w, req)
		return
	}
	status, err := r.receive(w, req)
	if status == http.StatusOK {
		w.WriteHeader(status)
		return
	}
	r.logger.Warn("hacarus: callback refused", "status", status, "error", err)
	switch status {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", "GET, POST")
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", callbackRetryAfter)
	}
	http.Error(w, http.StatusText(status), status)
}

// authorized compares sums, which have one length, in constant time.
func (r *receiver) authorized(urlPath string) bool {
	if r.token == nil {
		return true
	}
	_, last := path.Split(urlPath)
	sum := sha256.Sum256([]byte(last))
	return subtle.ConstantTimeCompare(sum[:], r.token[:]) == 1
}

// receive queues a callback, and says how it is answered.
func (r *receiver) receive(w http.ResponseWriter, req *http.Request) (status int, err error) {
	if req.Method != http.MethodPost && req.Method != http.MethodGet {
		return http.StatusMethodNotAllowed, errors.New("method " + req.Method)
	}
	// The server may have no timeouts of its own; a writer without deadlines has them.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(callbackReadTimeout))
	items, size, err := parseCallback(req)
	if err == nil {
		err = r.accept(items, size)
	}
	switch {
	case err == nil:
		return http.StatusOK, nil
	case errors.Is(err, ErrTooLarge):
		return http.StatusRequestEntityTooLarge, err
	case errors.Is(err, errQueueFull), errors.Is(err, errReceiverClosed):
		return http.StatusServiceUnavailable, err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusRequestTimeout, err
	}
	return http.StatusBadRequest, err
}

// ParseCallback returns the items of a callback, for handlers of your own. They
// are what the sender says, which may be anyone: see [CallbackHandler].
//
// The items stand in a JSON body, bare or in data, since the documentation has
// both forms. The body may be packed with gzip. A GET may have them in its query
// instead, as data or as items: the place is not documented (wire-facts.md 25).
//
// The error is [ErrTooLarge] above 8 MiB or 10,000 items, [ErrDecode] where there
// are no readable items, or that of reading the body. An empty list is no error.
func ParseCallback(r *http.Request) ([]Item, error) {
	items, _, err := parseCallback(r)
	return items, err
}

// parseCallback is ParseCallback with the size of the data.
func parseCallback(r *http.Request) (items []Item, size int, err error) {
	if r == nil || r.URL == nil {
		return nil, 0, argumentError("ParseCallback", "nil request or URL")
	}
	raw, form, err := callbackData(r)
	if err == nil {
		items, err = decodeCallback(raw, form)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("hacarus: callback: %w", err)
	}
	return items, len(raw), nil
}

// callbackForm reads items from where a callback has them.
type callbackForm func(items decoder[[]Item]) decoder[[]Item]

// callbackData finds a callback's data, and the form it is in.
func callbackData(r *http.Request) ([]byte, callbackForm, error) {
	if r.Method == http.MethodGet && r.URL.RawQuery != "" {
		if len(r.URL.RawQuery) > maxCallbackBody {
			return nil, nil, tooLargeError()
		}
		query, err := url.ParseQuery(r.URL.RawQuery)
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("%w: its query", ErrDecode)
		case query.Has("data"):
			return []byte(query.Get("data")), wrappedItems, nil
		case query.Has("items"):
			return []byte(query.Get("items")), bareItems, nil
		}
	}
	raw, err := callbackBody(r)
	return raw, wrappedItems, err
}

func tooLargeError() error {
	return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, maxCallbackBody)
}

// callbackBody reads a body, and unpacks it, within the limit.
func callbackBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body := io.Reader(http.MaxBytesReader(nil, r.Body, maxCallbackBody))
	switch encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return nil, bodyError(err)
		}
		body = unpacked
	default:
		return nil, fmt.Errorf("%w: content encoding %q", ErrDecode, encoding)
	}
	var buffer bytes.Buffer
	n, err := buffer.ReadFrom(io.LimitReader(body, maxCallbackBody+1))
	if n > maxCallbackBody {
		return nil, tooLargeError()
	}
	return buffer.Bytes(), bodyError(err)
}

func bodyError(err error) error {
	var limit *http.MaxBytesError
	switch {
	case errors.As(err, &limit):
		return tooLargeError()
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		return fmt.Errorf("%w: %w", ErrDecode, err)
	}
	return err
}

// bareItems is the list itself.
func bareItems(items decoder[[]Item]) decoder[[]Item] { return items }

// wrappedItems is a list that stands in an object, or in an object in its data.
func wrappedItems(items decoder[[]Item]) decoder[[]Item] {
	return func(d *decoding, v *[]Item) error {
		found := false
		field := func(key []byte) error {
			if string(key) != "items" {
				return d.Skip()
			}
			found = true
			return items(d, v)
		}
		err := d.NullableObject(func(key []byte) error {
			if string(key) == "data" {
				return d.NullableObject(field)
			}
			return field(key)
		})
		return required("items", found, err)
	}
}

// decodeCallback reads a list of items of bounded length.
func decodeCallback(raw []byte, form callbackForm) ([]Item, error) {
	if bytes.Count(raw, []byte("{")) > maxCallbackObjects {
		return nil, fmt.Errorf("%w: more than %d objects", ErrTooLarge, maxCallbackObjects)
	}
	var items []Item
	count := 0
	decode := form(listOf(func(d *decoding, v *Item) error {
		if count++; count > maxCallbackItems {
			return errors.New("too many items")
		}
		if err := decodeItem(d, v); err != nil {
			return err
		}
		return checkID("item_id", v.ItemID) // it may become part of a path, here or at the user's
	}))
	err := decodeBody(raw, func(d *decoding) error { return decode(d, &items) })
	if count > maxCallbackItems {
		err = fmt.Errorf("%w: more than %d items", ErrTooLarge, maxCallbackItems)
	}
	if err != nil {
		return nil, err
	}
	return items, nil
}

// Callbacks wakes waits when callbacks arrive: give its Received to
// [CallbackHandler], and the Callbacks to the waits. A wait that is woken asks
// the service at once instead of at its next poll. It goes on polling, so a
// callback that never comes costs time and nothing else, and one that is
// forged or comes twice costs one question to the service.
//
// Make one with [NewCallbacks]. It is safe for concurrent use by any number of
// waits, and holds no goroutine.
type Callbacks struct {
	mu      sync.Mutex
	waiters map[string][]chan<- string // by item
}

// NewCallbacks returns a Callbacks that nobody waits on yet.
func NewCallbacks() *Callbacks {
	return &Callbacks{waiters: map[string][]chan<- string{}}
}

// Received wakes the waits on the items. It looks at their ids only, never
// blocks, and always returns nil: it is made for [CallbackHandler].
func (c *Callbacks) Received(_ context.Context, items []Item) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range items {
		id := items[i].ItemID
		for _, woken := range c.waiters[id] {
			select {
			case woken <- id:
			default: // it has enough to do, and will poll this item later
			}
		}
	}
	return nil
}

// subscribe returns a channel of the items among the given ones that a
// callback has come for since. It is never closed; cancel ends the
// subscription, and may be called again.
func (c *Callbacks) subscribe(itemIDs []string) (woken <-chan string, cancel func()) {
	ids := make(chan string, min(len(itemIDs), maxCallbackItems))
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range itemIDs {
		c.waiters[id] = append(c.waiters[id], ids)
	}
	return ids, sync.OnceFunc(func() { c.unsubscribe(itemIDs, ids) })
}

func (c *Callbacks) unsubscribe(itemIDs []string, ids chan<- string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range itemIDs {
		others := slices.DeleteFunc(c.waiters[id], func(other chan<- string) bool { return other == ids })
		if len(others) == 0 {
			delete(c.waiters, id)
		} else {
			c.waiters[id] = others
		}
	}
}
