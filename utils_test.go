package hacarus

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSetLicenseErrors holds the kinds that the comment of SetLicense names,
// and that a license is never sent twice.
func TestSetLicenseErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		body   string
		kind   error
	}{
		"invalid":       {http.StatusForbidden, `{"errors":{"title":"Invalid license!"}}`, ErrLicense},
		"there already": {http.StatusForbidden, `{"errors":{"title":"Invalid license!","detail":"License already exists"}}`, ErrLicense},
		"unfit":         {http.StatusUnprocessableEntity, `{}`, ErrUnprocessable},
		"failure":       {http.StatusBadGateway, ``, ErrOutcomeUnknown},
		"a page":        {http.StatusOK, `<html></html>`, ErrDecode},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &fakeService{next: status(test.status, test.body)}
			_, err := overMemory(t, api).SetLicense(t.Context(), FileFromBytes("license0", []byte("license")))
			require.ErrorIs(t, err, test.kind)
			require.Equal(t, 1, api.count())
		})
	}
}

// TestUtilitiesThatOnlyRead are asked again, though they are POSTs.
func TestUtilitiesThatOnlyRead(t *testing.T) {
	t.Parallel()
	again := func(body string) *fakeService {
		return &fakeService{next: inTurn(status(http.StatusServiceUnavailable, ""), ok(body))}
	}
	t.Run("hash", func(t *testing.T) {
		t.Parallel()
		api := again(`{"data":{"hash_id":"5d0e87d0"}}`)
		id, err := overMemory(t, api).GetHashID(t.Context())
		require.NoError(t, err)
		require.Equal(t, "5d0e87d0", id)
		require.Equal(t, 2, api.count())
	})
	t.Run("logs", func(t *testing.T) {
		t.Parallel()
		api := again("PK\x03\x04")
		d, err := overMemory(t, api).GetLogs(t.Context())
		require.NoError(t, err)
		content, err := io.ReadAll(d)
		require.NoError(t, err)
		require.NoError(t, d.Close())
		require.Equal(t, "PK\x03\x04", string(content))
		require.Equal(t, 2, api.count())
	})
}

func TestHashIDIsNeverEmpty(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"data":{}}`, `{"data":{"hash_id":null}}`, `{"data":{"hash_id":""}}`} {
		_, err := factClient(t, http.StatusOK, body).GetHashID(t.Context())
		require.ErrorIs(t, err, ErrDecode, body)
	}
}

func TestFactLicense(t *testing.T) {
	t.Parallel()
	license := FileFromBytes("license0", []byte("-----BEGIN LICENSE-----\n"))
	for _, test := range []struct {
		name   string
		status int
		body   string
		call   func(context.Context, *Client) (any, error)
		want   any
	}{
		{"34 license M", 200, `{"data":{"status":"ok"}}`, func(ctx context.Context, c *Client) (any, error) { return c.SetLicense(ctx, license) }, &License{}},
		{
			"34 license with customer", 200, `{"data":{"status":"ok","customer_id":"line-7"}}`,
			func(ctx context.Context, c *Client) (any, error) { return c.SetLicense(ctx, license) }, &License{},
		},
		{
			"34 license by a word", 200, `{"data":"ok"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.SetLicense(ctx, license) }, &License{},
		},
		{
			"34 license without a word", 200, ``,
			func(ctx context.Context, c *Client) (any, error) { return c.SetLicense(ctx, license) }, &License{},
		},
		{
			"34 license", 200, `{"data":{"license_expiry":"2027-03-31"}}`,
			func(ctx context.Context, c *Client) (any, error) { return c.SetLicense(ctx, license) }, &License{LicenseExpiry: "2027-03-31"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := test.call(t.Context(), factClient(t, test.status, test.body))
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}
