package review

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/judge"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/period"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// book is what the record says of the images that a person should look at. The
// record is the truth: what is judged here is read from there too.
type book struct {
	judge  *judge.Judge
	within period.Period
	doubt  *float64 // the score from which OK images are doubtful; nil for none

	mu      sync.Mutex
	tail    *record.Tail
	images  map[string]*judge.Image
	order   []string        // of ids, as they came
	inside  map[string]bool // whether an image was inspected in the period, by its id; nothing if that is all time
	version int             // grows with what is known
	sending map[string]sendingNow
}

// sendingNow is what the record does not say of boxes: that they are being sent, or
// why that failed.
type sendingNow struct {
	busy bool
	err  error
}

func newBook(path string, j *judge.Judge, within period.Period, doubt *float64) *book {
	return &book{
		judge: j, within: within, doubt: doubt, tail: record.NewTail(path),
		images: map[string]*judge.Image{}, inside: map[string]bool{}, sending: map[string]sendingNow{},
	}
}

// refresh reads what was added to the record, and returns the version of what is
// known then.
func (b *book) refresh() (version int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	err = b.refreshLocked()
	return b.version, err
}

func (b *book) refreshLocked() error {
	late := map[string]bool{}
	for line, err := range b.tail.Lines(b.known()) {
		if err != nil {
			return err
		}
		b.add(line, late)
	}
	return b.complete(late)
}

// known is which images a model's OK is read of: all, where the score or the time
// decides whether a person should look at one.
func (b *book) known() func(id string) bool {
	if b.doubt != nil || b.within != (period.Period{}) {
		return nil
	}
	return func(id string) bool { return b.images[id] != nil }
}

// add adds a line to its image, if a person should look at that, and notes images that
// nobody was to look at until a person did.
func (b *book) add(line record.Line, late map[string]bool) {
	image := b.images[idOf(line)]
	if image == nil {
		if line.Entry == nil || !b.place(*line.Entry) || !b.isDoubtful(*line.Entry) {
			return
		}
		image = &judge.Image{}
		b.images[line.Entry.ID] = image
		b.order = append(b.order, line.Entry.ID)
		late[line.Entry.ID] = line.Entry.By != record.Model
	}
	image.Add(line)
	b.version++
}

// complete reads again what was said of images before a person has judged them.
func (b *book) complete(late map[string]bool) error {
	maps.DeleteFunc(late, func(_ string, is bool) bool { return !is })
	if len(late) == 0 {
		return nil
	}
	whole := map[string]*judge.Image{}
	for id := range late {
		whole[id] = &judge.Image{}
	}
	for line, err := range b.tail.Past() {
		if err != nil {
			return err
		}
		if image := whole[idOf(line)]; image != nil {
			image.Add(line)
		}
	}
	maps.Copy(b.images, whole)
	return nil
}

func idOf(line record.Line) string {
	if line.Entry != nil {
		return line.Entry.ID
	}
	return line.Sending.Image
}

// place remembers whether an image was inspected in the period, which its first entry
// tells, and returns it.
func (b *book) place(e record.Entry) bool {
	if b.within == (period.Period{}) {
		return true
	}
	inside, known := b.inside[e.ID]
	if !known {
		inside = b.within.Has(e.Time)
		b.inside[e.ID] = inside
	}
	return inside
}

// isDoubtful says whether a person should look at an image, or has done so.
func (b *book) isDoubtful(e record.Entry) bool {
	return e.By != record.Model || e.Verdict != string(hacarus.VerdictOK) || b.doubt != nil && e.Score != nil && *e.Score >= *b.doubt
}

// change changes an image by what adds lines to the record, and returns it as it is
// then.
func (b *book) change(l language.Language, id string, by func(*judge.Image) error) (view, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.refreshLocked(); err != nil {
		return view{}, err
	}
	err := by(b.copyOf(id))
	if err == nil {
		err = b.refreshLocked()
	}
	if b.images[id] == nil {
		return view{}, err
	}
	return b.view(l, id), err
}

// copyOf returns what is known of an image, which is nothing for another id.
func (b *book) copyOf(id string) *judge.Image {
	if image := b.images[id]; image != nil {
		return &judge.Image{Entries: slices.Clone(image.Entries), Sendings: slices.Clone(image.Sendings)}
	}
	return &judge.Image{}
}

// entry returns what holds of an image.
func (b *book) entry(id string) (record.Entry, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if image := b.images[id]; image != nil {
		return image.Last(), true
	}
	return record.Entry{}, false
}

// note notes what the record does not say of boxes.
func (b *book) note(id string, now sendingNow) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sending[id] = now
	b.version++
}

// Which images are listed.
const (
	showOpen   = "open"
	showJudged = "judged"
	showAll    = "all"
)

