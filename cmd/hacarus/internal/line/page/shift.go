package page

import (
	"time"
)

// shifts are when the shifts of a day start.
type shifts struct {
	starts   []time.Duration // from midnight; none: at midnight
	location *time.Location
}

// shift is the time from the start of a shift to that of the next.
type shift struct{ start, next time.Time }

// at returns the shift that a time is in.
func (s shifts) at(t time.Time) shift {
	starts := s.starts
	if len(starts) == 0 {
		starts = []time.Duration{0}
	}
	var found shift
	year, month, day := t.In(s.location).Date()
	for _, of := range []int{day - 1, day, day + 1} {
		for _, from := range starts {
			// The clock on the wall counts, also on days of 23 or 25 hours.
			start := time.Date(year, month, of, 0, 0, int(from/time.Second), 0, s.location)
			switch {
			case start.After(t):
				if found.next.IsZero() || start.Before(found.next) {
					found.next = start
				}
			case start.After(found.start):
				found.start = start
			}
		}
	}
	return found
}
