package hacarus

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// Kinds of *[BaseError], to be found with [errors.Is]. They depend on the HTTP
// status of the response, not on the status in its body, which is known to
// differ at times.
var (
	ErrBadRequest    = errors.New("bad request")           // 400
	ErrUnauthorized  = errors.New("unauthorized")          // 401
	ErrForbidden     = errors.New("forbidden")             // 403
	ErrLicense       = errors.New("license not valid")     // 403 with the known English title; in other languages it is only ErrForbidden
	ErrNotFound      = errors.New("not found")             // 404
	ErrTooLarge      = errors.New("request too large")     // 413
	ErrUnprocessable = errors.New("unprocessable request") // 422
	ErrBusy          = errors.New("service busy")          // 425
	ErrRateLimited   = errors.New("too many requests")     // 429
	ErrServer        = errors.New("server error")          // 5xx
)

// Other errors, to be found with [errors.Is].
var (
	// ErrInvalidArgument says that the call was refused before anything was sent.
	ErrInvalidArgument = errors.New("invalid argument")
	// ErrRedirect says that the service responded with a redirect. Redirects are
	// never followed.
	ErrRedirect = errors.New("redirect refused")
	// ErrDecode says that a response with a status of 2xx does not have the
	// documented form, for example because it is a web page of a proxy.
	ErrDecode = errors.New("unreadable response")
	// ErrResponseTooLarge says that a response exceeded the size limit: 64 MiB of
	// decoded JSON.
	ErrResponseTooLarge = errors.New("response too large")
	// ErrOutcomeUnknown says that the service may or may not have executed the
	// call. Find out before you repeat it.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrTrainingFailed says that the training of a model failed. It is a kind of
	// [*TrainingError].
	ErrTrainingFailed = errors.New("training failed")
)

// nilError is printed for a nil pointer to an error, as fmt does.
const nilError = "<nil>"

// Outcome says what is known about the effect of a failed call on the service.
type Outcome string

// The outcomes. A call that only reads never has OutcomeUnknown: it makes no
// difference whether the service received it, so it counts as not executed.
const (
	OutcomeNotSent     Outcome = "not sent"     // no request left the process
	OutcomeNotExecuted Outcome = "not executed" // the service refused the request, or never received all of it
	OutcomeUnknown     Outcome = "unknown"      // the service may have acted
	OutcomeExecuted    Outcome = "executed"     // the service responded with success, but its response could not be used
)

// BaseError is an error that the service responded with: a status other than
// 2xx and 3xx. errors.Is finds its kind, such as [ErrNotFound].
type BaseError struct {
	// Errors is the service's own description. It is empty if the response has
	// none.
	Errors ErrorDetails
	// StatusCode is the HTTP status.
	StatusCode int
	// Operation is the operationId, such as "train". If the login that another
	// operation needed failed, it is "login".
	Operation string
	// RequestID is the response's X-Request-Id, or "" if it has none.
	RequestID string
	// RetryAfter is the wait that the service asked for with Retry-After. It is
	// zero if there is none, if the time has passed, or if it cannot be read. A
	// negative number of seconds becomes -1 s, and more than ten years become ten
	// years.
	RetryAfter time.Duration
	// Attempts is the number of requests that were made.
	Attempts int
	// Outcome says whether the service may have acted.
	Outcome Outcome
	// Hint is what the SDK itself can see of a possible cause, such as a file that
	// is not PNG, JPEG or TIFF, or a name where an id is expected. It is "" if
	// there is nothing. The service did not say so and may have had another reason.
	Hint string
	// Body holds the first 4 KiB of the response, with known secrets masked.
	Body []byte
	// ItemIDs are the ids of the items that a failed [Client.AddItems] may have
	// created, in the order of its files. They assume that the service derives ids
	// from file names, as its fixtures and an earlier SDK show. They are set only
	// if there may be such items: if the outcome is unknown, or executed with a
	// response that could not be read.
	ItemIDs []string
}

// ErrorDetails is the service's description of an error. All fields are
// optional.
type ErrorDetails struct {
	// Message lists problems by field of the request.
	Message []KeyValueError
	// Status is the status in the body. It may differ from the HTTP status.
	Status int
	// Detail explains the error. If the service sends a list of strings, they are
	// joined with "\n".
	Detail string
	// Source says at which endpoint the error occurred.
	Source ErrorSource
	// Title is the name of the error, in the language of [WithLanguage].
	Title string
}

