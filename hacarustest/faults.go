package hacarustest

import (
	"sync"
	"time"
)

// Callback is the name for which [Server.Inject] takes faults of callbacks:
// [MissedCallback], [RepeatedCallback] and [Delay].
const Callback = "callback"

// Fault is what goes wrong with one request or callback. With the zero value,
// nothing goes wrong.
//
// A fault that refuses a request, such as [Status], happens instead of the
// request's execution. A fault that spoils a response, such as
// [ResetConnection], happens after the execution. [Fault.Before] and
// [Fault.After] change that.
type Fault struct {
	delay   time.Duration
	revoke  bool           // the tokens given out so far
	send    func(exchange) // nil: as usual
	instead bool           // of the execution
	repeats int            // of a callback
	missed  bool           // a callback
}

// Before returns the same fault, which then happens instead of the request's
// execution.
func (f Fault) Before() Fault {
	f.instead = true
	return f
}

// After returns the same fault, which then happens after the request's
// execution.
func (f Fault) After() Fault {
	f.instead = false
	return f
}

// Delayed returns the same fault, but the request first waits for d longer, by
// the server's clock. Several delays add up.
func (f Fault) Delayed(d time.Duration) Fault {
	f.delay += d
	return f
}

// Delay serves the request, or sends the callback, after d by the server's
// clock.
func Delay(d time.Duration) Fault { return Fault{}.Delayed(d) }

// RevokedToken makes all tokens issued so far invalid when the request arrives,
// so that it is refused with status 401.
func RevokedToken() Fault { return Fault{revoke: true} }

// MissedCallback prevents the callback from being sent. It is only for
// [Callback].
func MissedCallback() Fault { return Fault{missed: true} }

// RepeatedCallback sends the callback n extra times. It is only for [Callback].
func RepeatedCallback(n int) Fault { return Fault{repeats: n} }

// Repeat returns a fault n times, for [Server.Inject]. For example,
// s.Inject("predictItems", Repeat(3, Status(425, nil, "{}"))...) makes the
// service busy for three requests.
func Repeat(n int, f Fault) []Fault {
	faults := make([]Fault, n)
	for i := range faults {
		faults[i] = f
	}
	return faults
}

// Inject makes the next requests of an operation go wrong. Each request takes
// one of the faults, in their order; requests after that are served as usual.
// The operation is an operationId, such as "train", or "getImage" or
// [Callback]; faults of any other name are never used. Faults are queued behind
// those that are still waiting.
func (s *Server) Inject(operation string, faults ...Fault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	if s.faults.waiting == nil {
		s.faults.waiting = map[string][]Fault{}
	}
	s.faults.waiting[operation] = append(s.faults.waiting[operation], faults...)
}

// faults holds the faults that wait for a request, by operation.
type faults struct {
	mu      sync.Mutex
	waiting map[string][]Fault
}

// next removes and returns the fault of the next request.
func (f *faults) next(operation string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	waiting := f.waiting[operation]
	if len(waiting) == 0 {
		return Fault{}
	}
	f.waiting[operation] = waiting[1:]
	return waiting[0]
}
