package hacarus

import (
	"context"
	"net/http"
	"strconv"
)

var (
	opListTargets      = newOperation("getInspectionTargets", "ListInspectionTargets", http.MethodGet, "/api/v1/targets/", classRead)
	opGetTarget        = newOperation("getInspectionTargetById", "GetInspectionTarget", http.MethodGet, "/api/v1/targets/{target_id}", classRead)
	opSetDefaultTarget = newOperation("setInspectionTargetById", "SetDefaultInspectionTarget", http.MethodPost, "/api/v1/targets/{target_id}", classOverwrite)
	opGetModelResults  = newOperation("getModelResults", "GetModelResults", http.MethodPost, "/api/v1/targets/model/results", classRead)
)

// ListInspectionTargets returns the user's inspection targets. The
// documentation names no error status of this operation.
//
// Operation getInspectionTargets: GET /api/v1/targets/.
func (c *Client) ListInspectionTargets(ctx context.Context) ([]InspectionTarget, error) {
	return doValue(ctx, c, request{op: opListTargets}, listOf(decodeTarget))
}

// GetInspectionTarget returns one inspection target. It returns what the
// service responds with, whatever the id in the response. A negative targetID
// is [ErrInvalidArgument]. The documentation does not say which error an
// unknown id causes; [ErrNotFound] is the most likely one.
//
// Operation getInspectionTargetById: GET /api/v1/targets/{target_id}.
func (c *Client) GetInspectionTarget(ctx context.Context, targetID int) (*InspectionTarget, error) {
	return c.target(ctx, opGetTarget, targetID)
}

// SetDefaultInspectionTarget makes an inspection target the default one and
// returns it. A second execution changes nothing, so the call is retried. Its
// errors are those of [Client.GetInspectionTarget].
//
// Operation setInspectionTargetById: POST /api/v1/targets/{target_id}.
func (c *Client) SetDefaultInspectionTarget(ctx context.Context, targetID int) (*InspectionTarget, error) {
	return c.target(ctx, opSetDefaultTarget, targetID)
}

func (c *Client) target(ctx context.Context, op operation, targetID int) (*InspectionTarget, error) {
	if targetID < 0 {
		return nil, argumentError(op.id, "negative target id %d", targetID)
	}
	return doData(ctx, c, request{op: op, params: []string{strconv.Itoa(targetID)}}, decodeTarget)
}

// modelIDsQuery repeats the parameter for each id. The documentation does not
// say how a list is written in a query; this is OpenAPI's default.
type modelIDsQuery struct {
	ModelIDs []string `url:"model_ids"`
}

// GetModelResults returns the results of models as a CSV file. The
// documentation does not name its columns. The ids are optional: without any,
// the service chooses the models, most likely all of them. Ids that the service
// cannot process cause [ErrUnprocessable]. The caller must close the download.
//
// Operation getModelResults: POST /api/v1/targets/model/results. The operation
// only reads, so it is retried.
func (c *Client) GetModelResults(ctx context.Context, modelIDs ...string) (*Download, error) {
	if err := checkIDs(opGetModelResults, "model_ids", modelIDs); err != nil {
		return nil, err
	}
	return c.doDownload(ctx, request{op: opGetModelResults, query: modelIDsQuery{modelIDs}, accept: acceptBytes})
}

// InspectionTarget is a kind of product that is inspected. One of the targets
// is the default; the documentation does not say for what.
type InspectionTarget struct {
	// TargetID identifies the target.
	TargetID int `json:"target_id"`
	// Name is the name shown to people.
	Name string `json:"name"`
	// Preprocessing lists the steps that run before training and prediction. Nil or
	// empty means that there are none.
	Preprocessing []Preprocessing `json:"preprocessing"`
}

// UnmarshalJSON decodes an inspection target as [Client.GetInspectionTarget]
// does; a number may be written as a string and a string as a number. Other
// input is [ErrDecode].
func (t *InspectionTarget) UnmarshalJSON(document []byte) error {
	return unmarshal(document, t, decodeTarget)
}

func decodeTarget(d *decoding, v *InspectionTarget) error {
	var targetID *int // 0 is an id like any other
	err := d.NullableObject(func(key []byte) error {
		switch string(key) {
		case "target_id":
			return nullableInteger(d, &targetID)
		case "name":
			return stringValue(d, &v.Name)
		case "preprocessing":
			return list(d, &v.Preprocessing, decodePreprocessing)
		}
		return d.Skip()
	})
	if err = required("target_id", targetID, err); err == nil {
		v.TargetID = *targetID
	}
	return err
}

// Preprocessing is one preprocessing step of an [InspectionTarget].
type Preprocessing struct {
	// Name is the step's name. The service requires it.
	Name string `json:"name"`
	// Active says whether the step runs. It is nil if the service sends null.
	Active *bool `json:"active"`
	// Config is the step's configuration as the service stores it, or "" if there
	// is none.
	Config string `json:"config"`
}

// UnmarshalJSON decodes a preprocessing step as [Client.GetInspectionTarget]
// does; a number may be written as a string and a string as a number. Other
// input is [ErrDecode].
func (p *Preprocessing) UnmarshalJSON(document []byte) error {
	return unmarshal(document, p, decodePreprocessing)
}

func decodePreprocessing(d *decoding, v *Preprocessing) error {
	return d.NullableObject(func(key []byte) error {
		switch string(key) {
		case "name":
			return stringValue(d, &v.Name)
		case "active":
			return nullable(d, &v.Active, boolean)
		case "config":
			return stringValue(d, &v.Config)
		}
		return d.Skip()
	})
}
