package hacarus

import (
	"context"
	"net/http"
)

var (
	opSetLicense = newOperation("setLicense", "SetLicense", http.MethodPost, "/api/v1/utils/", classNonIdempotent)
	opGetLogs    = newOperation("getLogs", "GetLogs", http.MethodPost, "/api/v1/utils/debug", classRead)
	opGetHashID  = newOperation("getHashId", "GetHashID", http.MethodPost, "/api/v1/utils/node_hash", classRead)
)

// SetLicense installs a license file and returns when the license expires. The
// error is [ErrLicense] if the license is not valid or already installed, and
// [ErrUnprocessable] if the service cannot process the file. Earlier services
// do not send the expiry date; LicenseExpiry is "" then.
//
// A call whose outcome is unknown is not repeated ([ErrOutcomeUnknown]),
// because the second attempt might find the license already installed.
//
// Operation setLicense: POST /api/v1/utils/.
func (c *Client) SetLicense(ctx context.Context, license File) (*License, error) {
	license.secret = true
	body, err := multipartBody(opSetLicense, nil, "license_data", []File{license}, nil)
	if err != nil {
		return nil, err
	}
	var installed License
	err = c.do(ctx, request{op: opSetLicense, body: body}, func(raw []byte) (err error) {
		installed, err = decodeDone(raw, decodeLicense)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &installed, nil
}

// License is the state of the service's license.
type License struct {
	// LicenseExpiry is the day on which the license ends, in the form in which the
	// service writes it. It is "" if the service does not send it.
	LicenseExpiry string `json:"license_expiry"`
}

// UnmarshalJSON decodes a license as [Client.SetLicense] does; a number may be
// written as a string and a string as a number. Other input is [ErrDecode].
func (l *License) UnmarshalJSON(document []byte) error { return unmarshal(document, l, decodeLicense) }

func decodeLicense(d *decoding, v *License) error {
	return objectField("license_expiry", stringValue[string])(d, &v.LicenseExpiry)
}

// GetLogs returns the service's logs as a ZIP file. The caller must close the
// download. The documentation names no error of this operation.
//
// Operation getLogs: POST /api/v1/utils/debug. The operation only reads, so it
// is retried.
func (c *Client) GetLogs(ctx context.Context) (*Download, error) {
	return c.doDownload(ctx, request{op: opGetLogs, accept: acceptBytes})
}

// GetHashID returns the hash that identifies the service's machine. Judging by
// its name in the documentation, it is the hash that a license is issued for.
// The documentation names no error status of this operation.
//
// Operation getHashId: POST /api/v1/utils/node_hash. The operation only reads,
// so it is retried.
func (c *Client) GetHashID(ctx context.Context) (string, error) {
	return doValue(ctx, c, request{op: opGetHashID}, decodeHashID)
}

func decodeHashID(d *decoding, v *string) error {
	err := objectField("hash_id", identifier)(d, v)
	return required("hash_id", *v, err)
}
