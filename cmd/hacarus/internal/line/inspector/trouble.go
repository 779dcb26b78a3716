package inspector

import (
	"errors"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// Trouble is the kind of reason for which images are not inspected, by what somebody
// can do about it.
type Trouble string

// The kinds. An inspector of an older version tells none.
const (
	TroubleUnreachable Trouble = "unreachable" // no response comes
	TroubleFailing     Trouble = "failing"     // the service, or what is in front of it, has a fault or too much to do
	TroubleLogin       Trouble = "login"       // the credentials are not valid
	TroubleLicense     Trouble = "license"     // the license is not
	TroubleForbidden   Trouble = "forbidden"   // the license or the permissions: the service does not say which
	TroubleModel       Trouble = "model"       // the model is not there, or none is active
	TroubleInspector   Trouble = "inspector"   // no inspector has the station
	TroubleOther       Trouble = "other"
)

// TroubleOf returns the kind of an error; "" for nil.
func TroubleOf(err error) Trouble {
	_, responded := errors.AsType[*hacarus.BaseError](err)
	_, requested := errors.AsType[*hacarus.RequestError](err)
	switch {
	case err == nil:
		return ""
	case responded && hacarus.IsTemporary(err):
		return TroubleFailing // whatever its status says: a proxy may refuse, too
	case errors.Is(err, hacarus.ErrLicense):
		return TroubleLicense
	case errors.Is(err, hacarus.ErrUnauthorized):
		return TroubleLogin
	case errors.Is(err, hacarus.ErrForbidden):
		return TroubleForbidden
	case errors.Is(err, hacarus.ErrNotFound), errors.Is(err, hacarus.ErrBadRequest):
		return TroubleModel
	case responded:
		return TroubleFailing
	case requested:
		return TroubleUnreachable
	}
	return TroubleOther
}
