package hacarus

import (
	"context"
	"net/http"
	"strconv"
)

var (
	opListTargets      = operation{"getInspectionTargets", http.MethodGet, "/api/v1/targets/", read}
	opGetTarget        = operation{"getInspectionTargetById", http.MethodGet, "/api/v1/targets/{target_id}", read}
	opSetDefaultTarget = operation{"setInspectionTargetById", http.MethodPost, "/api/v1/targets/{target_id}", overwrite}
	opGetModelResults  = operation{"getModelResults", http.MethodPost, "/api/v1/targets/model/results", read}
)

// ListInspectionTargets returns the inspection targets of the user. No error
// of this operation is documented by status.
//
// Operation getInspectionTargets: GET /api/v1/targets/.
func (c *Client) ListInspectionTargets(ctx context.Context) ([]InspectionTarget, error) {
	return doValue(ctx, c, request{op: opListTargets}, list(decodeTarget))
}

// GetInspectionTarget returns one inspection target. A negative id is
// [ErrInvalidArgument]; the documentation does not say which error an unknown
// one gives, most likely [ErrNotFound].
//
// Operation getInspectionTargetById: GET /api/v1/targets/{target_id}.
func (c *Client) GetInspectionTarget(ctx context.Context, targetID int) (*InspectionTarget, error) {
	return c.target(ctx, opGetTarget, targetID)
}

// SetDefaultInspectionTarget makes one inspection target the default, and
// returns it. Repeating it changes nothing more, so it is retried. Its errors
// are those of [Client.GetInspectionTarget].
//
// Operation setInspectionTargetById: POST /api/v1/targets/{target_id}.
func (c *Client) SetDefaultInspectionTarget(ctx context.Context, targetID int) (*InspectionTarget, error) {
	return c.target(ctx, opSetDefaultTarget, targetID)
}

func (c *Client) target(ctx context.Context, op operation, targetID int) (*InspectionTarget, error) {
	if targetID < 0 {
		return nil, argumentError(op.id, "negative target id %d", targetID)
	}
	r := request{op: op, params: []string{strconv.Itoa(targetID)}}
	return doData(ctx, c, r, expect(targetID, decodeTarget, func(t *InspectionTarget) int { return t.TargetID }))
}

// modelIDsQuery repeats the parameter for each id. The documentation does not
// say how a list stands in a query; this is OpenAPI's default.
type modelIDsQuery struct {
	ModelIDs []string `url:"model_ids"`
}

// GetModelResults returns the results of models as a CSV file; the
// documentation does not name its columns. Close the download. At least one id
// is required ([ErrInvalidArgument]); ids that the service cannot process are
// [ErrUnprocessable].
//
// Operation getModelResults: POST /api/v1/targets/model/results. It only
// reads, so it is retried.
func (c *Client) GetModelResults(ctx context.Context, modelIDs ...string) (*Download, error) {
	if err := needIDs(opGetModelResults, "model_ids", modelIDs); err != nil {
		return nil, err
	}
	return c.doDownload(ctx, request{op: opGetModelResults, query: modelIDsQuery{modelIDs}, accept: acceptBytes})
}
