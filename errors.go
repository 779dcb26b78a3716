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

// Kinds of *[BaseError], found with [errors.Is]. They follow the HTTP status of
// the response, not the status written in its body: the service was seen to send
// others there.
var (
	ErrBadRequest    = errors.New("bad request")           // 400
	ErrUnauthorized  = errors.New("unauthorized")          // 401
	ErrForbidden     = errors.New("forbidden")             // 403
	ErrLicense       = errors.New("license not valid")     // 403 with the known English title; in other languages ErrForbidden only
	ErrNotFound      = errors.New("not found")             // 404
	ErrTooLarge      = errors.New("request too large")     // 413
	ErrUnprocessable = errors.New("unprocessable request") // 422
	ErrBusy          = errors.New("service busy")          // 425
	ErrRateLimited   = errors.New("too many requests")     // 429
	ErrServer        = errors.New("server error")          // 5xx
)

// Other errors, found with [errors.Is].
var (
	// ErrInvalidArgument: the call was refused before anything was sent.
	ErrInvalidArgument = errors.New("invalid argument")
	// ErrRedirect: the service responded with a redirect, which is never followed.
	ErrRedirect = errors.New("redirect refused")
	// ErrDecode: a response of status 2xx could not be read as documented, or is
	// a web page of whatever stands before the service.
	ErrDecode = errors.New("unreadable response")
	// ErrResponseTooLarge: a response exceeded the limit on decoded bytes.
	ErrResponseTooLarge = errors.New("response too large")
	// ErrOutcomeUnknown: the service may or may not have executed the call.
	// Look before you repeat it.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrTrainingFailed: a model's training ended in failure.
	ErrTrainingFailed = errors.New("training failed")
)

// nilError is what a nil pointer to an error prints, as fmt does for one.
const nilError = "<nil>"

// Outcome says what is known of a failed call's effect on the service.
type Outcome string

// The outcomes. A call that only reads never has OutcomeUnknown: whether the
// service saw it makes no difference, so it counts as not executed.
const (
	OutcomeNotSent     Outcome = "not sent"     // no request left the process
	OutcomeNotExecuted Outcome = "not executed" // the service declined, or never had the whole request
	OutcomeUnknown     Outcome = "unknown"      // the service may have acted
	OutcomeExecuted    Outcome = "executed"     // the service acted, its response could not be used
)

// BaseError is an error that the service responded with: any status other than
// 2xx and 3xx. errors.Is tells its kind, such as [ErrNotFound].
type BaseError struct {
	// Errors is the service's own description, empty when the response had none.
	Errors ErrorDetails
	// StatusCode is the HTTP status.
	StatusCode int
	// Operation is the operationId, such as "train". It is "login" when
	// another operation's implicit login failed.
	Operation string
	// RequestID is the response's X-Request-Id, "" for none.
	RequestID string
	// RetryAfter is the wait the service asked for: zero when it asked for none,
	// for one until a time that has passed, or in a form that cannot be read; a
	// negative number of seconds is -1 s, and more than ten years are ten years.
	RetryAfter time.Duration
	// Attempts counts the requests that were made.
	Attempts int
	// Outcome says whether the service may have acted.
	Outcome Outcome
	// Hint is what the SDK can see of the cause, such as a file that is no PNG, JPEG
	// or TIFF, or a name in place of an id; "" for nothing. The service has not said
	// so, and may have had another reason.
	Hint string
	// Body holds the first 4 KiB of the response with known secrets masked.
	Body []byte
	// ItemIDs are the ids that a failed [Client.AddItems] would have made, in
	// the order of its files, if the service names items after files, as its
	// fixtures and an earlier SDK have it. Only set where there may be items: where
	// the outcome is unknown, or executed with a response that could not be read.
	ItemIDs []string
}

// ErrorDetails is the service's description of an error. All parts are optional.
type ErrorDetails struct {
	// Message lists problems by the request's field.
	Message []KeyValueError
	// Status is the status written in the body; it may differ from the HTTP status.
	Status int
	// Detail explains the error; a list of strings is joined with "\n".
	Detail string
	// Source says which endpoint failed.
	Source ErrorSource
	// Title names the error, in the language of [WithLanguage].
	Title string
}

// KeyValueError lists the problems of one field of a request.
type KeyValueError struct {
	// Key is the field's name, as the service calls it; it may be "".
	Key string
	// Errors are the problems, in the language of [WithLanguage].
	Errors []string
}

// ErrorSource says where an error arose.
type ErrorSource struct {
	// Pointer names the endpoint: a path, a path with a query, or a URL.
	Pointer string
}

// decodeErrorDetails reads what it can of an error's body, which may be anything.
// Its strings pass through mask.
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

// Error describes the error: title, detail and messages, or the name of the
// HTTP status where the service gave none of them, and the hint. The operation
// stands there as its method and its operationId.
func (e *BaseError) Error() string {
	if e == nil {
		return nilError
	}
	return e.response() + unknownSuffix(e.Outcome)
}

// response is what the service answered, without what that means for the call.
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

// licenseTitles are the known titles of a license problem, lower case.
var licenseTitles = [...]string{"invalid license!", "invalid license", "invalid licence!"}

// Is reports whether target is the kind of this error, or [ErrOutcomeUnknown]
// where the outcome is unknown.
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

// LogValue gives a structured log the parts of the error, without the body.
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

// RequestError is a call that got no usable response: the network or the context
// failed, a file could not be read, or the response could not be decoded. The
// cause, and the service's last response if there was one, are reachable with
// errors.Is and errors.As.
type RequestError struct {
	// Operation is the operationId, such as "train".
	Operation string
	// Attempts counts the requests that were made.
	Attempts int
	// Outcome says whether the service may have acted.
	Outcome Outcome
	// Err is the cause, with known secrets masked in its message.
	Err error
	// ItemIDs is as in [BaseError].
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

// LogValue gives a structured log the parts of the error.
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

// errClosed refuses a call of a client that was closed.
func errClosed(op operation) error { return argumentError(op.id, "the client is closed") }

// argumentError is a refused argument: what was wrong, and with which operation or option.
func argumentError(where, format string, args ...any) error {
	return fmt.Errorf("hacarus: %s: %w: %w", labelOf(where), ErrInvalidArgument, fmt.Errorf(format, args...))
}

// callLabel is labelOf for the error of a call: an operation that is none of the
// documented ones is one of [Client.Call].
func callLabel(id string) string {
	if label := labelOf(id); label != id || id == "" || id == callName {
		return label
	}
	return callName + " (" + id + ")"
}

// labelOf is an operation in the words of both readers of an error, the one of
// the program and the one of the API's documentation: its method and its
// operationId. Other names, such as those of options, stand for themselves.
func labelOf(name string) string {
	if method, ok := methodNames[name]; ok {
		return method + " (" + name + ")"
	}
	return name
}
