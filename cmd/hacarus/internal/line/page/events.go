package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// How events reach browsers.
const (
	maxBrowsers   = 512
	gather        = 50 * time.Millisecond // what comes within it goes out together
	writeTime     = 10 * time.Second      // a browser that takes nothing for so long is dropped
	eventsAtOnce  = 256
	shortestRetry = time.Second
	longestRetry  = 5 * time.Second
)

// place is how far a browser has come.
type place struct {
	seq     uint64
	known   bool // seq is of this line; otherwise the browser has nothing yet
	version int  // of the status
}

// events is a stream of server-sent events. It begins after the event that the
// browser had last where that is still known, and else with all that is shown.
//
// Each browser has a place of its own in what the page keeps, and nothing is
// queued for it: one that is slow holds up nobody, and one that is too slow for
// what is kept gets all that is shown once more.
func (page *Page) events(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead { // whether a browser may come again
		w.WriteHeader(http.StatusNoContent)
		return
	}
	select {
	case page.browsers <- struct{}{}:
		defer func() { <-page.browsers }()
	default:
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many browsers", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	at := placeOf(r)
	// Browsers that lost the page together must not come back together.
	retry := shortestRetry + rand.N(longestRetry-shortestRetry) //nolint:gosec // no secret
	text := fmt.Appendf(nil, "retry: %d\n\nevent: version\ndata: %q\n\n", retry.Milliseconds(), page.version)
	for {
		var changed <-chan struct{}
		text, at, changed = page.line.next(append(text, beatText()...), at)
		if !send(w, text) || !page.wait(r, changed) {
			return
		}
		text = text[:0]
	}
}

// placeOf reads what the browser had last. The address has it where a script
// connects anew, for which the browser does not send a header.
func placeOf(r *http.Request) place {
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		last = r.URL.Query().Get("after")
	}
	seq, err := strconv.ParseUint(last, 10, 64)
	return place{seq: seq, known: err == nil}
}

// beatText tells the page's time, from which browsers compute all ages.
func beatText() []byte { return fmt.Appendf(nil, "event: beat\ndata: %d\n\n", time.Now().UnixMilli()) }

// next appends what a browser at a place has not yet seen. The channel is closed
// when there is more.
func (l *line) next(text []byte, at place) ([]byte, place, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.current {
		// What is there is not known yet, and if it cannot be, that is all to tell.
		if len(l.away) > 0 && at.version != l.version {
			text, at.version = append(text, l.told...), l.version
		}
		return text, at, l.changed
	}
	// A place that this line has not reached is that of another one.
	if !at.known || at.seq < l.since || at.seq > l.seq {
		text, at = append(text, l.wholeLocked(time.Now())...), l.whole.place
	}
	for n := 0; n < eventsAtOnce && at.seq < l.seq; n++ {
		m := l.after(at.seq)
		text, at.seq = append(text, m.text...), m.seq
	}
	if at.version != l.version {
		text, at.version = append(text, l.told...), l.version
	}
	return text, at, l.changed
}

// wholeLocked returns all that is shown.
func (l *line) wholeLocked(now time.Time) []byte {
	if w := &l.whole; w.text == nil || now.Sub(w.at) > gather || w.seq < l.since {
		*w = whole{place{seq: l.seq, known: true, version: l.version}, now, encode("snapshot", l.seq, l.statusLocked(true))}
	}
	return l.whole.text
}

// after returns the first event after a number that the log reaches back to.
func (l *line) after(seq uint64) message {
	low, high := 0, len(l.log)
	for low < high {
		if middle := (low + high) / 2; l.log[middle].seq > seq {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return l.log[low]
}

// send writes to a browser. It is false for one that does not take it.
func send(w http.ResponseWriter, text []byte) bool {
	control := http.NewResponseController(w)
	if err := control.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return false
	}
	if _, err := w.Write(text); err != nil {
		return false
	}
	return control.Flush() == nil
}

// wait waits until there is something to send. It is false when the stream ends.
func (page *Page) wait(r *http.Request, changed <-chan struct{}) bool {
	select {
	case <-r.Context().Done():
		return false
	case <-page.ended:
		return false
	case <-time.After(page.beat):
		return true
	case <-changed:
	}
	pause(r.Context(), gather)
	return true
}

// encode makes a server-sent event. One without a number leaves the browser's
// place as it is.
func encode(name string, seq uint64, value any) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "event: %s\n", name)
	if seq > 0 {
		fmt.Fprintf(&b, "id: %d\n", seq)
	}
	b.WriteString("data: ")
	// The encoder ends with a newline, and has no other.
	if err := json.NewEncoder(&b).Encode(value); err != nil {
		panic(err) // what is sent consists of text and numbers
	}
	b.WriteByte('\n')
	return b.Bytes()
}
