package watch

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
)

// Where notices come, an image is found long before the next look, also in a folder
// that was removed and made anew.
func TestNoticesComeBeforeTheLook(t *testing.T) {
	t.Parallel()
	n := newNotices(program.NewFor(&bytes.Buffer{}, &bytes.Buffer{}, output.Table))
	t.Cleanup(n.close)
	dir := t.TempDir() + "/in"
	for range 3 {
		require.NoError(t, os.Mkdir(dir, 0o700))
		n.attend(dir, time.Second)
		if n.refused {
			t.Skip("the system gives none")
		}
		for len(n.came) > 0 {
			<-n.came
		}
		require.NoError(t, os.WriteFile(dir+"/a.png", []byte("x"), 0o600))
		select {
		case <-n.came:
		case <-time.After(time.Minute):
			require.Fail(t, "no notice came")
		}
		require.NoError(t, os.RemoveAll(dir))
		require.Eventually(t, func() bool { return len(n.watcher.WatchList()) == 0 }, time.Minute, time.Millisecond)
	}
}

// A notice lets the next look come soon, and an image is taken when it has settled.
func TestNoticesHurryTheLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t)
		w.opts.every = time.Hour
		w.notices = &notices{came: make(chan struct{}, 1), refused: true}
		time.AfterFunc(10*time.Minute, func() {
			w.write(t, "good.png", picture(t, 0))
			w.notices.came <- struct{}{}
		})
		w.watch(t, 11*time.Minute)
		require.Len(t, w.entries(t), 1)
	})
}

// Where the system gives no notices, looking finds everything, and that is told once.
func TestNoticesThatAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t)
		tried := 0
		w.notices = newNotices(program.NewFor(&w.stdout, &w.stderr, output.Table))
		w.notices.open = func(string) (*fsnotify.Watcher, error) {
			tried++
			return nil, syscall.ENOSPC // the limit of watches is reached
		}
		w.write(t, "bad.png", picture(t, 0xff))
		w.watch(t, time.Minute)
		require.Len(t, names(t, w.opts.ng), 1)
		require.Equal(t, 1, strings.Count(w.stderr.String(), "no notice"), w.stderr.String())
		require.Equal(t, 1, tried)
	})
}

// Notices that are lost are one, too, and the end of all is none.
func TestLostNotices(t *testing.T) {
	t.Parallel()
	n := newNotices(nil)
	watcher := &fsnotify.Watcher{Events: make(chan fsnotify.Event), Errors: make(chan error)}
	ended := make(chan struct{})
	go func() { defer close(ended); n.pass(watcher) }()
	for range 3 { // nobody takes them
		watcher.Errors <- fsnotify.ErrEventOverflow
	}
	<-n.came
	close(watcher.Events)
	<-ended
	require.Nil(t, (*notices)(nil).coming())
}
