package hacarus

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hacarus/hacarus-check-go/internal/journal"
	"github.com/hacarus/hacarus-check-go/internal/wire"
)

// calls is what the uploader and the predictor share: how a call takes its
// turn, what follows from its end, and where that is recorded.
type calls struct {
	*pipeline
	client  *Client
	limiter *limiter
	notes   *notes
	modelID string        // "" in a run without a model
	grace   time.Duration // how long to wait for what may still come
	cfg     waitConfig
	slots   chan struct{} // bounds the polls
}

// failure is what the error of a call says, whichever of the two types it has.
type failure struct {
	operation string
	outcome   Outcome
	response  *BaseError // nil if there was none
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

// isLogin reports whether the login failed before the call was made.
func (f failure) isLogin() bool {
	return f.operation == opLogin.id || f.response != nil && f.response.Operation == opLogin.id
}

// status returns the response's status, or 0 if there was none.
func (f failure) status() int {
	if f.response == nil {
		return 0
	}
	return f.response.StatusCode
}

// isProxyLogin reports whether a proxy on the way demands credentials.
// Repeating the call does not provide them.
func isProxyLogin(err error) bool {
	return failureOf(err).status() == http.StatusProxyAuthRequired ||
		err != nil && wantsProxyCredentials(err)
}

// mayBeExecuted reports whether the service may have executed the call.
func mayBeExecuted(err error) bool {
	f := failureOf(err)
	return errors.Is(err, ErrOutcomeUnknown) || f.outcome == OutcomeExecuted && !f.isLogin()
}

// isMissing reports whether the service itself, and not a proxy in front of it,
// says that there is no such item.
func isMissing(err error) bool {
	f := failureOf(err)
	return f.response != nil && errors.Is(f.response, ErrNotFound) && f.response.isDescribed()
}

// reaction says what to do after the end of a call.
type reaction int

const (
	proceed   reaction = iota // it is done
	lookFirst                 // it may be done: look first
	again                     // it is not done, and may succeed next time
	halve                     // something in it was refused
	giveUp                    // it will not be done
	endRun                    // and neither will any other
)

// reactTo decides what to do after the end of an upload or of a prediction.
func (c *calls) reactTo(op operation, err error) reaction {
	switch {
	case err == nil:
		return proceed
	case c.ctx.Err() != nil:
		return giveUp
	case errors.Is(err, errStrangeIDs): // of one of them
		return halve
	case mayBeExecuted(err):
		return lookFirst
	case c.isDoubtful(op, err):
		return again
	case c.isFatal(err):
		return endRun
	case errors.As(err, &sourceError{}), errors.Is(err, errOverLimit):
		return halve
	case isTransient(err):
		return again
	}
	return halve
}

// isDoubtful says whether an error may be over at the next try: a proxy's, while
// what is behind it is exchanged, or that no model is active, while another one
// takes over. When all calls of this kind have ended so for long, it is right.
func (c *calls) isDoubtful(op operation, err error) bool {
	patience := c.grace
	switch {
	case errors.Is(err, errNoModel):
		patience = min(briefly, c.grace)
	case !isInterim(err):
		return false
	}
	since := c.limiter.doubtful(op, err)
	return since.IsZero() || time.Since(since) < patience
}

// isInterim says whether an error is that of what speaks in the service's place
// for a while: a proxy's, or of a login that was no login.
func isInterim(err error) bool { return isStray(err) || isUnreadableLogin(err) }

// isUnreadableLogin says whether the response to a login was no token, though the
// status said so.
func isUnreadableLogin(err error) bool {
	return failureOf(err).isLogin() && errors.Is(err, ErrDecode)
}

// isFatal reports whether every other file would fail, too.
func (c *calls) isFatal(err error) bool {
	if c.client.closed.Load() || isProxyLogin(err) {
		return true
	}
	f := failureOf(err)
	if response := f.response; response != nil {
		ofOneItem := response.Operation == opGetItem.id // it may be someone else's
		refused := errors.Is(response, ErrUnauthorized) || errors.Is(response, ErrForbidden) || errors.Is(err, errNoModel)
		noLogin := response.Operation == opLogin.id && !transientStatus(response.StatusCode)
		return !ofOneItem && refused || noLogin
	}
	lost, ok := errors.AsType[*RequestError](err)
	return ok && !errors.As(err, &sourceError{}) && !errors.Is(err, ErrResponseTooLarge) && permanent(lost.Err)
}

// doubt is the suspicion against the files of a batch whose calls fail while
// those of others succeed: one of the files may be what makes the service fail.
type doubt struct {
	since    time.Time // of the first failure that counts
	failures int
	seen     int // successes of others at the last failure
	began    bool
}

// leastSuspect is after how many failures a batch is split, if other calls
// succeeded in between.
const leastSuspect = 3

// hold counts a failure and reports whether the batch is suspect, and whether
// it has been so for the grace time. While nothing succeeds, the service is
// away, and no file is suspected. A status of 500 is the service's response to
// what it was sent, so any success counts as one of others.
func (d *doubt) hold(c *calls, op operation, err error) (suspect, guilty bool) {
	successes := c.limiter.successes(op, failureOf(err).status() == http.StatusInternalServerError)
	others := d.began && successes > d.seen
	d.began, d.seen = true, successes
	if !others {
		return false, false
	}
	if d.failures++; d.failures == 1 {
		d.since = time.Now()
	}
	return d.failures >= leastSuspect, d.failures >= leastSuspect && time.Since(d.since) >= c.grace
}

// rest waits before another attempt, unless taking a turn is the wait. It is
// false if the run has ended.
func (c *calls) rest(tries int, err error) bool {
	if isBusy(err) || c.limiter.isAway() {
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

// advance records in memory that units have reached a step; the journal records
// it with the next step.
func (c *calls) advance(to journal.Step, units []*unit) {
	for _, u := range units {
		u.step = to
	}
	if to == journal.Uploaded && len(units) > 0 {
		c.add(counts{uploaded: len(units)})
	}
}

// write records that units have reached a step. If that cannot be written, it
// returns false and the units are delivered with the error.
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

// refuse delivers units with an error and records the step that they have
// reached: the one before the failed call, unless the call may have been
// executed.
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

// look returns a wait for items at the pace of the run.
func (c *calls) look(isReady func(*Item) bool) *itemsWait {
	return &itemsWait{
		client: c.client, waitConfig: c.cfg, modelID: c.modelID, slots: c.slots, pacer: c.limiter, patience: briefly, pages: c.grace, isReady: isReady,
	}
}

// byItem returns the units by the ids of their items. Two units with one item,
// which no service should produce, cannot be told apart: all but the first are
// delivered with an error.
func (c *calls) byItem(units []*unit) (byID map[string]*unit, ids []string) {
	byID = make(map[string]*unit, len(units))
	for _, u := range units {
		if byID[u.id] != nil {
			c.refuse([]*unit{u}, u.step, notThisFile(u, fmt.Errorf("item %s is another file's, too", u.id)))
			continue
		}
		byID[u.id] = u
		ids = append(ids, u.id)
	}
	return byID, ids
}

// notThisFile is the outcome of a file if nobody can say which item it became.
func notThisFile(u *unit, err error) error {
	return &RequestError{Operation: opAddItems.id, Outcome: OutcomeUnknown, ItemIDs: []string{u.id}, Err: err}
}

// contradiction returns what shows that an item was not made from a file,
// because its image has another name or size, as far as the service sends them.
// It returns nil if nothing does.
func contradiction(u *unit, item *Item) error {
	for _, image := range item.Images {
		sizes := image.FileSize <= 0 || u.size <= 0 || image.FileSize == u.size
		names := image.Name == "" || strings.EqualFold(image.Name, u.file.Name) || strings.EqualFold(wire.ItemID(image.Name), u.expected)
		if !sizes || !names {
			return fmt.Errorf("item %s has the image %q of %d bytes, and the file is %q of %d", item.ItemID, image.Name, image.FileSize, u.file.Name, u.size)
		}
	}
	return nil
}
