package hacarustest

import (
	"sync"
	"time"
)

// Callback is the name under which [Server.Inject] takes faults of callbacks:
// [MissedCallback], [RepeatedCallback] and [Delay].
const Callback = "callback"

// Fault is what goes wrong with one request or callback. The zero value is
// nothing: the request is served as usual.
//
// Faults that refuse a request, such as [Status], take the place of its
// execution. Faults that spoil a response, such as [ResetConnection], happen
// after the execution. [Fault.Before] and [Fault.After] change that.
type Fault struct {
	delay   time.Duration
	revoke  bool           // the tokens given out so far
	send    func(exchange) // nil: as usual
	instead bool           // of the execution
	repeats int            // of a callback
	missed  bool           // a callback
}

// Before returns the same fault in place of the request's execution.
func (f Fault) Before() Fault {
	f.instead = true
	return f
}

// After returns the same fault, but the request is executed before it happens.
func (f Fault) After() Fault {
	f.instead = false
	return f
}

// Delayed returns the same fault, but the request waits before it for d longer,
// by the server's clock.
func (f Fault) Delayed(d time.Duration) Fault {
	f.delay += d
	return f
}

// Delay serves the request, or sends the callback, d later by the server's clock.
func Delay(d time.Duration) Fault { return Fault{}.Delayed(d) }

// RevokedToken makes all tokens given out so far invalid when the request
// arrives, so that it is refused with status 401.
func RevokedToken() Fault { return Fault{revoke: true} }

// MissedCallback does not send the callback. It is for [Callback] only.
func MissedCallback() Fault { return Fault{missed: true} }

// RepeatedCallback sends the callback n more times. It is for [Callback] only.
func RepeatedCallback(n int) Fault { return Fault{repeats: n} }

// Repeat returns a fault n times. A service that is busy for three requests is
// s.Inject("predictItems", Repeat(3, Status(425, nil, "{}"))...).
func Repeat(n int, f Fault) []Fault {
	faults := make([]Fault, n)
	for i := range faults {
		faults[i] = f
	}
	return faults
}

// Inject makes things go wrong with the next requests of an operation: each
// request takes one of the faults, in their order, and those that follow are
// served as usual. The operation is an operationId such as "train", or
// "getImage", or [Callback]; the faults of any other name are never used. Faults
// that are injected while others wait come after them.
func (s *Server) Inject(operation string, faults ...Fault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	if s.faults.waiting == nil {
		s.faults.waiting = map[string][]Fault{}
	}
	s.faults.waiting[operation] = append(s.faults.waiting[operation], faults...)
}

// faults are those that wait for a request, by operation.
type faults struct {
	mu      sync.Mutex
	waiting map[string][]Fault
}

// next takes the fault of the next request.
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
