package hacarus

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// factJWT is a token with claims; its signature is not looked at.
func factJWT(claims string) string {
	return "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2lnbmF0dXJl"
}

func TestFactTokens(t *testing.T) {
	t.Parallel()
	jwt := factJWT(`{"iat":1646290110,"exp":1646293710}`)
	noIssue := factJWT(`{"exp":4102444800}`)
	for _, test := range []struct {
		name, body, token string
		lifetime          time.Duration
	}{
		{"02 A6 AuthorizeSuccess", `{"data":{"access_token":"GeneratedAccessToken","expires":2592000}}`, "GeneratedAccessToken", 2592000 * time.Second},
		{"02 flat", `{"access_token":"access_token"}`, "access_token", 0},
		{"02 flat with expires", `{"access_token":"access_token","expires":3600}`, "access_token", time.Hour},
		{"02 wrapped without expires", `{"data":{"access_token":"GeneratedAccessToken"}}`, "GeneratedAccessToken", 0},
		{"02 expires null", `{"data":{"access_token":"GeneratedAccessToken","expires":null}}`, "GeneratedAccessToken", 0},
		{"02 exp of a JWT", `{"access_token":"` + jwt + `"}`, jwt, time.Hour},
		{"02 expires before exp of a JWT", `{"access_token":"` + jwt + `","expires":2592000}`, jwt, 2592000 * time.Second},
		{"02 exp without iat", `{"access_token":"` + noIssue + `"}`, noIssue, 0},
		{"13 with byte order mark", "\ufeff" + `{"data":{"access_token":"GeneratedAccessToken","expires":2592000}}`, "GeneratedAccessToken", 2592000 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var requests factRequests
			c := overMemory(t, requests.before(t, answers(ok(test.body), ok(modelBody))))
			before := time.Now()
			token, err := c.Login(t.Context())
			require.NoError(t, err)
			require.Equal(t, test.token, token.AccessToken)
			require.Equal(t, int64(test.lifetime/time.Second), token.ExpiresIn)
			if test.lifetime == 0 {
				require.Zero(t, token.Expiry)
			} else {
				require.WithinRange(t, token.Expiry, before.Add(test.lifetime), time.Now().Add(test.lifetime))
			}

			_, err = c.GetModel(t.Context(), "m1")
			require.NoError(t, err)
			require.Len(t, requests.all(), 2)
			require.Equal(t, "Bearer "+test.token, requests.all()[1].Header.Get("Authorization"), "fact 03")
		})
	}
}

func TestFactUnauthorized(t *testing.T) {
	t.Parallel()
	refused := status(http.StatusUnauthorized, `{"errors":{"detail":null,"source":{"pointer":"/api/v1/item/0001"},"status":401,"title":"No permission to view item!"}}`)
	expired := status(http.StatusUnauthorized, `{"errors":{"detail":null,"source":{"pointer":"/api/v1/item/0001"},"status":401,"title":"No permission to access this resource"}}`)
	for _, test := range []struct {
		name          string
		next          http.HandlerFunc
		err           error
		logins, calls int
	}{
		{"06 someone else's item", refused, ErrUnauthorized, 2, 2},
		{"06 not logged in any more", answers(expired, ok(`{"data":{"item_id":"0001"}}`)), nil, 2, 2},
		{"06 someone else's item after a stale token", answers(expired, refused), ErrUnauthorized, 2, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			api := &fakeAPI{next: test.next}
			_, err := overMemory(t, api).GetItem(t.Context(), "0001", nil)
			require.ErrorIs(t, err, test.err)
			logins, calls := api.counts()
			require.Equal(t, test.logins, logins)
			require.Equal(t, test.calls, calls)
		})
	}
	t.Run("06 bad credentials", func(t *testing.T) {
		t.Parallel()
		var requests factRequests
		c := overMemory(t, requests.before(t, status(http.StatusUnauthorized, `{"errors":{"title":"Client id and secret mismatch"}}`)))
		_, err := c.GetItem(t.Context(), "0001", nil)
		base := (*BaseError)(nil)
		require.ErrorAs(t, err, &base)
		require.ErrorIs(t, err, ErrUnauthorized)
		require.Equal(t, "login", base.Operation)
		require.Len(t, requests.all(), 1, "no loop")
	})
}

