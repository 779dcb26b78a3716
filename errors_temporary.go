package hacarus

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
)

// IsTemporary says whether the same call may succeed later, as it is: the service
// is busy or restarts, the network or the context failed, or a proxy responded
// with a page of its own in place of the service, whatever that page's status. It
// is false for what only another input, other credentials or another license
// mends, for a service that cannot be trusted or does not speak the documented
// language, for errors of other packages, and for nil.
//
// Three statuses count whoever says them: 407, with which a proxy wants
// credentials, and 413 and 414, with which it finds a request too large.
//
// It says nothing of the call that failed: where errors.Is tells
// [ErrOutcomeUnknown], look before you repeat it.
func IsTemporary(err error) bool { return isTransient(err) || isStray(err) }

// isTransient says whether an error may be over at the next attempt, however often
// there was one: the network or the context failed, a response broke off, or the
// service is busy or down.
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

// isStray says whether an error is that of something in front of the service, which
// speaks in its place for a while: it says nothing of what was asked. What wants
// credentials for itself, or finds a request too large, will do so for ever.
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

// isPage says whether the error is a page of a proxy, or nothing at all, in the
// place of the service's word, which is JSON.
func (e *BaseError) isPage() bool {
	text := bytes.TrimLeft(e.Body, "\ufeff \t\r\n")
	return !e.isDescribed() && !bytes.HasPrefix(text, []byte("{")) && !bytes.HasPrefix(text, []byte("["))
}

// isDescribed says whether the service has put the error into words, in an
// envelope that is its own.
func (e *BaseError) isDescribed() bool {
	return e.Errors.Title != "" || e.Errors.Detail != "" || len(e.Errors.Message) > 0
}