// maxListed bounds what a page shows at a time.
const maxListed = 500

// day is how many images of a day there are.
type day struct {
	Day   string `json:"day"`
	Open  int    `json:"open"`
	Total int    `json:"total"`
}

// list is what the page lists.
type list struct {
	Version int       `json:"version"`
	Now     time.Time `json:"now"`
	CanSend bool      `json:"can_send"`
	Days    []day     `json:"days"` // the last one first
	Images  []view    `json:"images"`
	Total   int       `json:"total"` // of which Images may be the first
}

// list returns the images of a day, or of all days for "". Images that were judged
// since a time stay among those to be judged, so that one can go back to them.
func (b *book) list(l language.Language, wanted, show string, since time.Time) list {
	b.mu.Lock()
	defer b.mu.Unlock()
	listed := list{Version: b.version, Now: time.Now().UTC(), CanSend: b.judge.CanSend(), Images: []view{}}
	days := map[string]day{}
	for _, id := range b.order {
		image := b.images[id]
		judged, name := image.Judged(), dayOf(image)
		d := days[name]
		d.Day = name
		if d.Total++; !judged {
			d.Open++
		}
		days[name] = d
		done := judged && (since.IsZero() || image.Last().Time.Before(since))
		if wanted != "" && wanted != name || show == showOpen && done || show == showJudged && !judged {
			continue
		}
		if listed.Total++; len(listed.Images) < maxListed {
			listed.Images = append(listed.Images, b.view(l, id))
		}
	}
	listed.Days = slices.SortedFunc(maps.Values(days), func(a, b day) int { return strings.Compare(b.Day, a.Day) })
	return listed
}

// dayOf is the day on which an image was inspected, where the page is.
func dayOf(image *judge.Image) string { return image.Entries[0].Time.Local().Format(time.DateOnly) }

// view is an image as the page shows it.
type view struct {
	ID      string      `json:"id"`
	File    string      `json:"file"`
	Day     string      `json:"day"`
	Time    time.Time   `json:"time"` // of the inspection
	Seen    int         `json:"seen"` // entries, which a judgement refers to
	Verdict string      `json:"verdict"`
	Judged  bool        `json:"judged"`
	By      string      `json:"by"`
	Score   *float64    `json:"score"`
	Boxes   [][4]int    `json:"boxes"`
	Error   *string     `json:"error"`
	Station string      `json:"station"`
	Lot     string      `json:"lot"`
	Serial  string      `json:"serial"`
	Model   string      `json:"model"`
	Version string      `json:"model_version"`
	ItemID  string      `json:"item_id"`
	History []judgement `json:"history"` // the last one first
	Sending sendingView `json:"sending"`
}

// judgement is a line of an image's history.
type judgement struct {
	Time    time.Time `json:"time"`
	By      string    `json:"by"` // "" for the model
	Verdict string    `json:"verdict"`
	Note    string    `json:"note"`
	Undo    bool      `json:"undo"`
}

// sendingView is how many of the drawn boxes the service has.
type sendingView struct {
	Sent    int    `json:"sent"`
	Unsent  int    `json:"unsent"`
	Unknown int    `json:"unknown"`
	Busy    bool   `json:"busy"`
	Error   string `json:"error"`
}

func (b *book) view(l language.Language, id string) view {
	image := b.images[id]
	first, last, holding := image.Entries[0], image.Last(), image.Holding()
	v := view{
		ID: id, File: last.File, Day: dayOf(image), Time: first.Time, Seen: len(image.Entries),
		Verdict: last.Verdict, Judged: image.Judged(), Score: last.Score, Boxes: append([][4]int{}, last.Boxes...), Error: last.Error,
		Station: last.Station, Lot: last.Lot, Serial: last.Serial, Model: last.Model, Version: last.Version, ItemID: last.ItemID,
	}
	if v.Judged {
		v.By = holding.By
	}
	for _, e := range slices.Backward(image.Entries) {
		j := judgement{Time: e.Time, Verdict: e.Verdict, Note: e.Note, Undo: e.Undo}
		if e.By != record.Model {
			j.By = e.By
		}
		v.History = append(v.History, j)
	}
	unsent, unknown := image.Unsent()
	v.Sending = sendingView{Sent: image.Sent(), Unsent: len(unsent), Unknown: len(unknown), Busy: b.sending[id].busy}
	if n := len(image.Sendings); n > 0 && len(unsent)+len(unknown) > 0 {
		v.Sending.Error = plain(image.Sendings[n-1].Error)
	}
	if err := b.sending[id].err; err != nil && len(unsent)+len(unknown) > 0 {
		v.Sending.Error = explain(l, err)
	}
	return v
}
