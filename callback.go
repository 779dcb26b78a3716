package hacarus

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path"
	"time"
)

const (
	// callbackReadTimeout bounds how long the body of a callback may take to
	// arrive.
	callbackReadTimeout = 15 * time.Second
	// callbackRetryAfter is when a callback that does not fit at the moment may be
	// sent again, in seconds.
	callbackRetryAfter = "5"
)

// CallbackReceiver is an [http.Handler] for the callbacks that
// [Client.SetPredictCallback] requests, by POST and by GET. It calls a function
// with the items of each callback. Make one with [NewCallbackReceiver] and
// close it when the program ends. The zero value refuses every callback with
// status 503.
//
// The service does not sign its callbacks, and the documentation mentions no
// second attempt. Therefore:
//
//   - The payload is not trusted. With [WithCallbackClient], the receiver
//     fetches the items from the service, and the function gets those. An item
//     that does not exist, or that has no assessment by the model that the
//     callback names, never reaches the function. Without a client, the function
//     gets items that contain only their ids. With [WithTrustedPayload], it gets
//     the payload as received.
//   - [WithCallbackToken] makes the URL a secret. Use it.
//   - A callback that comes twice is handled once: assessments that were
//     already received in the last 10 minutes are left out.
//   - A callback may never come, so a wait that uses [Callbacks] also polls.
//
// The response to a callback has status 200 once the callback is queued; 503
// with Retry-After if the queue is full or the receiver is closed; 404 if the
// token is wrong; and 405, 408, 413 (more than 8 MiB or 10,000 items) or 400 if
// the callback cannot be read.
//
// The function is called by one goroutine at a time, in the order of arrival.
// If it returns an error or panics, its items wait for another attempt: see
// [WithCallbackRetry]. The service does not learn about this, so set a logger
// with [WithCallbackLogger].
//
// A receiver has no goroutine while there is nothing to do, so a receiver that
// is not closed does not leak one. Its methods may be called concurrently.
type CallbackReceiver struct {
	token *[sha256.Size]byte // its sum; nil for none
	log   callbackLog
	queue *callbackQueue // nil in the zero value, which is closed
}

// NewCallbackReceiver returns a receiver that calls f with the items of
// callbacks. The context of f ends after Close, once the drain time is over. If
// f is nil or an option cannot be used, the error is [ErrInvalidArgument].
func NewCallbackReceiver(f func(context.Context, []Item) error, opts ...CallbackOption) (*CallbackReceiver, error) {
	cfg, err := newCallbackConfig(opts)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, argumentError("NewCallbackReceiver", "nil function")
	}
	return &CallbackReceiver{token: cfg.token, log: cfg.log, queue: newCallbackQueue(f, cfg)}, nil
}

// ServeHTTP receives one callback and responds as soon as it is queued.
func (r *CallbackReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	status, err := r.receive(w, req)
	if status == http.StatusOK {
		w.WriteHeader(status)
		return
	}
	r.logger().warn("callback refused", "status", status, "error", err)
	switch status {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", "GET, POST")
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", callbackRetryAfter)
	}
	http.Error(w, http.StatusText(status), status)
}

// receive queues a callback, and returns the status of its response.
func (r *CallbackReceiver) receive(w http.ResponseWriter, req *http.Request) (status int, err error) {
	if r == nil || r.queue == nil {
		return http.StatusServiceUnavailable, errCallbackClosed
	}
	if !r.authorized(req.URL.Path) {
		return http.StatusNotFound, errors.New("wrong token")
	}
	if req.Method != http.MethodPost && req.Method != http.MethodGet {
		return http.StatusMethodNotAllowed, errors.New("method " + req.Method)
	}
	// The server may have no timeouts of its own. A writer without deadlines keeps
	// the server's.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(callbackReadTimeout))
	payload, err := readCallback(req)
	if err == nil {
		err = r.queue.accept(payload)
	}
	return callbackStatus(err), err
}

// callbackStatus is the status of the response to a callback that failed with err.
func callbackStatus(err error) int {
	switch {
	case err == nil:
		return http.StatusOK
	case errors.Is(err, ErrTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, errCallbackQueueFull), errors.Is(err, errCallbackClosed):
		return http.StatusServiceUnavailable
	case errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusRequestTimeout
	}
	return http.StatusBadRequest
}

// authorized compares hashes, which have the same length, in constant time.
func (r *CallbackReceiver) authorized(urlPath string) bool {
	if r.token == nil {
		return true
	}
	_, last := path.Split(urlPath)
	sum := sha256.Sum256([]byte(last))
	return subtle.ConstantTimeCompare(sum[:], r.token[:]) == 1
}

// Close refuses new callbacks and waits until those in the queue are handled,
// at most for 5 seconds or the time of [WithCallbackDrain]. After that, it ends
// the context of the function and drops what is left; the error then gives the
// number of dropped items and is [context.DeadlineExceeded]. The function is
// not called any more once Close has returned, but a call that is running
// continues if it ignores its context.
//
// Call [http.Server.Shutdown] before Close, so that callbacks that are just
// arriving are still accepted. Further calls of Close return the same error.
func (r *CallbackReceiver) Close() error {
	if r == nil || r.queue == nil {
		return nil
	}
	return r.queue.close()
}

// Format prints only the type's name, whatever the verb, and nothing of the
// content.
func (r *CallbackReceiver) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "hacarus.CallbackReceiver")
}

func (r *CallbackReceiver) logger() callbackLog {
	if r == nil {
		return callbackLog{}
	}
	return r.log
}

// callbackLog logs what happens to callbacks, if there is a logger. If the
// logger panics, only a line is lost.
type callbackLog struct{ to *slog.Logger }

func (l callbackLog) debug(message string, args ...any) { l.log(slog.LevelDebug, message, args) }
func (l callbackLog) warn(message string, args ...any)  { l.log(slog.LevelWarn, message, args) }
func (l callbackLog) error(message string, args ...any) { l.log(slog.LevelError, message, args) }

func (l callbackLog) log(level slog.Level, message string, args []any) {
	if l.to == nil {
		return
	}
	defer func() { _ = recover() }()
	l.to.Log(context.Background(), level, "hacarus: "+message, args...)
}