// KeyValueError lists the problems of one field of a request.
type KeyValueError struct {
	// Key is the name of the field in the service's words. It may be "".
	Key string
	// Errors describe the problems, in the language of [WithLanguage].
	Errors []string
}

// ErrorSource says where an error occurred.
type ErrorSource struct {
	// Pointer names the endpoint: a path, a path with a query, or a URL.
	Pointer string
}

// decodeErrorDetails reads as much as it can of an error's body, which may be
// anything. Its strings pass through mask.
func decodeErrorDetails(raw []byte, mask func(string) string) ErrorDetails {
	var v ErrorDetails
	_ = decodeDocument(raw, func(d *decoding, key []byte) error {
		if string(key) != "errors" {
			return d.Skip()
		}
		return lenient(d, &v, decodeError)
	})
	v.Title, v.Detail, v.Source.Pointer = mask(v.Title), mask(v.Detail), mask(v.Source.Pointer)
	for i, m := range v.Message {
		v.Message[i].Key = mask(m.Key)
		for k := range m.Errors {
			m.Errors[k] = mask(m.Errors[k])
		}
	}
	return v
}

func decodeError(d *decoding, v *ErrorDetails) error {
	return d.NullableObject(func(key []byte) error {
		switch string(key) {
		case "message":
			return lenient(d, &v.Message, listOf(decodeKeyValue))
		case "status":
			return lenient(d, &v.Status, integer)
		case "detail":
			return lenient(d, &v.Detail, stringOrLines)
		case "source":
			return lenient(d, &v.Source.Pointer, objectField("pointer", stringValue[string]))
		case "title":
			return lenient(d, &v.Title, stringOrLines)
		}
		return d.Skip()
	})
}

func decodeKeyValue(d *decoding, v *KeyValueError) error {
	return d.NullableObject(func(key []byte) error {
		switch string(key) {
		case "key":
			return lenient(d, &v.Key, stringValue)
		case "errors":
			return lenient(d, &v.Errors, listOf(stringValue[string]))
		}
		return d.Skip()
	})
}

// Error describes the error: the operation as its method and operationId; the
// title, detail and messages, or the name of the HTTP status if there are none;
// and the hint.
func (e *BaseError) Error() string {
	if e == nil {
		return nilError
	}
	return e.response() + unknownSuffix(e.Outcome)
}

// response describes what the service responded, without what that means for
// the call.
func (e *BaseError) response() string {
	hint := ""
	if e.Hint != "" {
		hint = " (" + e.Hint + ")"
	}
	return fmt.Sprintf("hacarus: %s: %d: %s%s", callLabel(e.Operation), e.StatusCode, e.message(), hint)
}

