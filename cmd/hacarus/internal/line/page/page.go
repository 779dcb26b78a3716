// Package page is what the people at a line look at: the last image of each station,
// its verdict, and how old it is, in any number of browsers.
package page

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// A Feed is where the page has its line from.
type Feed interface {
	// Events yields what is there after a sequence number, and then what comes, until
	// the context ends. After an error it ends, and the page asks again from where it
	// was.
	Events(ctx context.Context, after uint64) iter.Seq2[Event, error]
	// Stations returns how the stations are. It is called every second or two.
	Stations(ctx context.Context) ([]Station, error)
	// Image opens an image by its id; fs.ErrNotExist where it is not there any more.
	Image(ctx context.Context, id string) (io.ReadCloser, error)
	// Judge adds a judgement to the record, where it is durable when Judge returns. It
	// then comes back as an event, to this page and to all others.
	Judge(ctx context.Context, j Judgement) error
}

// Event is a verdict or a judgement. Its sequence number is larger than those of
// all events before it, also after a restart.
type Event struct {
	Seq uint64
	record.Entry
}

// Station is how a station is.
type Station struct {
	Name     string
	Waiting  int       // images that were accepted and have no verdict yet
	Oldest   time.Time // since when the image has waited that waits longest; zero if none waits
	LastSeen time.Time // when the station last was heard of; zero if never
	Service  string    // why the service is away for it, in words for its users; "" if it is there
	Lost     bool      // nothing is heard of the station any more
}

// Judgement is what a person says of an image.
type Judgement struct {
	Of      record.Entry // the line about the image that held until then
	Time    time.Time
	Verdict string // OK, NG or unknown
	By      string // the person's name, never empty and never [record.Model]
	Note    string // the reason
}

// Entry returns the new line of the record.
func (j Judgement) Entry() record.Entry {
	e := j.Of
	e.Time, e.Verdict, e.By, e.Note = j.Time, j.Verdict, j.By, j.Note
	e.Error, e.To = nil, ""
	return e
}

// Options are what an operator may want otherwise. The zero value is a page on which
// anybody can look and nobody can judge.
type Options struct {
	Token  string          // what judging needs, and looking too unless Public; "": nobody can judge
	Public bool            // looking needs no token
	Hosts  []string        // names that the page may be called by, besides addresses and localhost
	Shifts []time.Duration // when shifts start, from midnight in Location; none: at midnight
	// Location is where the shifts are; nil is [time.Local].
	Location *time.Location
	Stale    time.Duration // the age from which a verdict is an old one; 0: two minutes
	Title    string        // of the page; "": that of the program
}
