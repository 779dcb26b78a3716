package hacarus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hacarus/hacarus-check-go/internal/journal"
)

// maxPredictions is how often in a run a prediction is requested whose
// responses are lost, each time after the grace time.
const maxPredictions = 3

// predictor has a model predict items and waits for their assessments. A
// prediction that may have been requested is requested again only if its
// assessment does not come in time.
type predictor struct {
	*calls
	batchSize int
}

// stages are the predictor's stages: for items that are to be predicted, for
// those that may have been, and for those that were assessed in an earlier run.
func (p *predictor) stages() map[journal.Step]*stage {
	turn := func(ctx context.Context) error { return p.limiter.enter(ctx, opPredictItems) }
	return map[journal.Step]*stage{
		journal.Uploaded:   {in: make(chan *unit), most: p.batchSize, turn: turn, work: p.predict},
		journal.Predicting: {in: make(chan *unit), most: p.batchSize, work: p.resume},
		journal.Done:       {in: make(chan *unit), most: p.batchSize, work: p.collect},
	}
}

// collect waits for assessments that were there in an earlier run.
func (p *predictor) collect(units []*unit) { p.giveUpOn(p.await(units, time.Now().Add(p.grace))) }

// resume waits for predictions that an earlier run requested, and requests
// those again that do not come. The time of that request is by a clock that may
// have jumped since, so it proves neither that the grace time is over nor that
// it lasts for years.
func (p *predictor) resume(units []*unit) {
	now := time.Now()
	least := now.Add(min(p.grace, slowly))
	until := latest(units).Add(p.grace)
	if until.Before(least) {
		until = least
	}
	p.insist(p.await(units, until), false)
}

// latest returns when the last of the units reached its step, but never a time
// in the future.
func latest(units []*unit) (t time.Time) {
	for _, u := range units {
		if u.since.After(t) {
			t = u.since
		}
	}
	if now := time.Now(); t.After(now) {
		return now
	}
	return t
}

// predict requests the predictions of items that have a turn, and waits for
// their assessments.
func (p *predictor) predict(units []*unit) { p.insist(units, true) }

// insist requests predictions and waits for them, and does so again for those
// of which nobody knows whether they were requested.
func (p *predictor) insist(units []*unit, hasTurn bool) {
	for tries := 1; len(units) > 0; tries++ {
		waiting := p.await(p.ask(units, hasTurn), time.Now().Add(p.grace))
		hasTurn = false
		if tries == maxPredictions {
			p.giveUpOn(waiting)
			return
		}
		certain := func(u *unit) bool { return u.certain }
		units = slices.DeleteFunc(slices.Clone(waiting), certain)
		p.giveUpOn(slices.DeleteFunc(waiting, func(u *unit) bool { return !certain(u) }))
	}
}

// giveUpOn delivers files whose assessment did not come.
func (p *predictor) giveUpOn(units []*unit) {
	for _, u := range units {
		waited := &WaitError{ModelID: p.modelID, ItemID: u.id, Err: fmt.Errorf("%w within %v", ErrNoAssessment, p.grace)}
		if u.latest != nil {
			waited.ItemStatus = u.latest.Status
			if a := u.latest.Assessment(p.modelID); a != nil {
				waited.Err = fmt.Errorf("%w, but one with the label %q", waited.Err, a.Label)
			}
		}
		if u.lost != nil {
			waited.Err = fmt.Errorf("%w; the prediction was asked for %d times without a response: %w", waited.Err, u.losses, u.lost)
		}
		p.deliver(u, nil, waited)
	}
}

// errNoModel says that no model is active, by whatever words the service uses.
var errNoModel = errors.New("no model is active")

// ask requests the predictions of items and returns the items whose predictions
// may have been requested. The first attempt may have its turn already.
func (p *predictor) ask(units []*unit, hasTurn bool) (asked []*unit) {
	byID, ids := p.byItem(units)
	units = slices.DeleteFunc(slices.Clone(units), func(u *unit) bool { return byID[u.id] != u })
	var held doubt
	for tries := 1; ; tries++ {
		err := p.predictItems(units, ids, hasTurn)
		hasTurn = false
		suspect, guilty := false, false
		reaction := p.reactTo(opPredictItems, err)
		switch reaction {
		case proceed, lookFirst:
			p.asked(units, err)
			return units
		case again:
			suspect, guilty = held.hold(p.calls, opPredictItems, err)
		case halve:
			if p.checkModel() == nil {
				return p.halves(units, err)
			}
			reaction = giveUp
		case endRun:
			p.fail(err)
		}
		switch {
		case suspect && len(units) > 1:
			return p.halves(units, err)
		case guilty || reaction >= giveUp || !p.rest(tries, err):
			p.refuse(units, journal.Uploaded, err)
			return nil
		}
	}
}