func (e *BaseError) message() string {
	var parts []string
	for _, part := range []string{e.Errors.Title, e.Errors.Detail} {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	for _, m := range e.Errors.Message {
		text := strings.Join(m.Errors, ", ")
		if m.Key != "" && text != "" {
			text = m.Key + ": " + text
		}
		if text = cmp.Or(text, m.Key); text != "" {
			parts = append(parts, text)
		}
	}
	if len(parts) > 0 {
		return strings.Join(parts, ": ")
	}
	if text := http.StatusText(e.StatusCode); text != "" {
		return text
	}
	return "unknown status"
}

func unknownSuffix(o Outcome) string {
	if o == OutcomeUnknown {
		return " (the service may have executed the call)"
	}
	return ""
}

// licenseTitles are the known titles of license problems, in lower case.
var licenseTitles = [...]string{"invalid license!", "invalid license", "invalid licence!"}

// Is reports whether target is the kind of this error. If the outcome is
// unknown, it is also true for [ErrOutcomeUnknown].
func (e *BaseError) Is(target error) bool {
	if e == nil {
		return false
	}
	switch target {
	case ErrOutcomeUnknown:
		return e.Outcome == OutcomeUnknown
	case ErrLicense:
		return e.StatusCode == http.StatusForbidden && e.isLicense()
	case ErrServer:
		return e.StatusCode >= 500 && e.StatusCode <= 599
	}
	kind := kindOfStatus(e.StatusCode)
	return kind != nil && target == kind
}

func (e *BaseError) isLicense() bool {
	title := strings.ToLower(strings.TrimSpace(e.Errors.Title))
	detail := strings.ToLower(strings.TrimSpace(e.Errors.Detail))
	for _, known := range licenseTitles {
		if title == known || (title == "" && detail == known) {
			return true
		}
	}
	return false
}

func kindOfStatus(status int) error {
	switch status {
	case http.StatusBadRequest:
		return ErrBadRequest
	case http.StatusUnauthorized:
		return ErrUnauthorized
	case http.StatusForbidden:
		return ErrForbidden
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusRequestEntityTooLarge:
		return ErrTooLarge
	case http.StatusUnprocessableEntity:
		return ErrUnprocessable
	case http.StatusTooEarly:
		return ErrBusy
	case http.StatusTooManyRequests:
		return ErrRateLimited
	}
	return nil
}

// LogValue returns the parts of the error, without the body, as a group for
// structured logs.
func (e *BaseError) LogValue() slog.Value {
	if e == nil {
		return slog.StringValue(nilError)
	}
	attrs := []slog.Attr{
		slog.String("operation", e.Operation),
		slog.Int("status", e.StatusCode),
		slog.String("message", e.message()),
		slog.String("outcome", string(e.Outcome)),
		slog.Int("attempts", e.Attempts),
		slog.String("request_id", e.RequestID),
	}
	if e.Hint != "" {
		attrs = append(attrs, slog.String("hint", e.Hint))
	}
	return slog.GroupValue(attrs...)
}

// RequestError is the error of a call that got no usable response: the network
// or the context failed, a file could not be read, or the response could not be
// decoded. errors.Is and errors.As find the cause, and the service's last
// response if there was one.
type RequestError struct {
	// Operation is the operationId, such as "train".
	Operation string
	// Attempts is the number of requests that were made.
	Attempts int
	// Outcome says whether the service may have acted.
	Outcome Outcome
	// Err is the cause, with known secrets masked in its message.
	Err error
	// ItemIDs has the same meaning as in [BaseError].
	ItemIDs []string
}

// Error describes the error and its cause.
func (e *RequestError) Error() string {
	if e == nil {
		return nilError
	}
	return fmt.Sprintf("hacarus: %s: %v%s", callLabel(e.Operation), e.Err, unknownSuffix(e.Outcome))
}

// Unwrap returns the cause.
func (e *RequestError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Is reports whether target is [ErrOutcomeUnknown] and the outcome is unknown.
func (e *RequestError) Is(target error) bool {
	return e != nil && target == ErrOutcomeUnknown && e.Outcome == OutcomeUnknown
}

// LogValue returns the parts of the error as a group for structured logs.
func (e *RequestError) LogValue() slog.Value {
	if e == nil {
		return slog.StringValue(nilError)
	}
	return slog.GroupValue(
		slog.String("operation", e.Operation),
		slog.String("cause", fmt.Sprint(e.Err)),
		slog.String("outcome", string(e.Outcome)),
		slog.Int("attempts", e.Attempts),
	)
}

// errClosed is the error of a call on a closed client.
func errClosed(op operation) error { return argumentError(op.id, "the client is closed") }

// argumentError describes a refused argument: what is wrong, and of which
// operation or option.
func argumentError(where, format string, args ...any) error {
	return fmt.Errorf("hacarus: %s: %w: %w", labelOf(where), ErrInvalidArgument, fmt.Errorf(format, args...))
}

// callLabel is labelOf for the error of a call. An operation that is not one of
// the documented ones comes from [Client.Call].
func callLabel(id string) string {
	if label := labelOf(id); label != id || id == "" || id == callName {
		return label
	}
	return callName + " (" + id + ")"
}

// labelOf names an operation by its method and its operationId, for readers of
// the program and readers of the API documentation. Other names, such as those
// of options, are returned unchanged.
func labelOf(name string) string {
	if method, ok := methodNames[name]; ok {
		return method + " (" + name + ")"
	}
	return name
}
