package cli

import (
	"errors"
	"io"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/exit"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
)

// explain says what an error is, and what to do about it; "" where there is
// nothing more to say.
func explain(p *program.Program, code int, err error) string {
	if err == nil || err.Error() == "" || code == exit.Unread {
		return ""
	}
	switch {
	case code == exit.Interrupted:
		return p.Text("interrupted")
	case code == exit.Unknown && isCutOff(err):
		return p.Text("the connection was closed before the response to %s came\nThe service may have done it all the same: look before you do it again.", operationOf(err))
	case code == exit.Unknown && errors.Is(err, hacarus.ErrOutcomeUnknown):
		return p.Text("%v\nThe service may have done it all the same: look before you do it again.", err)
	case code == exit.Denied && operationOf(err) == "setLicense":
		return p.Explain(err) // to install a license is what was refused
	case errors.Is(err, hacarus.ErrLicense):
		return p.Text("%v\nThe service has no valid license: hacarus license install FILE", err)
	case errors.Is(err, hacarus.ErrUnauthorized):
		return p.Text("%v\nCheck the client id and its secret; hacarus doctor tells where they come from.", err)
	case code == exit.Denied && errors.Is(err, hacarus.ErrForbidden):
		return p.Text("%v\nCheck the license, and what the client may do; hacarus doctor tells more.", err)
	}
	return p.Explain(err)
}

// isCutOff says whether a call has ended without a response, and that is all there is
// to tell.
func isCutOff(err error) bool {
	return errors.Is(err, hacarus.ErrOutcomeUnknown) && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF))
}

func operationOf(err error) string {
	if lost, ok := errors.AsType[*hacarus.RequestError](err); ok {
		return lost.Operation
	}
	if refused, ok := errors.AsType[*hacarus.BaseError](err); ok {
		return refused.Operation
	}
	return "?"
}
