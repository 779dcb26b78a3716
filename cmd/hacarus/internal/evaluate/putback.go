package evaluate

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/exit"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/putback"
)

// putBackTime is how long it is tried to put a parameter back. It is time of its
// own: the run may have been interrupted.
const putBackTime = 15 * time.Second

// setParameter changes a parameter of a model, and makes sure of it.
func (e *request) setParameter(ctx context.Context, modelID string, wanted putback.Parameter) error {
	set, err := e.client.SetPredictParameters(ctx, modelID, wanted.Predict())
	if err != nil {
		return err
	}
	if got := wanted.Of(set); got != nil && math.Abs(*got-wanted.Value) > 1e-6*math.Abs(wanted.Value) { // the service may have fewer digits
		return errors.New(e.p.Text("the service has %v in place of %v", *got, wanted.Value))
	}
	return nil
}

// putBack gives a model its parameter again, also after the context has ended. If
// that fails, it says what to do.
func (e *request) putBack(ctx context.Context, note *putback.Note, modelID string, was putback.Parameter) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), putBackTime)
	defer cancel()
	if err := e.setParameter(ctx, modelID, was); err != nil {
		return exit.With(exit.Unknown, language.Errorf("MODEL %s MAY STILL HAVE ANOTHER %s: it was not put back to %v: %s\nPut it back: %s",
			modelID, was.Name, was.Value, e.p.Explain(err), // and not the error itself: this one may be done again without a look
			e.mend(modelID, was.Name, strconv.FormatFloat(was.Value, 'g', -1, 64))))
	}
	return note.Clear(ctx)
}

// mend is the command that gives a model a parameter.
func (e *request) mend(modelID, parameter, value string) string {
	return strings.Join(append([]string{"hacarus models tune", modelID, "--" + strings.ReplaceAll(parameter, "_", "-"), value}, e.connection...), " ")
}

// putBackLeft puts back what a program that was killed has left changed.
func (e *request) putBackLeft(ctx context.Context, note *putback.Note, modelID string) error {
	left, err := note.Left(ctx)
	if err != nil || left == nil {
		return err
	}
	e.p.Warn("An earlier evaluation ended while it tried values of %s on model %s: it is put back to %v.", left.Name, modelID, left.Value)
	return e.putBack(ctx, note, modelID, *left)
}

// putBackAllLeft does so for the models of an evaluation.
func (e *request) putBackAllLeft(ctx context.Context) error {
	if !e.notes.Any() {
		return nil
	}
	for _, name := range []string{e.model, e.compare} {
		id, err := e.idOf(ctx, name)
		if err != nil {
			return err
		}
		note, err := e.notes.OpenKept(e.client, id)
		if err != nil {
			return err
		}
		if note == nil {
			continue
		}
		if err := errors.Join(e.putBackLeft(ctx, note, id), note.Close()); err != nil {
			return err
		}
	}
	return nil
}

// idOf is the id of the model that a name stands for. "" is that the service does
// not tell: that it takes "active" here is not documented.
func (e *request) idOf(ctx context.Context, name string) (string, error) {
	if name != hacarus.ActiveModel {
		return name, nil
	}
	model, err := e.client.GetModel(ctx, name)
	switch {
	case errors.Is(err, hacarus.ErrNotFound), errors.Is(err, hacarus.ErrBadRequest), errors.Is(err, hacarus.ErrUnprocessable):
		return "", nil
	case err != nil:
		return "", err
	}
	return model.ModelID, nil
}
