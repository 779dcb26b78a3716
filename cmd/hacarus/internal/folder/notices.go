package folder

import (
	"errors"
	"os"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Notices are those that the system gives of changes in a folder. They only let the
// next look come sooner: what they miss, such as on a network share, it finds all
// the same. Nil gives none.
type Notices struct {
	tell    func(refusal error, every time.Duration)
	open    func(dir string) (*fsnotify.Watcher, error)
	came    chan struct{} // holds something when there was one
	watcher *fsnotify.Watcher
	of      os.FileInfo // the folder that is watched
	refused bool
}

// NewNotices returns notices of one folder. Where the system refuses them, tell is
// called, with the time between two looks.
func NewNotices(tell func(refusal error, every time.Duration)) *Notices {
	return &Notices{tell: tell, open: openWatcher, came: make(chan struct{}, 1)}
}

func openWatcher(dir string) (*fsnotify.Watcher, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	if err := watcher.Add(dir); err != nil {
		return nil, errors.Join(err, watcher.Close())
	}
	return watcher, nil
}

// attend sees to it that notices of the folder come which is there now: it may have
// been removed and made anew. Where the system refuses that, it is told of once, and
// not asked for again.
func (n *Notices) attend(dir string, every time.Duration) {
	if n == nil || n.refused {
		return
	}
	info, err := os.Stat(dir)
	if err != nil || n.isOf(info) {
		return
	}
	n.close()
	watcher, err := n.open(dir)
	if err != nil {
		n.refused = true
		n.tell(err, every)
		return
	}
	n.watcher, n.of = watcher, info
	go n.pass(watcher)
}

// isOf says whether notices come of a folder. A system forgets one that is removed,
// and may give its number to the next.
func (n *Notices) isOf(info os.FileInfo) bool {
	return n.watcher != nil && len(n.watcher.WatchList()) > 0 && os.SameFile(info, n.of)
}

// pass passes notices on until there will be none. An error is one as well: it says
// that some were lost.
func (n *Notices) pass(watcher *fsnotify.Watcher) {
	for {
		var more bool
		select {
		case _, more = <-watcher.Events:
		case _, more = <-watcher.Errors:
		}
		if !more {
			return
		}
		select {
		case n.came <- struct{}{}:
		default:
		}
	}
}

// coming is where notices come; nil where none will.
func (n *Notices) coming() <-chan struct{} {
	if n == nil {
		return nil
	}
	return n.came
}

func (n *Notices) close() {
	if n != nil && n.watcher != nil {
		_ = n.watcher.Close() // nothing hangs on it
		n.watcher = nil
	}
}
