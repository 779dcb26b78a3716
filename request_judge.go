package hacarus

import (
	"net/http"
	"time"
)

// reach says how far a request came, certainly or possibly.
type reach int

const (
	// reachedService means that the service may have all of the request.
	reachedService reach = iota
	// reachedInPart means that the service never received the end of the request,
	// and cannot act on half a form or half of a JSON document; or that it said, as
	// HTTP/2 permits, that it will not process the request.
	reachedInPart
	// reachedHead means that the body was held back. Without it the service cannot
	// act.
	reachedHead
	// reachedNothing means that no byte of the request left the process.
	reachedNothing
)

// fault says what went wrong apart from a response's status.
type fault int

const (
	// failedNothing means that there is a response, and as much of it as matters.
	failedNothing fault = iota
	// failedLogin means that there was no token for the request.
	failedLogin
	// failedSource means that what was to be sent could not be read.
	failedSource
	// failedConnection means that there is no response.
	failedConnection
	// failedForGood means that there is no response, and that the same connection
	// would fail in the same way again.
	failedForGood
	// failedTransfer means that the response broke off.
	failedTransfer
	// failedContent means that the response has a status of success but is not what
	// was requested.
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

// expectRefused reports whether the service refused to be asked for permission.
func (o observation) expectRefused() bool {
	return o.status == http.StatusExpectationFailed && o.reach == reachedHead
}

// repetition says whether and when a request is sent again.
type repetition int

const (
	repeatNever repetition = iota
	// repeatLater means after a wait, as long as attempts are left.
	repeatLater
	// repeatAtOnce means without a wait, and without being counted as an attempt.
	repeatAtOnce
)

// decision is what follows from one attempt.
type decision struct {
	outcome Outcome // of this attempt; without a meaning where it succeeded
	again   repetition
	wait    time.Duration // that the service asks for; 0: the policy's
}

// judge decides what an attempt means for its operation. It depends only on its
// arguments; docs/reliability.md shows its results.
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

// outcomeOf returns the effect of an attempt on the service, as far as it is
// known.
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

// mayPass reports whether the same request may succeed later.
func mayPass(o observation) bool {
	switch {
	case o.status == 0:
		return o.failure == failedConnection
	case isSuccess(o.status):
		return o.failure == failedTransfer
	}
	return transientStatus(o.status)
}
