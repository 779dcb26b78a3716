package hacarus

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPayload(t *testing.T) {
	t.Parallel()
	const limit = 1000
	for name, test := range map[string]struct {
		body      io.Reader
		announced int64
		raw       string
		err       error
	}{
		"whole":           {strings.NewReader("{}"), 2, "{}", nil},
		"of no length":    {strings.NewReader("{}"), -1, "{}", nil},
		"empty":           {strings.NewReader(""), 0, "", nil},
		"the limit":       {strings.NewReader(strings.Repeat("x", limit)), -1, strings.Repeat("x", limit), nil},
		"above the limit": {strings.NewReader(strings.Repeat("x", limit+1)), -1, strings.Repeat("x", limit), ErrResponseTooLarge},
		"announced above": {strings.NewReader("{}"), limit + 1, "", ErrResponseTooLarge},
		"breaks off":      {io.MultiReader(strings.NewReader("{"), readerFunc(func([]byte) (int, error) { return 0, io.ErrUnexpectedEOF })), 2, "{", io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closed := false
			p := payload{buffers: &responseBuffers{}}
			err := p.read(&http.Response{ContentLength: test.announced, Body: struct {
				io.Reader
				io.Closer
			}{test.body, closeFunc(func() error { closed = true; return nil })}}, limit)
			require.ErrorIs(t, err, test.err)
			require.Equal(t, test.raw, string(p.raw))
			require.True(t, closed)
			p.release()
			require.Nil(t, p.raw)
			p.release()
		})
	}
}

// One large buffer outlives its call, none the client.
func TestResponseBuffers(t *testing.T) {
	t.Parallel()
	var b responseBuffers
	first, second, huge := make([]byte, 0, smallBuffer+1), make([]byte, 0, maxKept), make([]byte, 0, maxKept+1)
	b.give(&first)
	b.give(&second)
	b.give(&huge)
	require.Same(t, &second, b.take(smallBuffer+1))
	require.NotSame(t, &first, b.take(smallBuffer+1))

	b.give(&second)
	require.NotSame(t, &second, b.take(smallBuffer), "a small response leaves it to a large one")
	b.drop()
	require.Nil(t, b.large.Load())
}

func TestClosedClientsKeepNoResponse(t *testing.T) {
	t.Parallel()
	c := overMemory(t, &fakeService{next: ok(`{"data":{"hash_id":"h","more":"` + strings.Repeat("x", smallBuffer) + `"}}`)})
	_, err := c.GetHashID(t.Context())
	require.NoError(t, err)
	require.NotNil(t, c.responses.large.Load())
	require.NoError(t, c.Close())
	require.Nil(t, c.responses.large.Load())
}

// An error's text that never ends does not hold up the retry.
func TestSlowErrorsAreCutShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
			if attempts++; attempts > 1 {
				return respond(r, http.StatusOK, strings.NewReader(`{"data":{"hash_id":"h"}}`)), nil
			}
			return respond(r, http.StatusServiceUnavailable, readerFunc(func(p []byte) (int, error) {
				select {
				case <-time.After(time.Second):
					return copy(p, "."), nil
				case <-r.Context().Done():
					return 0, r.Context().Err()
				}
			})), nil
		}))
		began := time.Now()
		_, err := c.GetHashID(t.Context())
		require.NoError(t, err)
		require.Less(t, time.Since(began), errorTime+time.Second)
	})
}
