package hacarus

import (
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sending is a body on its way, whose attempt has just begun.
func sending(t *testing.T, source io.ReadCloser) *outgoing {
	t.Helper()
	clock := &attemptClock{}
	clock.start(t.Context(), &opAddItems, defaultStallTimeout)
	clock.watch()
	t.Cleanup(clock.end)
	return &outgoing{clock: clock, expect: &expectation{}, source: source}
}

func TestOutgoingIsTakenAway(t *testing.T) {
	t.Parallel()
	closed := 0
	source := struct {
		io.Reader
		io.Closer
	}{strings.NewReader("image"), closeFunc(func() error { closed++; return nil })}
	o := sending(t, source)
	n, err := o.Read(make([]byte, 3))
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.NoError(t, o.Close())
	require.NoError(t, o.Close())
	require.Equal(t, 1, closed)
	n, err = o.Read(make([]byte, 3))
	require.Zero(t, n)
	require.ErrorIs(t, err, errDetached)
	require.EqualValues(t, 3, o.count())
	require.NoError(t, o.failure(), "being taken away is no failure of the source")
}

func TestOutgoingCloseWaitsForTheReader(t *testing.T) {
	t.Parallel()
	closing, reading := make(chan struct{}), make(chan struct{})
	var busy atomic.Bool
	o := sending(t, struct {
		io.Reader
		io.Closer
	}{readerFunc(func([]byte) (int, error) {
		busy.Store(true)
		close(reading)
		<-closing
		for range 1000 { // lets a Close that does not wait go first
			runtime.Gosched()
		}
		busy.Store(false)
		return 1, nil
	}), closeFunc(func() error {
		assert.False(t, busy.Load(), "closed under the reader")
		return nil
	})})
	var reader sync.WaitGroup
	reader.Go(func() { _, _ = o.Read(make([]byte, 1)) })
	<-reading
	close(closing)
	require.NoError(t, o.Close())
	require.EqualValues(t, 1, o.count())
	reader.Wait()
}

// A reader that takes its time is not the network's silence.
func TestOutgoingStopsTheClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := sending(t, io.NopCloser(readerFunc(func([]byte) (int, error) {
			time.Sleep(10 * defaultStallTimeout)
			return 1, nil
		})))
		_, err := o.Read(make([]byte, 1))
		require.NoError(t, err)
		require.NoError(t, o.clock.ctx.Err())
		began := time.Now()
		<-o.clock.ctx.Done()
		require.Equal(t, defaultStallTimeout, time.Since(began), "from then on it is the network that is waited for")
	})
}

func TestOutgoingKeepsTheFailureOfItsSource(t *testing.T) {
	t.Parallel()
	broken := errors.New("the camera is off")
	for name, read := range map[string]func([]byte) (int, error){
		"an error": func([]byte) (int, error) { return 2, broken },
		"a panic":  func([]byte) (int, error) { panic("the camera is off") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := sending(t, io.NopCloser(readerFunc(read)))
			_, err := o.Read(make([]byte, 4))
			require.ErrorContains(t, err, "the camera is off")
			require.Equal(t, err, o.failure())
		})
	}
	t.Run("its end", func(t *testing.T) {
		t.Parallel()
		o := sending(t, io.NopCloser(strings.NewReader("")))
		_, err := o.Read(make([]byte, 4))
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, o.failure())
	})
	t.Run("that does not open", func(t *testing.T) {
		t.Parallel()
		o := &outgoing{}
		require.ErrorIs(t, o.open(&body{open: func() (io.ReadCloser, error) { return nil, broken }}), broken)
		require.ErrorIs(t, o.failure(), broken)
		require.NoError(t, o.Close())
	})
}

// The permission is waited for once, before the first byte.
func TestOutgoingIsHeldBack(t *testing.T) {
	t.Parallel()
	refused := sending(t, io.NopCloser(strings.NewReader("image")))
	refused.expect.granted = make(chan struct{})
	refused.expect.answering.Store(true)
	refused.clock.cancel()
	_, err := refused.Read(make([]byte, 1))
	require.ErrorIs(t, err, errDetached)
	require.Zero(t, refused.count())

	granted := sending(t, io.NopCloser(strings.NewReader("image")))
	granted.expect.granted = make(chan struct{})
	close(granted.expect.granted)
	n, err := granted.Read(make([]byte, 1))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	granted.expect = nil // would be asked again now
	n, err = granted.Read(make([]byte, 8))
	require.NoError(t, err)
	require.Equal(t, 4, n)
}

// The source of a body is not read for an attempt that is over, however long
// its transport goes on: the next attempt may read the same file.
func TestEarlierAttemptsLeaveTheSource(t *testing.T) {
	t.Parallel()
	var earlier io.Reader
	c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
		if earlier == nil {
			earlier = r.Body
			return respond(r, http.StatusTooManyRequests, strings.NewReader("{}")), nil
		}
		n, err := earlier.Read(make([]byte, 1))
		assert.Zero(t, n, "a byte of the source went to an earlier attempt")
		assert.ErrorIs(t, err, errDetached)
		_, err = io.Copy(io.Discard, r.Body)
		return respond(r, http.StatusOK, strings.NewReader(idsBody)), err
	}))
	require.NoError(t, addFiles(t.Context(), c, FileFromBytes("a.png", []byte("\x89PNG"))))
}
