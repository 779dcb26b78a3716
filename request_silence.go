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

// observeSilence tells why an attempt has no response.
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
	if err = stripURL(err); a.trace.unsent(err) {
		o.reach = reachedNothing
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

// stripURL takes the URL, whose path and query say nothing about the failure,
// off an error of net/http.
func stripURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// nameHeaderTooLarge gives a kind to an error for which net/http has no type.
func nameHeaderTooLarge(err error) error {
	if strings.Contains(err.Error(), "server response headers exceeded") {
		return fmt.Errorf("%w: %w", ErrResponseTooLarge, err)
	}
	return err
}

// permanent says whether the same connection would fail the same way again.
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
