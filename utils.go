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
// that is not valid, or already there, is [ErrLicense] (wire-facts.md 7).
// Services of an earlier kind do not tell the expiry; then it is "".
//
// Operation setLicense: POST /api/v1/utils/.
func (c *Client) SetLicense(ctx context.Context, license File) (*License, error) {
	license.secret = true
	body, err := multipartBody(opSetLicense, nil, "license_data", []File{license}, nil)
	if err != nil {
		return nil, err
	}
	return call(ctx, c, request{op: opSetLicense, body: body}, func(d *decoding, v *License) error {
		return d.object(func(d *decoding, key []byte) error {
			if string(key) != "license_expiry" {
				return d.skip()
			}
			return text(d, &v.LicenseExpiry)
		})
	})
}

// GetLogs returns the service's logs as a ZIP file. Close the download.
//
// Operation getLogs: POST /api/v1/utils/debug. It only reads, so it is retried.
func (c *Client) GetLogs(ctx context.Context) (*Download, error) {
	return c.stream(ctx, request{op: opGetLogs, accept: acceptBytes})
}

// GetHashID returns the hash that identifies the service's machine, which the
// vendor asks for to issue a licence.
//
// Operation getHashId: POST /api/v1/utils/node_hash. It only reads, so it is retried.
func (c *Client) GetHashID(ctx context.Context) (string, error) {
	return value(call(ctx, c, request{op: opGetHashID}, func(d *decoding, v *string) error {
		if err := decodeField("hash_id", identifier)(d, v); err != nil {
			return err
		}
		if *v == "" {
			return errors.New("no hash_id")
		}
		return nil
	}))
}
