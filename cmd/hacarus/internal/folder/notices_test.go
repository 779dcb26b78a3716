package folder

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Where notices come, an image is found long before the next look, also in a folder
// that was removed and made anew.
func TestNoticesComeBeforeTheLook(t *testing.T) {
	t.Parallel()
	n := NewNotices(nil)
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

// inbox notes what comes into a folder.
type inbox struct {
	found []string
	away  []bool
}

func (b *inbox) Found(_ context.Context, images []*Image) {
	for _, image := range images {
		b.found = append(b.found, image.Name())
	}
}

func (b *inbox) Away(reason error) { b.away = append(b.away, reason != nil) }

// watched is what comes into a folder in some time.
func watched(t *testing.T, f *Folder, d time.Duration) *inbox {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	b := new(inbox)
	f.Watch(ctx, b)
	return b
}

// A notice lets the next look come soon, and an image is taken when it has settled.
func TestNoticesHurryTheLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		notices := &Notices{came: make(chan struct{}, 1), refused: true}
		dir := t.TempDir()
		time.AfterFunc(10*time.Minute, func() {
			write(t, filepath.Join(dir, "good.png"), "x")
			notices.came <- struct{}{}
		})
		f := New(Options{Dir: dir, Every: time.Hour, Settle: 2 * time.Second}, notices)
		require.Equal(t, []string{"good.png"}, watched(t, f, 11*time.Minute).found)
	})
}

// Where the system gives no notices, looking finds everything, and that is told once.
func TestNoticesThatAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tried, told := 0, 0
		notices := NewNotices(func(refusal error, every time.Duration) {
			told++
			assert.ErrorIs(t, refusal, syscall.ENOSPC)
			assert.Equal(t, time.Second, every)
		})
		notices.open = func(string) (*fsnotify.Watcher, error) {
			tried++
			return nil, syscall.ENOSPC // the limit of watches is reached
		}
		dir := t.TempDir()
		write(t, filepath.Join(dir, "bad.png"), "x")
		f := New(Options{Dir: dir, Every: time.Second, Settle: 2 * time.Second}, notices)
		require.Equal(t, []string{"bad.png"}, watched(t, f, time.Minute).found)
		require.Equal(t, []int{1, 1}, []int{tried, told})
	})
}

// A folder that goes and comes back is told of once each time.
func TestAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "in")
		require.NoError(t, os.Mkdir(dir, 0o700))
		write(t, filepath.Join(dir, "1.png"), "x")
		time.AfterFunc(10*time.Second, func() { assert.NoError(t, os.Rename(dir, dir+"-away")) })
		time.AfterFunc(time.Minute, func() { assert.NoError(t, os.Rename(dir+"-away", dir)) })
		time.AfterFunc(70*time.Second, func() { write(t, filepath.Join(dir, "2.png"), "x") })
		b := watched(t, New(Options{Dir: dir, Every: time.Second, Settle: 2 * time.Second}, nil), 2*time.Minute)
		require.Equal(t, []string{"1.png", "2.png"}, b.found)
		require.Equal(t, []bool{true, false}, b.away)
	})
}

// Notices that are lost are one, too, and the end of all is none.
func TestLostNotices(t *testing.T) {
	t.Parallel()
	n := NewNotices(nil)
	watcher := &fsnotify.Watcher{Events: make(chan fsnotify.Event), Errors: make(chan error)}
	ended := make(chan struct{})
	go func() { defer close(ended); n.pass(watcher) }()
	for range 3 { // nobody takes them
		watcher.Errors <- fsnotify.ErrEventOverflow
	}
	<-n.came
	close(watcher.Events)
	<-ended
	require.Nil(t, (*Notices)(nil).coming())
}
