package hacarus

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// observeSilence determines why an attempt has no response.
func (x *exchange) observeSilence(err error) (observation, error) {
	a := x.current
	if a.access.err != nil {
		return observation{failure: failedLogin, reach: reachedNothing}, a.access.err
	}
	o := observation{failure: failedConnection, reach: a.reached(), spent: x.spent()}
	if source := a.outgoing.failure(); source != nil {
		o.failure = failedSource
		return o, sourceError{source}
	}
	err = stripURL(err)
	switch {
	case a.trace.unsent(err):
		o.reach = reachedNothing
	case o.reach == reachedService && (isRefusedStream(err) || isUnwritten(err)):
		o.reach = reachedInPart
	}
	err = nameHeaderTooLarge(a.clock.explain(err))
	if permanent(err) {
		o.failure = failedForGood
	}
	return o, err
}

// sourceError is the failure of a file that was to be sent, not of the service.
type sourceError struct{ error }

func (e sourceError) Unwrap() error { return e.error }

// stripURL removes the URL from an error of net/http, because its path and
// query say nothing about the failure.
func stripURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// tooLargeHeaders is the beginning of net/http's error for headers that are too
// large.
const tooLargeHeaders = "server response headers exceeded"

// nameHeaderTooLarge gives a kind to errors for which net/http has no type:
// those of HTTP/1.1 and of HTTP/2, for one header and for all informational
// ones.
func nameHeaderTooLarge(err error) error {
	for _, text := range []string{tooLargeHeaders, "response header list larger than advertised limit", "header list too large"} {
		if strings.Contains(err.Error(), text) {
			return fmt.Errorf("%w: %w", ErrResponseTooLarge, err)
		}
	}
	return err
}

// isRefusedStream reports whether an HTTP/2 server said that it has not
// processed the request and never will: its stream was refused (RFC 9113, 8.7),
// or is above the last one that a GOAWAY names (6.8).
//
// net/http would send such a request again by itself, if it had a GetBody. It
// has none, because net/http then also repeats a request whose stream was reset
// with PROTOCOL_ERROR (http2canRetryError in net/http/h2_bundle.go), which proves
// nothing. Without it, http2shouldRetryRequest there returns an error that only
// its text tells from others: the refusal stands in brackets. A request without a
// body is sent again up to seven times, and then fails with the refusal itself.
// TestRefusedStreams notices when a release of Go words them otherwise; the
// outcome would be unknown then, and nothing would be executed twice.
func isRefusedStream(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) { // a user's transport may have wrapped it
		text := err.Error()
		if inner, ok := strings.CutPrefix(text, "http2: Transport: cannot retry err ["); ok {
			text, _, _ = strings.Cut(inner, "] after Request.Body was written")
		}
		if stream, ok := strings.CutPrefix(text, "stream error: stream ID "); ok {
			_, reason, _ := strings.Cut(stream, "; ")
			return reason == "REFUSED_STREAM" || strings.HasPrefix(reason, "REFUSED_STREAM;")
		}
		// Both are said of streams above the last one only, by setGoAway.
		if text == "http2: Transport received Server's graceful shutdown GOAWAY" ||
			strings.HasPrefix(text, "http2: Transport received GOAWAY from server ErrCode:") {
			return true
		}
	}
	return false
}

// isUnwritten reports whether the end of an HTTP/1.1 request was never written,
// judging by the error of the write, to which net/http adds that prefix
// (mapRoundTripError in net/http/transport.go). An HTTP/1.1 connection writes
// nothing after a request; over HTTP/2, the write may have been another
// request's. The transport's trace does not show it, because it ends before the
// last flush.
func isUnwritten(err error) bool {
	failed, ok := errors.AsType[*net.OpError](err)
	return ok && failed.Op == "write" && strings.HasPrefix(err.Error(), "net/http: HTTP/1.x transport connection broken: ")
}

// permanent reports whether the same connection would fail in the same way
// again.
func permanent(err error) bool {
	var (
		unknownCA   x509.UnknownAuthorityError
		hostname    x509.HostnameError
		invalid     x509.CertificateInvalidError
		systemRoots x509.SystemRootsError
		verify      *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		network     *net.OpError
		dns         *net.DNSError
	)
	switch {
	case wantsProxyCredentials(err):
		return true
	case errors.As(err, &network) && network.Op == "remote error": // a TLS alert, whose own type is not exported
		return true
	case errors.As(err, &unknownCA), errors.As(err, &hostname), errors.As(err, &invalid),
		errors.As(err, &systemRoots), errors.As(err, &verify), errors.As(err, &record), errors.As(err, &alert):
		return true
	case errors.As(err, &dns):
		return false
	case errors.Is(err, http.ErrSchemeMismatch):
		return true
	}
	message := err.Error()
	return strings.HasPrefix(message, "unsupported protocol scheme") || strings.HasPrefix(message, "tls: ") ||
		errors.Is(err, ErrResponseTooLarge)
}

// wantsProxyCredentials reports whether a proxy demands credentials. A
// transport supplied by the user reveals only the text of the status line.
func wantsProxyCredentials(err error) bool {
	if refused, ok := errors.AsType[proxyError](err); ok {
		return refused.status == http.StatusProxyAuthRequired
	}
	return strings.Contains(err.Error(), http.StatusText(http.StatusProxyAuthRequired))
}
