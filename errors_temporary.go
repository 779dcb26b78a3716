package hacarus

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
)

// IsTemporary reports whether the same call may succeed later without a change:
// the service is busy or restarting, the network or the context failed, or
// something in front of the service, such as a proxy, responded in its place
// for a while, with a redirect or a page of its own, whatever the status of
// that page. It is false if only other input, other credentials or another
// license can help, if the service cannot be trusted or does not speak the
// documented protocol, for errors of other packages, and for nil.
//
// Three statuses count no matter who sends them: 407, with which a proxy
// demands credentials, and 413 and 414, with which it refuses a request as too
// large. For these, IsTemporary is false.
//
// IsTemporary does not say whether the failed call was executed. If
// errors.Is(err, [ErrOutcomeUnknown]) is true, find out before you repeat it.
func IsTemporary(err error) bool { return isTransient(err) || isStray(err) }

// isTransient reports whether an error may be over at the next attempt, however
// often it has occurred: the network or the context failed, a response broke
// off, or the service is busy or down.
func isTransient(err error) bool {
	switch {
	case errors.Is(err, ErrInvalidArgument), errors.Is(err, ErrTrainingFailed), errors.Is(err, ErrResponseTooLarge):
		return false
	case errors.As(err, new(sourceError)):
		return false
	}
	if response, ok := errors.AsType[*BaseError](err); ok && !transientStatus(response.StatusCode) {
		return false // also where the network failed after it
	}
	if lost, ok := errors.AsType[*RequestError](err); ok {
		return lost.isTransient()
	}
	_, responded := errors.AsType[*BaseError](err)
	_, network := errors.AsType[net.Error](err)
	return responded || network || errors.Is(err, context.Canceled)
}

func (e *RequestError) isTransient() bool {
	switch {
	case permanent(e.Err), errors.Is(e.Err, ErrRedirect):
		return false
	case errors.Is(e.Err, ErrDecode):
		return errors.As(e.Err, new(transferError))
	}
	return true
}

// isStray reports whether an error comes from something in front of the service
// that responds in its place for a while, so that it says nothing about what
// was requested. A proxy that demands credentials, or refuses a request as too
// large, will always do so.
func isStray(err error) bool {
	if response, ok := errors.AsType[*BaseError](err); ok {
		switch response.StatusCode {
		case http.StatusProxyAuthRequired, http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong:
			return false
		}
		return response.isPage()
	}
	return errors.Is(err, ErrRedirect) || errors.Is(err, errWebPage) || errors.Is(err, errFilePage)
}

// isPage reports whether the response is a proxy's page, or empty, and not from
// the service itself, which responds with JSON.
func (e *BaseError) isPage() bool {
	text := bytes.TrimLeft(e.Body, "\ufeff \t\r\n")
	return !e.isDescribed() && !bytes.HasPrefix(text, []byte("{")) && !bytes.HasPrefix(text, []byte("["))
}

// isDescribed reports whether the service has described the error in its own
// envelope.
func (e *BaseError) isDescribed() bool {
	return e.Errors.Title != "" || e.Errors.Detail != "" || len(e.Errors.Message) > 0
}
