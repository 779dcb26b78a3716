package record

import (
	"context"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// Versions tells the versions of the models that decide: the service is asked once for
// each. It is for one goroutine.
type Versions struct {
	Client *hacarus.Client

	known map[string]version
}

type version struct {
	name  string
	again time.Time // not before; the zero time is never
}

const (
	versionTime  = 5 * time.Second // that the question may take
	versionPause = time.Minute     // until it is put again, if there was no response
)

// Of returns the version of a model; "" where it cannot be known.
func (v *Versions) Of(ctx context.Context, id string) string {
	if id == "" || id == hacarus.ActiveModel {
		return ""
	}
	if known, ok := v.known[id]; ok && (known.again.IsZero() || time.Now().Before(known.again)) {
		return known.name
	}
	if v.known == nil {
		v.known = map[string]version{}
	}
	ctx, cancel := context.WithTimeout(ctx, versionTime)
	defer cancel()
	found := version{again: time.Now().Add(versionPause)}
	if model, err := v.Client.GetModel(ctx, id); err == nil {
		found = version{name: model.Version}
	}
	v.known[id] = found
	return found.name
}

// ModelOf returns the model that has decided; the one that was asked for where the
// service does not tell.
func ModelOf(i *hacarus.Inspection, asked string) string {
	if a := i.Item.Assessment(hacarus.ActiveModel); a != nil && a.ModelID != "" {
		return a.ModelID
	}
	return asked
}
