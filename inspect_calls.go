package hacarus

import (
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/hacarus/hacarus-check-go/internal/journal"
)

// maxTries is how often in a row an upload or a prediction may fail in ways
// that may pass.
const maxTries = 10

// calls is what the uploader and the predictor share: how a call takes its
// turn, what follows from its end, and where that is written down.
type calls struct {
	*pipeline
	client  *Client
	limiter *limiter
	notes   *notes
	modelID string // "" in a run without a model
}

// failure is what the error of a call tells, whichever of the two types it has.
type failure struct {
	operation string
	outcome   Outcome
	response  *BaseError // nil: there was none
}

func failureOf(err error) failure {
	response, _ := errors.AsType[*BaseError](err)
	if lost, ok := errors.AsType[*RequestError](err); ok {
		return failure{lost.Operation, lost.Outcome, response}
	}
	if response != nil {
		return failure{response.Operation, response.Outcome, response}
	}
	return failure{}
}

// isLogin says whether it was the login that failed, before the call was made.
func (f failure) isLogin() bool {
	return f.operation == opLogin.id || f.response != nil && f.response.Operation == opLogin.id
}

// mayBeExecuted says whether the service may have done what it was asked for.
func mayBeExecuted(err error) bool {
	f := failureOf(err)
	return errors.Is(err, ErrOutcomeUnknown) || f.outcome == OutcomeExecuted && !f.isLogin()
}

// timedOut says whether a response was not waited for any longer.
func timedOut(err error) bool {
	if f := failureOf(err); f.response != nil {
		return f.response.StatusCode == http.StatusGatewayTimeout || f.response.StatusCode == http.StatusRequestTimeout
	}
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// isMissing says whether it is the service, and not a proxy in front of it,
// that has no such item.
func isMissing(err error) bool {
	f := failureOf(err)
	return f.response != nil && errors.Is(f.response, ErrNotFound) && (f.response.Errors.Title != "" || f.response.Errors.Detail != "")
}

// reaction is what follows from the end of a call.
type reaction int

const (
	proceed   reaction = iota // it is done
	lookFirst                 // it may be done
	again                     // it is not done, and may be next time
	halve                     // something in it was refused
	giveUp                    // it will not be done
	endRun                    // and neither will any other
)

// reactTo decides what follows from the end of an upload or of a prediction.
func (c *calls) reactTo(err error) reaction {
	switch {
	case err == nil:
		return proceed
	case c.ctx.Err() != nil:
		return giveUp
	case mayBeExecuted(err):
		return lookFirst
	case c.isFatal(err):
		return endRun
	case errors.As(err, &sourceError{}), errors.Is(err, errOverLimit):
		return halve
	case transient(err), errors.Is(err, ErrRedirect), failureOf(err).isLogin():
		return again
	}
	return halve
}

// titleNoModel is the title of the error that no model is active.
const titleNoModel = "There is no available model"

// isFatal says whether every other file would meet an error too.
func (c *calls) isFatal(err error) bool {
	if c.client.closed.Load() {
		return true
	}
	f := failureOf(err)
	if response := f.response; response != nil {
		ofOneItem := response.Operation == opGetItem.id // it may be someone else's
		refused := errors.Is(response, ErrUnauthorized) || errors.Is(response, ErrForbidden) ||
			response.Errors.Title == titleNoModel && c.modelID == ActiveModel
		noLogin := response.Operation == opLogin.id && !transientStatus(response.StatusCode)
		return !ofOneItem && refused || noLogin
	}
	lost, ok := errors.AsType[*RequestError](err)
	return ok && !errors.As(err, &sourceError{}) && !errors.Is(err, ErrResponseTooLarge) && permanent(lost.Err)
}

// mayRepeat says whether there is another try. A service that is busy is waited
// for without end.
func mayRepeat(tries int, err error) bool { return isBusy(err) || tries < maxTries }

// rest waits before another try, unless the limiter does so for a busy service.
// It is false when the run has ended.
func (c *calls) rest(tries int, err error) bool {
	if isBusy(err) {
		return c.ctx.Err() == nil
	}
	timer := time.NewTimer(c.client.policy.backoff(tries))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// advance notes that units have come to a step, in memory; the journal learns
// it with the next step.
func (c *calls) advance(to journal.Step, units []*unit) {
	for _, u := range units {
		u.step = to
	}
	if to == journal.Uploaded && len(units) > 0 {
		c.add(counts{uploaded: len(units)})
	}
}

// write notes that units have come to a step. It is false, and the units are
// delivered, when that cannot be written.
func (c *calls) write(durable bool, to journal.Step, units []*unit) bool {
	err := c.notes.write(durable, to, units)
	if err != nil {
		c.fail(err)
		for _, u := range units {
			c.deliver(u, nil, err)
		}
	}
	return err == nil
}

// refuse delivers units with an error, and notes the step that they have come
// to: the one before the call that failed, unless that may have been executed.
func (c *calls) refuse(units []*unit, at journal.Step, err error) {
	if len(units) == 0 {
		return
	}
	if mayBeExecuted(err) {
		at = units[0].step
	}
	if !c.write(false, at, units) {
		return
	}
	for _, u := range units {
		c.deliver(u, nil, err)
	}
}

// look is a wait for items at the pace of the run.
func (c *calls) look(cfg waitConfig, slots chan struct{}, isReady func(*Item) bool) *itemsWait {
	return &itemsWait{
		client: c.client, waitConfig: cfg, modelID: c.modelID, slots: slots, turn: c.limiter.pass, patience: briefly, isReady: isReady,
	}
}

// byItem is the units by their items' ids.
func byItem(units []*unit) (byID map[string]*unit, ids []string) {
	byID = make(map[string]*unit, len(units))
	for _, u := range units {
		byID[u.id] = u
		ids = append(ids, u.id)
	}
	return byID, ids
}
