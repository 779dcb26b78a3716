package page

import (
	"bytes"
	"maps"
	"slices"
	"sync"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/judge"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// What a page keeps, whatever the line has inspected.
const (
	keptImages   = 30   // of each station
	keptEvents   = 1024 // for browsers that come back
	keptStations = 500
	keptLines    = 32  // of an image
	sentBoxes    = 100 // of an image
	sentText     = 300 // letters of a reason
)

// line is what is known of a line.
type line struct {
	shifts shifts

	mu       sync.Mutex
	changed  chan struct{} // closed when anything does, and then replaced
	seq      uint64        // of the last event
	since    uint64        // the sequence number after which log has all
	log      []message     // the last events, oldest first
	stations map[string]*station
	images   map[string]*shownImage // those of the stations, by id
	shift    shift
	away     map[source]bool // what of the feed fails
	recalled bool            // what is older than the first event has been taken in
	until    uint64          // the last event that was there at the start
	current  bool            // it has been taken in, too
	version  int             // of the status
	told     []byte          // the status
	whole    whole           // what browsers begin with
}

// source is a part of the feed.
type source string

const (
	sourceEvents   source = "events"
	sourceStations source = "stations"
)

// whole is all that is shown, as it was sent to a browser a moment ago. What came
// since follows it, so that it serves all browsers that come at the same time.
type whole struct {
	place
	at   time.Time
	text []byte
}

// message is an event as it is sent.
type message struct {
	seq  uint64
	text []byte
}

// station is what is kept of a station.
type station struct {
	Station
	recent []*shownImage // oldest first
	counts counts
	latest time.Time
}

// counts are the images of a shift by the verdict that holds.
type counts struct {
	OK   int `json:"ok"`
	NG   int `json:"ng"`
	None int `json:"none"`
}

func (c *counts) of(verdict string) *int {
	switch hacarus.Verdict(verdict) {
	case hacarus.VerdictOK:
		return &c.OK
	case hacarus.VerdictNG:
		return &c.NG
	}
	return &c.None
}

// shownImage is what is kept of an image.
type shownImage struct {
	judge.Image
	id, station string    // an image stays where it was made, whatever later lines say
	seq         uint64    // of its last line
	since       time.Time // when it was inspected
	counted     bool      // it is of this shift
}

// add adds a line about the image. If it is judged again and again, the first
// judgements are forgotten.
func (i *shownImage) add(e Event) {
	i.seq, e.Station = e.Seq, i.station
	if i.Entries = append(i.Entries, e.Entry); len(i.Entries) > keptLines {
		i.Entries = slices.Delete(i.Entries, 1, 2)
	}
}

// byModel is what the model says of the image.
func (i *shownImage) byModel() record.Entry {
	for _, e := range slices.Backward(i.Entries) {
		if e.By == record.Model {
			return e
		}
	}
	return record.Entry{}
}

func newLine(s shifts) *line {
	now := time.Now()
	l := &line{
		shifts: s, shift: s.at(now),
		changed: make(chan struct{}), stations: map[string]*station{}, images: map[string]*shownImage{}, away: map[source]bool{},
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tellLocked()
	return l
}

// position is the sequence number of the last event.
func (l *line) position() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seq
}

// begin returns the start of the shift, from which all events are counted, and
// whether what is older has been taken in.
func (l *line) begin() (since time.Time, recalled bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turnLocked(time.Now())
	return l.shift.start, l.recalled
}

// recall takes in what is older than the events that follow. Browsers do not get it as
// events, but in all that is shown.
func (l *line) recall(past Past) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for _, e := range past.Older {
		l.enterLocked(e, now)
	}
	l.seq, l.since, l.until, l.recalled = past.After, past.After, past.Until, true
	l.settleLocked()
}

// settleLocked notes when all that was there at the start has been taken in. What is
// counted until then is not shown.
func (l *line) settleLocked() {
	if !l.current && l.recalled && l.seq >= l.until {
		l.current = true
		l.tellLocked()
	}
}

// take takes an event in. One that was there already is left out.
func (l *line) take(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Seq <= l.seq {
		return
	}
	now := time.Now()
	l.turnLocked(now)
	l.seq = e.Seq
	l.log = append(l.log, message{e.Seq, encode("verdict", e.Seq, l.enterLocked(e, now))})
	if len(l.log) > keptEvents {
		l.since = l.log[0].seq
		l.log[0].text = nil
		l.log = l.log[1:]
	}
	l.settleLocked()
	l.wakeLocked()
}

