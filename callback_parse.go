package hacarus

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

const (
	// maxCallbackBody bounds a callback's data in bytes, packed and unpacked.
	maxCallbackBody = 8 << 20
	// maxCallbackItems bounds the items of one callback.
	maxCallbackItems = 10_000
	// maxCallbackObjects bounds its JSON objects: one of two bytes takes hundreds in memory.
	maxCallbackObjects = 200_000
)

// ParseCallback returns the items of a callback, for handlers of your own. The
// items are what the sender claims, and anyone may be the sender: see
// [CallbackReceiver].
//
// The items are in a JSON body, with or without an object "data" around them,
// because the documentation shows both. The body may be compressed with gzip.
// The documentation does not say where a GET request carries the items; if its
// query has a parameter "data" or "items", they are read from there.
//
// The error is [ErrTooLarge] for more than 8 MiB or 10,000 items, [ErrDecode]
// if there are no readable items, or the error of reading the body. An empty
// list is not an error.
func ParseCallback(r *http.Request) ([]Item, error) {
	payload, err := readCallback(r)
	if err != nil {
		return nil, err
	}
	return payload.items, nil
}

// callbackPayload is the data of a callback.
type callbackPayload struct {
	raw   []byte
	form  callbackForm
	items []Item
}

func readCallback(r *http.Request) (*callbackPayload, error) {
	if r == nil || r.URL == nil {
		return nil, argumentError("ParseCallback", "nil request or URL")
	}
	var p callbackPayload
	var err error
	if p.raw, p.form, err = callbackData(r); err == nil {
		p.items, err = p.decode()
	}
	if err != nil {
		return nil, fmt.Errorf("hacarus: callback: %w", err)
	}
	return &p, nil
}

func (p *callbackPayload) decode() ([]Item, error) { return decodeCallback(p.raw, p.form) }

// callbackForm reads items from where a callback has them.
type callbackForm func(items decoder[[]Item]) decoder[[]Item]

// callbackData finds a callback's data, and the form it is in.
func callbackData(r *http.Request) ([]byte, callbackForm, error) {
	if r.Method == http.MethodGet && r.URL.RawQuery != "" {
		if len(r.URL.RawQuery) > maxCallbackBody {
			return nil, nil, callbackTooLargeError()
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

func callbackTooLargeError() error {
	return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, maxCallbackBody)
}

// callbackBody reads a body within the limit and decompresses it.
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
			return nil, callbackBodyError(err)
		}
		body = unpacked
	default:
		return nil, fmt.Errorf("%w: content encoding %q", ErrDecode, encoding)
	}
	var buffer bytes.Buffer
	n, err := buffer.ReadFrom(io.LimitReader(body, maxCallbackBody+1))
	if n > maxCallbackBody {
		return nil, callbackTooLargeError()
	}
	return buffer.Bytes(), callbackBodyError(err)
}

func callbackBodyError(err error) error {
	var limit *http.MaxBytesError
	switch {
	case errors.As(err, &limit):
		return callbackTooLargeError()
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
