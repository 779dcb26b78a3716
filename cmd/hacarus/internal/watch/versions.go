package watch

import (
	"context"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// versions tells the version of the model that decides: the service is asked once,
// and again when the model is another one.
type versions struct {
	client  *hacarus.Client
	id      string // of the model that was asked for last
	version string
	again   time.Time // not before; the zero time is never
}

const (
	versionTime  = 5 * time.Second // that the question may take
	versionPause = time.Minute     // until it is put again, if there was no response
)

// of returns the version of a model; "" where it cannot be known.
func (v *versions) of(ctx context.Context, id string) string {
	if id == "" || id == hacarus.ActiveModel {
		return ""
	}
	if id == v.id && (v.again.IsZero() || time.Now().Before(v.again)) {
		return v.version
	}
	ctx, cancel := context.WithTimeout(ctx, versionTime)
	defer cancel()
	v.id, v.version, v.again = id, "", time.Now().Add(versionPause)
	if model, err := v.client.GetModel(ctx, id); err == nil {
		v.version, v.again = model.Version, time.Time{}
	}
	return v.version
}

// modelOf returns the model that has decided; the one that was asked for where the
// service does not tell.
func modelOf(i *hacarus.Inspection, asked string) string {
	if a := i.Item.Assessment(hacarus.ActiveModel); a != nil && a.ModelID != "" {
		return a.ModelID
	}
	return asked
}