// verdictView is an event as browsers see it.
type verdictView struct {
	Seq     uint64     `json:"seq"`
	Station string     `json:"station"`
	Image   *imageView `json:"image"` // null for a judgement of an image that is not shown any more
	Counts  counts     `json:"counts"`
}

func (l *line) enterLocked(e Event, now time.Time) verdictView {
	i := l.images[e.ID]
	switch {
	case i != nil:
		s := l.stations[i.station]
		s.change(i, e)
		return verdictView{e.Seq, s.Name, i.view(), s.counts}
	case e.By != record.Model:
		return verdictView{Seq: e.Seq, Station: e.Station}
	}
	s := l.stationLocked(e.Station, now)
	i = l.addLocked(s, e, now)
	return verdictView{e.Seq, s.Name, i.view(), s.counts}
}

// addLocked adds an image to a station, in place of the oldest.
func (l *line) addLocked(s *station, e Event, now time.Time) *shownImage {
	i := &shownImage{id: e.ID, station: s.Name, since: earlier(e.Time, now), counted: !e.Time.Before(l.shift.start)}
	i.add(e)
	if i.counted {
		*s.counts.of(e.Verdict)++
	}
	if len(s.recent) >= keptImages {
		delete(l.images, s.recent[0].id)
		s.recent = slices.Delete(s.recent, 0, 1)
	}
	s.recent = append(s.recent, i)
	l.images[e.ID] = i
	return i
}

// change takes in a further line about an image.
func (s *station) change(i *shownImage, e Event) {
	if i.counted {
		*s.counts.of(i.Last().Verdict)--
		*s.counts.of(e.Verdict)++
	}
	i.add(e)
}

// stationLocked returns a station, which is made if it is not there.
func (l *line) stationLocked(name string, now time.Time) *station {
	s := l.stations[name]
	if s == nil {
		if len(l.stations) >= keptStations {
			l.forgetLocked()
		}
		s = &station{Station: Station{Name: name}}
		l.stations[name] = s
	}
	s.latest = now
	return s
}

// forgetLocked forgets the station that was not heard of for longest.
func (l *line) forgetLocked() {
	longest := slices.MinFunc(slices.Collect(maps.Values(l.stations)), func(a, b *station) int { return a.latest.Compare(b.latest) })
	for _, i := range longest.recent {
		delete(l.images, i.id)
	}
	delete(l.stations, longest.Name)
}

// look takes in how the stations are.
func (l *line) look(stations []Station) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.turnLocked(now)
	for _, s := range stations {
		l.stationLocked(s.Name, now).Station = s
	}
	delete(l.away, sourceStations)
	l.tellLocked()
}

// failed notes that a part of the feed fails. It is false if that is known.
func (l *line) failed(from source) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away[from] {
		return false
	}
	l.away[from] = true
	l.tellLocked()
	return true
}

// reached notes that a part of the feed is there again.
func (l *line) reached(from source) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.away, from)
	l.tellLocked()
}

// turnLocked begins to count anew with each shift.
func (l *line) turnLocked(now time.Time) {
	if now.Before(l.shift.next) {
		return
	}
	l.shift = l.shifts.at(now)
	for _, s := range l.stations {
		s.counts = counts{}
	}
	for _, i := range l.images {
		i.counted = false
	}
	l.tellLocked()
}

func (l *line) wakeLocked() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// stationOf returns the station of an image. It is false for an image that is not
// shown any more.
func (l *line) stationOf(id string) (name string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.images[id]
	if i == nil {
		return "", false
	}
	return i.station, true
}

// imageOf returns an image as browsers see it; nil for one that is not shown any more.
func (l *line) imageOf(id string) *imageView {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := l.images[id]; i != nil {
		return i.view()
	}
	return nil
}

// await waits until there is a newer line about an image than seq, or done is.
func (l *line) await(done <-chan struct{}, id string, seq uint64) {
	for {
		l.mu.Lock()
		i, changed := l.images[id], l.changed
		there := i == nil || i.seq > seq
		l.mu.Unlock()
		if there {
			return
		}
		select {
		case <-done:
			return
		case <-changed:
		}
	}
}

