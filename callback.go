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
	// callbackReadTimeout bounds how long a callback's body may take to arrive.
	callbackReadTimeout = 15 * time.Second
	// callbackRetryAfter says when a callback that was refused for now may come again, in seconds.
	callbackRetryAfter = "5"
)

// CallbackReceiver is an [http.Handler] for the callbacks that
// [Client.SetPredictCallback] asks for, by POST and by GET. It calls a function
// with the items of each callback. Make one with [NewCallbackReceiver], and close
// it when the program ends. The zero value refuses every callback with 503.
//
// The service does not sign its callbacks and documents no second try, so:
//
//   - The payload is not trusted. With [WithCallbackClient], the receiver asks the
//     service for the items, and the function gets what the service says of them:
//     an item that the service does not have, or that has no assessment of the
//     model that the callback names, never reaches the function. Without a client,
//     the function gets items that have nothing but their ids.
//     [WithTrustedPayload] passes the payload on as it came.
//   - [WithCallbackToken] makes the URL a secret. Use it.
//   - A callback that comes twice is handled once: assessments of an item that
//     were seen in the last 10 minutes are left out.
//   - A callback may never come. A wait that uses [Callbacks] polls all the same.
//
// A callback is answered with 200 once it is queued; with 503 and Retry-After if
// the queue is full or the receiver is closed; with 404 if the token is wrong;
// with 405, 408, 413 (more than 8 MiB or 10,000 items) or 400 if it cannot be
// read.
//
// The function is called by one goroutine at a time, in the order of arrival. If
// it returns an error or panics, its items wait for another attempt: see
// [WithCallbackRetry]. The service does not learn of it, so give the receiver a
// logger with [WithCallbackLogger].
//
// A receiver has no goroutine while there is nothing to do, so that one that is
// not closed leaks nothing. Its methods may be called concurrently.
type CallbackReceiver struct {
	token *[sha256.Size]byte // its sum; nil for none
	log   callbackLog
	queue *callbackQueue // nil in the zero value, which is closed
}

// NewCallbackReceiver returns a receiver that calls f with the items of callbacks.
// The context of f ends when the receiver was closed and the time for what is
// queued is over. The error is [ErrInvalidArgument] if f is nil or an option
// cannot be used.
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

// ServeHTTP receives one callback, and answers it as soon as it is queued.
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
	// The server may have no timeouts of its own; a writer without deadlines has them.
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

// authorized compares sums, which have one length, in constant time.
func (r *CallbackReceiver) authorized(urlPath string) bool {
	if r.token == nil {
		return true
	}
	_, last := path.Split(urlPath)
	sum := sha256.Sum256([]byte(last))
	return subtle.ConstantTimeCompare(sum[:], r.token[:]) == 1
}

// Close refuses new callbacks and waits until those that were taken are handled,
// for 5 seconds or the time of [WithCallbackDrain]. Then it ends the context of
// the function, and drops what is left; its error says how many items those are,
// and is [context.DeadlineExceeded]. Once Close has returned, the function is not
// called any more; a call that has begun goes on if it does not mind its context.
//
// Call [http.Server.Shutdown] before Close, so that what is just arriving is still
// taken. Further calls of Close return the same error.
func (r *CallbackReceiver) Close() error {
	if r == nil || r.queue == nil {
		return nil
	}
	return r.queue.close()
}

// Format prints a name for every verb, and nothing of the inside.
func (r *CallbackReceiver) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "hacarus.CallbackReceiver")
}

func (r *CallbackReceiver) logger() callbackLog {
	if r == nil {
		return callbackLog{}
	}
	return r.log
}

// callbackLog logs what happens to callbacks, if there is a logger. A logger that
// panics loses a line, and ends nothing.
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
