package hacarus

import (
	"context"
	"errors"
	"net/http"
)

var (
	opSetLicense = operation{"setLicense", http.MethodPost, "/api/v1/utils/", nonIdempotent}
	opGetLogs    = operation{"getLogs", http.MethodPost, "/api/v1/utils/debug", read}
	opGetHashID  = operation{"getHashId", http.MethodPost, "/api/v1/utils/node_hash", read}
)

// SetLicense installs a licence file and returns when it expires. A licence
// that is not valid, or already there, is [ErrLicense] (wire-facts.md 7); a file
// that the service cannot process is [ErrUnprocessable]. Services of an earlier
// kind do not tell the expiry; then it is "" (wire-facts.md 34).
//
// It is not repeated when its outcome is unknown ([ErrOutcomeUnknown]): the
// second time, the licence might be there already.
//
// Operation setLicense: POST /api/v1/utils/.
func (c *Client) SetLicense(ctx context.Context, license File) (*License, error) {
	license.secret = true
	body, err := multipartBody(opSetLicense, nil, "license_data", []File{license}, nil)
	if err != nil {
		return nil, err
	}
	return doData(ctx, c, request{op: opSetLicense, body: body}, func(d *decoding, v *License) error {
		return d.object(func(d *decoding, key []byte) error {
			if string(key) != "license_expiry" {
				return d.skip()
			}
			return text(d, &v.LicenseExpiry)
		})
	})
}

// GetLogs returns the service's logs as a ZIP file. Close the download. No
// error of this operation is documented.
//
// Operation getLogs: POST /api/v1/utils/debug. It only reads, so it is retried.
func (c *Client) GetLogs(ctx context.Context) (*Download, error) {
	return c.doDownload(ctx, request{op: opGetLogs, accept: acceptBytes})
}

// GetHashID returns the hash that identifies the service's machine, by its name
// in the documentation the one that a licence is issued for. No error of this
// operation is documented by status.
//
// Operation getHashId: POST /api/v1/utils/node_hash. It only reads, so it is retried.
func (c *Client) GetHashID(ctx context.Context) (string, error) {
	return doValue(ctx, c, request{op: opGetHashID}, func(d *decoding, v *string) error {
		if err := decodeField("hash_id", identifier)(d, v); err != nil {
			return err
		}
		if *v == "" {
			return errors.New("no hash_id")
		}
		return nil
	})
}
