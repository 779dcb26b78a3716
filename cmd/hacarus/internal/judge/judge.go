// Package judge lets people judge images. A judgement is a line of the record, and
// the boxes that a person drew are told to the service.
//
// The service has no operation that takes a verdict, changes one, or removes a box:
// the verdict is in the record only, and a box that was sent stays.
package judge

import (
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// Judgement is what a person says of an image.
type Judgement struct {
	ID      string          // of the image
	By      string          // the person's name
	Verdict hacarus.Verdict // OK, NG, or unknown if the person does not know
	Boxes   [][4]int        // what is defect: left, top, right and bottom in pixels
	Note    string          // why; "" if the person does not say
	Seen    int             // how many entries of the image the person has seen; 0 is any
}

// Limits of what a person says. They keep lines short that are read for years.
const (
	maxName  = 100  // characters
	maxNote  = 2000 // characters
	maxBoxes = 1000
)

// Judge adds judgements to a record. Its methods may be called concurrently, but
// for those about one image, which follow one another.
type Judge struct {
	record *record.Record
	client *hacarus.Client
	now    func() time.Time

	mu      sync.Mutex
	sending map[string]bool // images whose boxes are on their way
}

// New returns a judge that adds to a record. With a nil client, boxes are not sent.
func New(r *record.Record, client *hacarus.Client) *Judge {
	return &Judge{record: r, client: client, now: time.Now, sending: map[string]bool{}}
}

// ErrOvertaken is the error of a judgement on an image of which there is a line
// that the person has not seen.
var ErrOvertaken = language.Errorf("somebody else has judged this image in the meantime")

// ErrNothingToUndo is the error of an undo where no person's judgement holds.
var ErrNothingToUndo = language.Errorf("there is no judgement to take back")

// Add adds a judgement of an image, which is on the disk when it returns. The image
// has what the record says of it so far, and then the new line too.
func (j *Judge) Add(image *Image, judgement Judgement) error {
	by, err := CheckName(judgement.By)
	if err != nil {
		return err
	}
	if err := judgement.check(); err != nil {
		return err
	}
	if err := image.check(judgement.ID, judgement.Seen); err != nil {
		return err
	}
	e := image.Last()
	e.Verdict, e.By, e.Note = string(judgement.Verdict), by, strings.TrimSpace(judgement.Note)
	e.Boxes = append([][4]int{}, judgement.Boxes...) // never null
	e.Error, e.Undo = nil, false
	return j.add(image, e)
}

// Undo takes the last judgement of an image back, with a line that has what held
// before. What was sent to the service stays there.
func (j *Judge) Undo(image *Image, by string, seen int) error {
	by, err := CheckName(by)
	if err != nil {
		return err
	}
	if err := image.check(image.ID(), seen); err != nil {
		return err
	}
	before, ok := image.Before()
	if !ok {
		return ErrNothingToUndo
	}
	before.By, before.Note, before.Undo = by, "", true
	return j.add(image, before)
}

// add gives a line its time, which is later than that of the line before it, so that
// the history can be read where a clock was set back. What follows what is told by the
// record alone, in which lines of several programs may have one time.
func (j *Judge) add(image *Image, e record.Entry) error {
	e.Time = j.now().UTC()
	if last := image.Last().Time; !e.Time.After(last) {
		e.Time = last.Add(time.Microsecond)
	}
	if err := j.record.Append(e); err != nil {
		return err
	}
	image.Entries = append(image.Entries, e)
	return nil
}

// CheckName returns a person's name as it goes into the record. Nobody judges
// without one, or under that of the model.
func CheckName(name string) (string, error) {
	name = strings.TrimSpace(name)
	switch {
	case name == "":
		return "", language.Errorf("a judgement needs the name of the person who judges")
	case strings.EqualFold(name, record.Model):
		return "", language.Errorf("%s is not a person's name: it stands for the model", name)
	case !IsLine(name, maxName):
		return "", language.Errorf("a name has at most %d characters, all of which can be seen", maxName)
	}
	return name, nil
}

// IsLine says whether a text is a line of at most some characters, with something to
// see in it: no accent without a letter, and nothing that turns the letters around.
func IsLine(text string, most int) bool {
	visible := strings.ContainsFunc(text, func(r rune) bool { return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) })
	hidden := strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) })
	return visible && !hidden && utf8.ValidString(text) && utf8.RuneCountInString(text) <= most
}

func (j Judgement) check() error {
	switch j.Verdict {
	case hacarus.VerdictOK, hacarus.VerdictNG, hacarus.VerdictUnknown:
	default:
		return language.Errorf("a judgement is OK, NG or unknown, not %q", string(j.Verdict))
	}
	if utf8.RuneCountInString(j.Note) > maxNote || !utf8.ValidString(j.Note) {
		return language.Errorf("a note has at most %d characters", maxNote)
	}
	if len(j.Boxes) > maxBoxes {
		return language.Errorf("a judgement has at most %d boxes", maxBoxes)
	}
	for _, b := range j.Boxes {
		if b[0] < 0 || b[1] < 0 || b[2] <= b[0] || b[3] <= b[1] {
			return language.Errorf("not a box: left %d, top %d, right %d, bottom %d", b[0], b[1], b[2], b[3])
		}
	}
	return nil
}
