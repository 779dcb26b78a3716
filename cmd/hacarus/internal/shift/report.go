package shift

import (
	"cmp"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/period"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// Counts are images by what holds for them: the last line about each.
type Counts struct {
	Images    int      `json:"images"`
	OK        int      `json:"ok"`
	NG        int      `json:"ng"`
	NoVerdict int      `json:"no_verdict"`
	NGRate    *float64 `json:"ng_rate"` // of those with a verdict; null for none
}

func (c *Counts) add(verdict hacarus.Verdict) {
	c.Images++
	switch verdict {
	case hacarus.VerdictOK:
		c.OK++
	case hacarus.VerdictNG:
		c.NG++
	default:
		c.NoVerdict++
	}
}

func (c *Counts) rate() {
	if judged := c.OK + c.NG; judged > 0 {
		c.NGRate = new(float64(c.NG) / float64(judged))
	}
}

// Group is the images that have something in common.
type Group struct {
	Name string `json:"name"`
	Counts
}

// Reason is why images have no verdict.
type Reason struct {
	Reason string `json:"reason"`
	Images int    `json:"images"`
}

// Judgement is what a person says of an image that a model has inspected.
type Judgement struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	File    string    `json:"file"`
	Lot     string    `json:"lot"`
	Serial  string    `json:"serial"`
	Model   string    `json:"model_verdict"`
	Verdict string    `json:"verdict"`
	By      string    `json:"by"`
	Note    string    `json:"note"`
}

// Changed says whether the person sees it another way.
func (j Judgement) Changed() bool { return j.Model != j.Verdict }

// Person is how much somebody has judged.
type Person struct {
	Name    string `json:"name"`
	Judged  int    `json:"judged"`
	Changed int    `json:"changed"`
}

// Report is what became of the images of a time.
type Report struct {
	From *time.Time `json:"from"` // null for the beginning of the record
	To   *time.Time `json:"to"`   // null for its end
	Counts
	Reasons    []Reason    `json:"reasons"`
	Hours      []Group     `json:"hours"` // named by their beginning
	Lots       []Group     `json:"lots"`
	Stations   []Group     `json:"stations"`
	Models     []Group     `json:"models"`
	People     []Person    `json:"people"`
	Judgements []Judgement `json:"judgements"`
}

// account is a record as far as a report needs it: the images of a time are those that
// a model has inspected in it, and judgements count whenever they were made. Of an
// image with one line, which most have, it keeps a hash.
type account struct {
	path   string
	within period.Period
	seed   maphash.Seed
	images map[uint64]bool  // by hashes of their ids: whether there are several lines
	others map[string]lines // of the images with several
}

// lines are those of an image that hold, from its first one in the time: the last of
// them counts.
type lines []record.Entry

// add adds a line. One that takes a judgement back leaves what held before.
func (l lines) add(e record.Entry) lines {
	switch last := len(l) - 1; {
	case !e.Undo:
		return append(l, e)
	case last > 0 && l[last].By != record.Model:
		return l[:last]
	}
	return l
}

// read reads a record.
func read(path string, within period.Period) (*account, error) {
	a := &account{path: path, within: within, seed: maphash.MakeSeed(), images: map[uint64]bool{}, others: map[string]lines{}}
	for e, err := range record.Select(path, func(id string, at time.Time) bool { return within.Has(at) || a.has(id) }) {
		if err != nil {
			return nil, err
		}
		if known := a.has(e.ID); known || a.begins(e) {
			a.images[a.hash(e.ID)] = known
		}
	}
	for e, err := range record.Select(path, func(id string, _ time.Time) bool { return a.images[a.hash(id)] }) {
		if err != nil {
			return nil, err
		}
		a.note(e)
	}
	return a, nil
}

func (a *account) hash(id string) uint64 { return maphash.String(a.seed, id) }

func (a *account) has(id string) bool {
	_, known := a.images[a.hash(id)]
	return known
}

// begins says whether an entry is the inspection of an image in the time.
func (a *account) begins(e record.Entry) bool { return e.By == record.Model && a.within.Has(e.Time) }

func (a *account) note(e record.Entry) {
	if l := a.others[e.ID]; l != nil || a.begins(e) {
		a.others[e.ID] = l.add(e)
	}
}