func TestDecodeGrantRefuses(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing": "", "HTML": "<html></html>", "no token": `{}`, "null token": `{"access_token":null}`, "empty token": `{"access_token":""}`,
		"number": `{"access_token":1}`, "null data": `{"data":null}`, "list": `{"data":[{"access_token":"t"}]}`, "line end": `{"access_token":"a\r\nX: y"}`,
		"space": `{"access_token":"a b"}`, "not ASCII": `{"access_token":"トークン"}`, "two answers": `{"access_token":"t"}{"access_token":"u"}`,
		"too long": `{"access_token":"` + strings.Repeat("a", maxToken+1) + `"}`, "too deep": `{"access_token":"t","x":` + decodeNested(10_001) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := decodeGrant([]byte(body))
			require.ErrorIs(t, err, ErrDecode)
		})
	}
}

// TestDecodeLifetimes holds that no form of a lifetime makes a login fail.
func TestDecodeLifetimes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		expires string
		seconds float64
	}{
		{`3600`, 3600},
		{`3600.5`, 3600.5},
		{`"3600"`, 3600},
		{`1`, minLifetime.Seconds()},
		{`null`, 0},
		{`0`, 0},
		{`-1`, 0},
		{`1e400`, 0},
		{`1646290110`, 0},
		{`"NaN"`, 0},
		{`"2022-03-03T06:48:30Z"`, 0},
		{`{"in":3600}`, 0},
		{`[3600]`, 0},
		{`true`, 0},
	} {
		t.Run(test.expires, func(t *testing.T) {
			t.Parallel()
			for _, key := range []string{"expires", "expires_in"} {
				granted, err := decodeGrant([]byte(`{"` + key + `":` + test.expires + `,"access_token":"t"}`))
				require.NoError(t, err)
				require.Equal(t, "t", granted.token.AccessToken)
				require.InDelta(t, test.seconds, granted.lifetime.Seconds(), 0)
			}
		})
	}
}

// FuzzLogin holds that a token of a login can stand in a header, that its
// lifetime is none or one that makes sense, and that no error shows it.
func FuzzLogin(f *testing.F) {
	f.Add([]byte(`{"access_token":"t","expires":3600}`), int64(1), int64(3601))
	f.Add([]byte(`{"data":{"access_token":"GeneratedAccessToken","expires":2592000}}`), int64(0), int64(0))
	f.Add([]byte(`{"access_token":"a b","expires_in":"1e400"}`), int64(math.MaxInt64), int64(math.MinInt64))
	f.Add([]byte(`{"access_token":"e30.eyJpYXQiOjEsImV4cCI6MzYwMX0.s"}`), int64(1700000000), int64(1700086400))
	sane := func(t *testing.T, lifetime time.Duration) {
		t.Helper()
		require.True(t, lifetime == 0 || lifetime >= minLifetime && lifetime <= maxLifetime, lifetime)
	}
	f.Fuzz(func(t *testing.T, raw []byte, issued, expires int64) {
		granted, err := decodeGrant(raw)
		if err != nil {
			require.ErrorIs(t, err, ErrDecode)
		} else {
			access := granted.token.AccessToken
			require.True(t, len(access) > 0 && len(access) <= maxToken)
			require.Equal(t, -1, strings.IndexFunc(access, func(r rune) bool { return r <= ' ' || r > '~' }))
			sane(t, granted.lifetime)
			require.Equal(t, granted.lifetime == 0, granted.token.Expiry.IsZero())
		}
		payload := base64.RawURLEncoding.EncodeToString(raw)
		sane(t, jwtLifetime("e30."+payload+".s"))
		claims := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"iat":%d,"exp":%d}`, issued, expires))
		lifetime := jwtLifetime("e30." + claims + ".s")
		sane(t, lifetime)
		if seconds := expires - issued; issued >= 0 && expires > issued && expires < 1<<40 && seconds >= 30 && seconds <= 1e8 {
			require.Equal(t, time.Duration(seconds)*time.Second, lifetime)
		}
		_, err = newGrant(string(raw), 0)
		if len(raw) >= 8 && err != nil {
			require.NotContains(t, err.Error(), string(raw))
		}
	})
}
