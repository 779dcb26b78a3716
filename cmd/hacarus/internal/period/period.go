// Package period reads the times that people give.
package period

import (
	"errors"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
)

// Period is from a time to one before another; zero times are open ends.
type Period struct{ From, To time.Time }

// Has tells whether a time is in the period.
func (p Period) Has(t time.Time) bool {
	return !t.Before(p.From) && (p.To.IsZero() || t.Before(p.To))
}

// Of reads --from and --to, either of which may be missing. Where a day is given, all of
// it is in the period.
func Of(p *program.Program, from, to string, now time.Time) (Period, error) {
	var within Period
	var err error
	if from != "" {
		within.From, err = Start(p, "from", from, now)
	}
	if to != "" && err == nil {
		within.To, err = end(p, to, now)
	}
	if err == nil && !within.To.IsZero() && !within.From.Before(within.To) {
		err = errors.New(p.Text("--to is not after --from"))
	}
	return within, err
}

// forms are those in which a time may be given.
var forms = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly}

// Start reads the value of a flag: a time, the beginning of a day, or a time of today.
func Start(p *program.Program, flag, text string, now time.Time) (time.Time, error) {
	for _, form := range forms {
		if t, err := time.ParseInLocation(form, text, now.Location()); err == nil {
			return t, nil
		}
	}
	if t, err := time.ParseInLocation("15:04", text, now.Location()); err == nil {
		return time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), 0, 0, now.Location()), nil
	}
	return time.Time{}, errors.New(p.Text("--%s takes a time such as 2026-11-26T06:00, a day such as 2026-11-26, or a time of today such as 06:00, not %q", flag, text))
}

func end(p *program.Program, text string, now time.Time) (time.Time, error) {
	if day, err := time.ParseInLocation(time.DateOnly, text, now.Location()); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	return Start(p, "to", text, now)
}
