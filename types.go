package hacarus

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
)

// Label is the verdict of a person or of a model. Values other than the
// constants are passed on as the service sends them.
type Label string

// The labels of assessments.
const (
	LabelOK Label = "OK" // a good product
	LabelNG Label = "NG" // a defective product
)

// Verdict is the result of an inspection.
type Verdict string

// The verdicts.
const (
	VerdictOK      Verdict = "OK"      // a good product
	VerdictNG      Verdict = "NG"      // a defective product
	VerdictUnknown Verdict = "unknown" // there is no verdict, or the label is neither OK nor NG
)

// verdict reads the label whatever its case. Labels that are not documented are
// unknown.
func (l Label) verdict() Verdict {
	switch {
	case strings.EqualFold(string(l), string(LabelOK)):
		return VerdictOK
	case strings.EqualFold(string(l), string(LabelNG)):
		return VerdictNG
	}
	return VerdictUnknown
}

// ModelStatus says how far a model's training has come. Values other than the
// constants are passed on as the service sends them.
type ModelStatus string

// The model statuses.
const (
	ModelStatusCreating ModelStatus = "creating" // in training
	ModelStatusActive   ModelStatus = "active"   // trained
	ModelStatusFailed   ModelStatus = "failed"   // Model.StatusText says why
	ModelStatusDeleted  ModelStatus = "deleted"  // deleted; it cannot be used any more
)

// IsTerminal reports whether training has ended. It is false for an unknown
// status.
func (s ModelStatus) IsTerminal() bool {
	return s == ModelStatusActive || s == ModelStatusFailed || s == ModelStatusDeleted
}

// ItemStatus says whether an item is waiting for a prediction. Values other
// than the constants are passed on as the service sends them.
type ItemStatus string

// The item statuses.
const (
	ItemStatusPending  ItemStatus = "pending"  // not yet predicted, or being predicted
	ItemStatusDone     ItemStatus = "done"     // predicted, or training data
	ItemStatusArchived ItemStatus = "archived" // put aside; the documentation says no more
)

// IsTerminal reports whether no prediction is pending. It is false for an
// unknown status.
func (s ItemStatus) IsTerminal() bool {
	return s == ItemStatusDone || s == ItemStatusArchived
}

// ItemType selects a list of items in [ListItemsOptions], where it is required.
type ItemType string

// The item types.
const (
	ItemTypePrediction ItemType = "prediction" // items to inspect
	ItemTypeTraining   ItemType = "training"   // items to train models with
)

// Time is a point in time. It is read from every form that the service is known
// to write: RFC 3339 with or without a fraction, with Z, an offset, or no zone
// at all (which is taken as UTC), and RFC 1123. Null is read as the zero Time.
type Time struct{ time.Time }

// timeLayouts are tried in this order. All of them accept a fraction after the
// seconds.
var timeLayouts = [...]string{
	time.RFC3339,
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05",
	http.TimeFormat, // only GMT: Go would read the name of any other zone as UTC
	time.RFC1123Z,
}

// UnmarshalText reads any of the known forms. The empty string is the zero
// Time.
func (t *Time) UnmarshalText(text []byte) error {
	if t == nil {
		return argumentError("UnmarshalText", "nil %T", t)
	}
	parsed, err := parseTime(text)
	if err != nil {
		return err
	}
	if _, offset := parsed.Zone(); max(offset, -offset) >= 24*60*60 {
		return errors.New("a zone a day or more off") // time.Parse accepts that, but no layout writes it
	}
	*t = Time{parsed}
	return nil
}

func parseTime(text []byte) (time.Time, error) {
	var usual time.Time
	if usual.UnmarshalText(text) == nil { // without a copy
		return usual, nil
	}
	s := strings.TrimSpace(string(text))
	if s == "" {
		return time.Time{}, nil
	}
	var first error
	for _, layout := range timeLayouts {
		parsed, err := time.Parse(layout, s)
		if err == nil {
			return parsed, nil
		}
		if first == nil {
			first = err
		}
	}
	return time.Time{}, first
}

// UnmarshalJSON reads a string in any of the known forms. Null is the zero
// Time.
func (t *Time) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*t = Time{}
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	return t.UnmarshalText([]byte(text))
}

// MarshalJSON writes RFC 3339, or null if t is the zero Time.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return t.Time.MarshalJSON()
}