// predictItems makes one call. It records the call when it has its turn, which
// may take long, because the grace time counts from there.
func (p *predictor) predictItems(units []*unit, ids []string, hasTurn bool) error {
	if !hasTurn {
		if err := p.limiter.enter(p.ctx, opPredictItems); err != nil {
			return err
		}
	}
	if err := p.notes.write(true, journal.Predicting, units); err != nil {
		p.limiter.forgo(opPredictItems)
		p.fail(err)
		return err
	}
	_, err := p.client.PredictItems(p.ctx, p.modelID, ids...)
	if errors.Is(err, ErrBadRequest) && p.modelID == ActiveModel && !p.hasActiveModel() {
		err = fmt.Errorf("%w: %w", errNoModel, err)
	}
	p.limiter.leave(opPredictItems, err)
	return err
}

// hasActiveModel reports whether a model is active. It returns true if that
// cannot be determined.
func (p *predictor) hasActiveModel() bool {
	models, err := p.client.ListModels(p.ctx, nil)
	return err != nil || slices.ContainsFunc(models, func(m Model) bool { return m.Active })
}

// halves requests the predictions of each half of a batch in which something
// was refused.
func (p *predictor) halves(units []*unit, err error) (asked []*unit) {
	if len(units) == 1 {
		p.refuse(units, journal.Uploaded, err)
		return nil
	}
	middle := len(units) / 2
	return append(p.ask(units[:middle:middle], false), p.ask(units[middle:], false)...)
}

// asked records that predictions were requested, and the error if the response
// was lost.
func (p *predictor) asked(units []*unit, err error) {
	first := 0
	for _, u := range units {
		u.certain = !errors.Is(err, ErrOutcomeUnknown)
		if !u.certain {
			u.lost = err
			u.losses++
		}
		if !u.counted {
			u.counted = true
			first++
		}
	}
	p.add(counts{predicted: first})
}

// checkModel waits for the model, so that nothing is uploaded for a model that
// does not exist. Which model is active only the service knows.
func (p *predictor) checkModel() error {
	if p.modelID == ActiveModel {
		return nil
	}
	defer p.tally.await(nil)
	_, err := p.client.WaitForModel(p.ctx, p.modelID, WithProgress(func(w WaitProgress) {
		p.limiter.note(opGetModel, w.Err)
		p.tally.await(w.Model)
	}))
	if err != nil {
		p.fail(err)
	}
	return err
}

// await delivers the files whose assessments come, and returns those whose
// assessments have not come by then.
func (p *predictor) await(units []*unit, until time.Time) (waiting []*unit) {
	byID, ids := p.byItem(units)
	w := p.look(func(item *Item) bool { return assessed(item, p.modelID) })
	w.until = until
	w.run(p.ctx, ids, func(id string, item *Item, err error) bool {
		u := byID[id]
		switch {
		case err == nil:
			p.finish(u, item)
		case errors.Is(err, errNotInTime):
			u.latest = item
			waiting = append(waiting, u)
		default:
			if p.ctx.Err() == nil && p.isFatal(err) {
				p.fail(err)
			}
			p.deliver(u, nil, err)
		}
		return true
	})
	return waiting
}

// finish delivers a file that has its assessment, if that can be the file's. A
// failure to record it ends the run, but the verdict is delivered all the same.
func (p *predictor) finish(u *unit, item *Item) {
	if err := contradiction(u, item); err != nil {
		p.refuse([]*unit{u}, u.step, notThisFile(u, err))
		return
	}
	if err := p.notes.finish(u, item.Verdict(p.modelID)); err != nil {
		p.fail(err)
	}
	p.deliver(u, item, noVerdict(item, p.modelID))
}
