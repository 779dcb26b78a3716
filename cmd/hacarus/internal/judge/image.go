package judge

import (
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// Image is what a record says of one image, in the order in which it was written.
type Image struct {
	Entries  []record.Entry
	Sendings []record.Sending
}

// Add adds a line of the record about the image.
func (i *Image) Add(line record.Line) {
	if line.Entry != nil {
		i.Entries = append(i.Entries, *line.Entry)
	}
	if line.Sending != nil {
		i.Sendings = append(i.Sendings, *line.Sending)
	}
}

// Last is the last entry, which is what holds; the zero entry if there is none.
func (i *Image) Last() record.Entry {
	if len(i.Entries) == 0 {
		return record.Entry{}
	}
	return i.Entries[len(i.Entries)-1]
}

// ID is the image's.
func (i *Image) ID() string { return i.Last().ID }

// Judged says whether what holds is what a person has said.
func (i *Image) Judged() bool {
	holding := i.holding()
	return len(holding) > 0 && holding[len(holding)-1].By != record.Model
}

// Holding is the entry that said first what holds: it tells who decided, and why. That is
// the last one, or after an undo one before it.
func (i *Image) Holding() record.Entry {
	holding := i.holding()
	if len(holding) == 0 {
		return i.Last()
	}
	return holding[len(holding)-1]
}

// holding returns the entries that were not taken back.
func (i *Image) holding() (holding []record.Entry) {
	for _, e := range i.Entries {
		switch {
		case !e.Undo:
			holding = append(holding, e)
		case len(holding) > 1 && holding[len(holding)-1].By != record.Model:
			holding = holding[:len(holding)-1]
		}
	}
	return holding
}

// Before is what held before the judgement that holds; false if no judgement does.
func (i *Image) Before() (record.Entry, bool) {
	holding := i.holding()
	if len(holding) < 2 || holding[len(holding)-1].By == record.Model {
		return record.Entry{}, false
	}
	return holding[len(holding)-2], true
}

// check refuses what is about another image, or does not know of its last entry. The
// record only grows, so that their number tells.
func (i *Image) check(id string, seen int) error {
	switch {
	case i.ID() == "" || i.ID() != id:
		return language.Errorf("the record has no such image")
	case seen != 0 && seen != len(i.Entries):
		return ErrOvertaken
	}
	return nil
}

// Drawn are the boxes of the judgement that holds and that are not the model's.
func (i *Image) Drawn() (drawn [][4]int) {
	if !i.Judged() {
		return nil
	}
	of := map[[4]int]bool{}
	for _, e := range i.Entries {
		if e.By == record.Model {
			for _, b := range e.Boxes {
				of[b] = true
			}
		}
	}
	for _, b := range i.Last().Boxes {
		if !of[b] {
			of[b] = true // twice the same box is one
			drawn = append(drawn, b)
		}
	}
	return drawn
}

// Unsent are the drawn boxes that the service does not have, and those of which
// nobody knows whether it has them.
func (i *Image) Unsent() (unsent, unknown [][4]int) {
	states := i.states()
	for _, b := range i.Drawn() {
		switch states[b] {
		case record.SendingDone:
		case record.SendingUnknown:
			unknown = append(unknown, b)
		default:
			unsent = append(unsent, b)
		}
	}
	return unsent, unknown
}

// Sent is how many boxes the service was sent, also those that no judgement has any
// more.
func (i *Image) Sent() (n int) {
	for _, state := range i.states() {
		if state == record.SendingDone {
			n++
		}
	}
	return n
}

func (i *Image) states() map[[4]int]record.SendingState {
	states := map[[4]int]record.SendingState{}
	for _, s := range i.Sendings {
		for _, b := range s.Boxes {
			states[b] = s.State
		}
	}
	return states
}