// each calls f for each image, in the order in which they were inspected, with the
// model's line and the one that holds.
func (a *account) each(f func(model, last record.Entry) error) error {
	told := map[string]bool{} // of those with several lines
	for e, err := range record.Select(a.path, func(id string, at time.Time) bool { return a.within.Has(at) && a.has(id) }) {
		if err != nil {
			return err
		}
		if !a.begins(e) {
			continue
		}
		l := lines{e}
		if a.images[a.hash(e.ID)] {
			if l = a.others[e.ID]; l == nil || told[e.ID] {
				continue
			}
			told[e.ID] = true
		}
		if err := f(l[0], l[len(l)-1]); err != nil {
			return err
		}
	}
	return nil
}

// groups counts images by names.
type groups map[string]*Counts

func (g groups) add(name string, verdict hacarus.Verdict) {
	if g[name] == nil {
		g[name] = new(Counts)
	}
	g[name].add(verdict)
}

// list returns the groups in the order of their names. Images that have nothing in
// common are no group.
func (g groups) list() []Group {
	list := []Group{}
	for _, name := range slices.Sorted(maps.Keys(g)) {
		if len(g) > 1 || name != "" {
			g[name].rate()
			list = append(list, Group{name, *g[name]})
		}
	}
	return list
}

// report makes the report of an account, with hours of a place.
func (a *account) report(at *time.Location) (*Report, error) {
	r := &Report{Judgements: []Judgement{}, People: []Person{}, Reasons: []Reason{}}
	if !a.within.From.IsZero() {
		r.From = &a.within.From
	}
	if !a.within.To.IsZero() {
		r.To = &a.within.To
	}
	hours, lots, stations, models := groups{}, groups{}, groups{}, groups{}
	reasons, people := map[string]int{}, map[string]*Person{}
	if err := a.each(func(model, last record.Entry) error {
		verdict := hacarus.Verdict(last.Verdict)
		r.add(verdict)
		hours.add(hourOf(model.Time.In(at)), verdict)
		lots.add(model.Lot, verdict)
		stations.add(model.Station, verdict)
		models.add(strings.TrimSpace(model.Model+" "+model.Version), verdict)
		if verdict != hacarus.VerdictOK && verdict != hacarus.VerdictNG {
			countReason(reasons, reasonOf(last))
		}
		if last.By != record.Model {
			j := judgementOf(model, last)
			r.Judgements = append(r.Judgements, j)
			countPerson(people, j)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	r.rate()
	r.Hours, r.Lots, r.Stations, r.Models = hours.list(), lots.list(), stations.list(), models.list()
	for reason, n := range reasons {
		r.Reasons = append(r.Reasons, Reason{reason, n})
	}
	slices.SortFunc(r.Reasons, func(a, b Reason) int { return cmp.Or(b.Images-a.Images, strings.Compare(a.Reason, b.Reason)) })
	for _, name := range slices.Sorted(maps.Keys(people)) {
		r.People = append(r.People, *people[name])
	}
	return r, nil
}

func hourOf(t time.Time) string {
	return t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second).Format(hourForm)
}

// hourForm is how the beginning of an hour is written, which no other hour has.
const hourForm = "2006-01-02T15:04Z07:00"

func judgementOf(model, last record.Entry) Judgement {
	return Judgement{
		ID: model.ID, Time: last.Time, File: model.File, Lot: model.Lot, Serial: model.Serial,
		Model: model.Verdict, Verdict: last.Verdict, By: last.By, Note: last.Note,
	}
}

func countPerson(people map[string]*Person, j Judgement) {
	if people[j.By] == nil {
		people[j.By] = &Person{Name: j.By}
	}
	people[j.By].Judged++
	if j.Changed() {
		people[j.By].Changed++
	}
}

// maxReasons bounds how many reasons are told apart.
const maxReasons = 100

const otherReasons = "…"

func countReason(reasons map[string]int, reason string) {
	if _, known := reasons[reason]; !known && len(reasons) >= maxReasons {
		reason = otherReasons
	}
	reasons[reason]++
}

// reasonOf is why an image has no verdict, without its name, so that those of many
// images are one.
func reasonOf(e record.Entry) string {
	if e.Error == nil {
		return e.By + ": " + e.Verdict
	}
	reason := strings.TrimPrefix(*e.Error, "hacarus: ")
	for _, own := range []string{e.File, e.ItemID} {
		if own != "" {
			reason = strings.ReplaceAll(reason, own, "…")
		}
	}
	return reason
}