// statusView is how the line is, as browsers see it.
type statusView struct {
	Seq      uint64        `json:"seq"` // the counts are those after it
	Shift    int64         `json:"shift"`
	Away     bool          `json:"away"` // the line cannot be followed
	Stations []stationView `json:"stations"`
}

type stationView struct {
	Name     string      `json:"name"`
	Waiting  int         `json:"waiting"`
	Oldest   int64       `json:"oldest"`
	LastSeen int64       `json:"seen"` // 0 unless the station is lost
	Service  string      `json:"service"`
	Trouble  string      `json:"trouble"` // what kind of reason that is
	Lost     bool        `json:"lost"`
	Counts   counts      `json:"counts"`
	Recent   []imageView `json:"recent,omitempty"` // newest first
}

// tellLocked makes the status, for all browsers that have an older one.
func (l *line) tellLocked() {
	text := encode("status", 0, l.statusLocked(false))
	if bytes.Equal(text, l.told) {
		return
	}
	l.told = text
	l.version++
	l.wakeLocked()
}

func (l *line) statusLocked(images bool) statusView {
	view := statusView{Shift: milliseconds(l.shift.start), Away: len(l.away) > 0, Stations: []stationView{}}
	if l.current {
		view.Seq, view.Stations = l.seq, l.viewsLocked(images)
	}
	return view
}

// viewsLocked is the stations by their names, with their images or without.
func (l *line) viewsLocked(images bool) []stationView {
	views := make([]stationView, 0, len(l.stations))
	for _, name := range slices.Sorted(maps.Keys(l.stations)) {
		s := l.stations[name]
		v := stationView{Name: name, Waiting: s.Waiting, Oldest: milliseconds(s.Oldest), Service: s.Service, Trouble: string(s.Trouble), Lost: s.Lost, Counts: s.counts}
		if s.Lost {
			v.LastSeen = milliseconds(s.LastSeen)
		}
		if images {
			for _, i := range slices.Backward(s.recent) {
				v.Recent = append(v.Recent, *i.view())
			}
		}
		views = append(views, v)
	}
	return views
}

// imageView is an image as browsers see it.
type imageView struct {
	ID      string   `json:"id"`
	Seq     uint64   `json:"seq"`
	Since   int64    `json:"since"`             // when it was inspected
	Written int64    `json:"written,omitempty"` // when it was made
	File    string   `json:"file"`
	Lot     string   `json:"lot,omitempty"`
	Serial  string   `json:"serial,omitempty"`
	Verdict string   `json:"verdict"`
	Model   string   `json:"model"` // the model's verdict
	Score   *float64 `json:"score"`
	Boxes   [][4]int `json:"boxes,omitempty"`
	More    int      `json:"more,omitempty"` // boxes that are left out
	Error   string   `json:"error,omitempty"`
	By      string   `json:"by,omitempty"` // the person whose judgement holds
	Note    string   `json:"note,omitempty"`
	UndoBy  string   `json:"undoBy,omitempty"` // the person who has just taken a judgement back
	UndoWhy string   `json:"undoWhy,omitempty"`
}

func (i *shownImage) view() *imageView {
	last := i.Last()
	v := &imageView{
		ID: i.id, Seq: i.seq, Since: milliseconds(i.since), Written: milliseconds(last.Written), File: last.File, Lot: last.Lot, Serial: last.Serial,
		Verdict: last.Verdict, Model: i.byModel().Verdict, Score: last.Score, Boxes: last.Boxes,
	}
	if len(v.Boxes) > sentBoxes {
		v.Boxes, v.More = v.Boxes[:sentBoxes], len(v.Boxes)-sentBoxes
	}
	if last.Error != nil {
		v.Error = short(*last.Error)
	}
	if holds := i.Holding(); holds.By != record.Model {
		v.By, v.Note = holds.By, short(holds.Note)
	}
	if last.Undo {
		v.UndoBy, v.UndoWhy = last.By, short(last.Note)
	}
	return v
}

// earlier is the earlier of two times: the clock of another computer may be ahead,
// and must not make an image look newer than it is.
func earlier(t, now time.Time) time.Time {
	if t.After(now) {
		return now
	}
	return t
}

// milliseconds is a time as browsers count it; 0 for none.
func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// short cuts what is too long to be read at a line.
func short(text string) string {
	if letters := []rune(text); len(letters) > sentText {
		return string(letters[:sentText]) + "…"
	}
	return text
}
