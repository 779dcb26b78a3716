package hacarus

import (
	"net/http"
	"time"
)

// reach is how far a request certainly did, or possibly did, come.
type reach int

const (
	// reachedService: the service may have all of the request.
	reachedService reach = iota
	// reachedInPart: the service never had the end of it, and acts on no half of
	// a form or of JSON; or it said, as HTTP/2 lets it, that it will not look at it.
	reachedInPart
	// reachedHead: its body was held back, and without it the service cannot act.
	reachedHead
	// reachedNothing: no byte of it left the process.
	reachedNothing
)

// fault is what went wrong beside a response's status.
type fault int

const (
	// failedNothing: there is a response, and as much of it as matters.
	failedNothing fault = iota
	// failedLogin: there was no token to send the request with.
	failedLogin
	// failedSource: what was to be sent could not be read.
	failedSource
	// failedConnection: there is no response.
	failedConnection
	// failedForGood: there is no response, and the same connection would fail the
	// same way again.
	failedForGood
	// failedTransfer: the response broke off.
	failedTransfer
	// failedContent: the response of a success is not what was asked for.
	failedContent
)

// observation is what was seen of one attempt.
type observation struct {
	status       int // of the response; 0: there was none
	failure      fault
	reach        reach
	tokenRefused bool          // for the first time in this call
	spent        bool          // the body was read, and cannot be read again
	retryAfter   time.Duration // the wait that the service asks for; 0: none
	overlong     bool          // of that wait: longer than the policy allows, or negative
}

// expectRefused says whether the service refused to be asked before the body.
func (o observation) expectRefused() bool {
	return o.status == http.StatusExpectationFailed && o.reach == reachedHead
}

// repetition says whether a request is sent again.
type repetition int

const (
	repeatNever repetition = iota
	// repeatLater is after a wait, as long as attempts are left.
	repeatLater
	// repeatAtOnce is without one, and not counted as an attempt.
	repeatAtOnce
)

// decision is what follows from one attempt.
type decision struct {
	outcome Outcome // of this attempt; without a meaning where it succeeded
	again   repetition
	wait    time.Duration // that the service asks for; 0: the policy's
}

// judge decides what an attempt means for its operation. It is a function of
// its arguments alone; docs/reliability.md shows its values.
func judge(c class, o observation) decision {
	d := decision{outcome: outcomeOf(c, o)}
	unexecuted := d.outcome == OutcomeNotSent || d.outcome == OutcomeNotExecuted
	switch {
	case o.spent || o.overlong:
	case o.tokenRefused, o.expectRefused():
		d.again = repeatAtOnce
	case mayPass(o) && (unexecuted || c.repeatable()):
		d.again, d.wait = repeatLater, o.retryAfter
	}
	return d
}

// outcomeOf is what an attempt did to the service, as far as it is known.
func outcomeOf(c class, o observation) Outcome {
	switch {
	case isSuccess(o.status):
		return OutcomeExecuted
	case o.failure == failedSource: // the service never had the end of it
		return OutcomeNotExecuted
	case o.reach == reachedNothing:
		return OutcomeNotSent
	case o.reach != reachedService, c.stateless(), declinedStatus(o.status):
		return OutcomeNotExecuted
	}
	return OutcomeUnknown
}

// mayPass says whether the same request may succeed later.
func mayPass(o observation) bool {
	switch {
	case o.status == 0:
		return o.failure == failedConnection
	case isSuccess(o.status):
		return o.failure == failedTransfer
	}
	return transientStatus(o.status)
}
