package judge

import (
	"context"
	"errors"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
	"github.com/hacarus/hacarus-check-go/overlay"
)

// The errors of boxes that are not sent, beside those of the service.
var (
	ErrNoConnection = language.Errorf("there is no connection to the service")
	ErrMaybeSent    = language.Errorf("the service may have these boxes already; nothing of the item tells")
	ErrSending      = language.Errorf("the boxes of this image are being sent")
)

// CanSend says whether there is a service to send boxes to.
func (j *Judge) CanSend() bool { return j.client != nil }

// Send tells the service of the boxes that a person drew, those that it does not
// have, and returns the lines that this adds to the record. The image is not changed:
// there may be new judgements meanwhile.
//
// Boxes that the service may have already are looked for at first. If they are not
// seen there, nothing is sent and the error is [ErrMaybeSent], unless again is true,
// since whether the service shows what it was sent is not documented. An error that
// is [hacarus.ErrOutcomeUnknown] leaves it unknown.
func (j *Judge) Send(ctx context.Context, i Image, again bool) (lines []record.Sending, err error) {
	unsent, unknown := i.Unsent()
	e := i.Last()
	switch {
	case len(unsent)+len(unknown) == 0:
		return nil, nil
	case j.client == nil:
		return nil, ErrNoConnection
	case e.ItemID == "":
		return nil, language.Errorf("the service has no item of this image")
	case !j.begin(e.ID):
		return nil, ErrSending
	}
	defer j.end(e.ID)
	s := sending{Judge: j, of: e, held: i.Holding(), lines: &lines}
	if s.item, s.picture, err = j.pictured(ctx, e); err != nil {
		return nil, err
	}
	missing, err := s.look(unknown)
	if err != nil {
		return lines, err
	}
	var maybe error
	if again {
		unsent = append(unsent, missing...)
	} else if len(missing) > 0 {
		maybe = ErrMaybeSent
	}
	return lines, errors.Join(s.send(ctx, unsent), maybe)
}

func (j *Judge) begin(id string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.sending[id] {
		return false
	}
	j.sending[id] = true
	return true
}

func (j *Judge) end(id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.sending, id)
}

// sending is one of an image's boxes.
type sending struct {
	*Judge
	of    record.Entry
	held  record.Entry // who drew them, and why
	lines *[]record.Sending

	item    *hacarus.Item // with what the service has already
	picture *overlay.Picture
}

// pictured returns the item of an image, and the picture that boxes are drawn on, which
// is nil where the service tells nothing of an image of its own.
func (j *Judge) pictured(ctx context.Context, e record.Entry) (*hacarus.Item, *overlay.Picture, error) {
	item, err := j.client.GetItem(ctx, e.ItemID, &hacarus.GetItemOptions{ShowAnnotations: new(true)})
	if err != nil || len(item.Images) == 0 {
		return item, nil, err
	}
	content, _, err := j.Content(ctx, e)
	if err != nil {
		return nil, nil, err
	}
	picture, err := overlay.Measure(content)
	return item, picture, err
}

// onService is a box as the service has it.
func (s sending) onService(b [4]int) [4]int {
	return record.Box(s.picture.ToService(record.Rect(b), s.item))
}

// send sends boxes. That it may have done so is on the disk before it does.
func (s sending) send(ctx context.Context, boxes [][4]int) error {
	if err := s.note(record.SendingUnknown, boxes, nil); err != nil || len(boxes) == 0 {
		return err
	}
	notes := s.held.By
	if s.held.Note != "" {
		notes += ": " + s.held.Note
	}
	annotations := make([]hacarus.RequestAnnotation, len(boxes))
	for n, drawn := range boxes {
		b := s.onService(drawn)
		annotations[n] = hacarus.RequestAnnotation{XMin: &b[0], YMin: &b[1], XMax: &b[2], YMax: &b[3], Notes: notes}
	}
	err := s.client.AnnotateItem(ctx, s.of.ItemID, annotations...)
	return errors.Join(err, s.note(stateAfter(err), boxes, err))
}

// stateAfter says what an error of the request tells about the boxes. A success whose
// response is of no use may be a page of a proxy, and the boxes nowhere.
func stateAfter(err error) record.SendingState {
	request, _ := errors.AsType[*hacarus.RequestError](err)
	switch {
	case err == nil:
		return record.SendingDone
	case errors.Is(err, hacarus.ErrOutcomeUnknown), request != nil && request.Outcome == hacarus.OutcomeExecuted:
		return record.SendingUnknown
	}
	return record.SendingFailed
}

func (s sending) note(state record.SendingState, boxes [][4]int, because error) error {
	if len(boxes) == 0 {
		return nil
	}
	line := record.Sending{Image: s.of.ID, Time: s.now().UTC(), ItemID: s.of.ItemID, Boxes: boxes, State: state}
	if because != nil {
		line.Error = because.Error()
	}
	if err := s.record.Append(line); err != nil {
		return err
	}
	*s.lines = append(*s.lines, line)
	return nil
}

// look looks for boxes that the service may have, and returns those that are not
// seen there.
func (s sending) look(boxes [][4]int) (missing [][4]int, err error) {
	there := s.find(boxes)
	return without(boxes, there), s.note(record.SendingDone, there, nil)
}

// find returns those of the boxes that a person's assessment of the item has.
func (s sending) find(boxes [][4]int) (there [][4]int) {
	if s.item.UserAssessment == nil {
		return nil
	}
	has := map[[4]int]bool{}
	for _, a := range s.item.UserAssessment.Annotations {
		if box, ok := a.Rect(); ok {
			has[record.Box(box)] = true
		}
	}
	for _, b := range boxes {
		if has[s.onService(b)] {
			there = append(there, b)
		}
	}
	return there
}

func without(boxes, others [][4]int) (rest [][4]int) {
	is := map[[4]int]bool{}
	for _, b := range others {
		is[b] = true
	}
	for _, b := range boxes {
		if !is[b] {
			rest = append(rest, b)
		}
	}
	return rest
}
