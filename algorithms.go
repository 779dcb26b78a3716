package hacarus

import (
	"context"
	"fmt"
	"net/http"
)

var (
	opListAlgorithms = operation{"getAlgorithms", http.MethodGet, "/api/v1/algorithms/", read}
	opGetAlgorithm   = operation{"getAlgorithmById", http.MethodGet, "/api/v1/algorithms/{algorithm_id}", read}
	opTrain          = operation{"train", http.MethodPost, "/api/v1/algorithms/{algorithm_id}/train", nonIdempotent}
)

// ListAlgorithms returns the algorithms with their parameters. A service
// without any may answer [ErrNotFound] in place of an empty list
// (wire-facts.md 12).
//
// Operation getAlgorithms: GET /api/v1/algorithms/.
func (c *Client) ListAlgorithms(ctx context.Context) ([]Algorithm, error) {
	return doValue(ctx, c, request{op: opListAlgorithms}, list(decodeAlgorithm))
}

// GetAlgorithm returns one algorithm with its parameters. The documentation
// does not say which error an unknown id gives, most likely [ErrNotFound].
//
// Operation getAlgorithmById: GET /api/v1/algorithms/{algorithm_id}.
func (c *Client) GetAlgorithm(ctx context.Context, algorithmID string) (*Algorithm, error) {
	r := request{op: opGetAlgorithm, params: []string{algorithmID}}
	return doData(ctx, c, r, expect(algorithmID, decodeAlgorithm, func(a *Algorithm) string { return a.AlgorithmID }))
}

// Train starts the training of a new model, which goes on in the background:
// the returned model is [ModelStatusCreating], and [Client.GetModel] tells how
// far it is. It needs a licence ([ErrLicense]); items that are not the user's
// are [ErrForbidden] (wire-facts.md 7); a request that the service cannot
// process is [ErrUnprocessable]. Unfit values of parameters show in the status
// of the model, which becomes [ModelStatusFailed] (wire-facts.md 20).
//
// Every execution makes another model, so it is not repeated when its outcome
// is unknown: on [ErrOutcomeUnknown] look for the model by its name first.
//
// Operation train: POST /api/v1/algorithms/{algorithm_id}/train.
func (c *Client) Train(ctx context.Context, algorithmID string, req TrainRequest) (*Model, error) {
	if err := checkIDs(opTrain, "item_ids", req.ItemIDs); err != nil {
		return nil, err
	}
	if err := req.check(); err != nil {
		return nil, argumentError(opTrain.id, "%w", err)
	}
	body, err := jsonBody(opTrain, req)
	if err != nil {
		return nil, err
	}
	return doData(ctx, c, request{op: opTrain, params: []string{algorithmID}, body: body}, decodeModel)
}

func (r TrainRequest) check() error {
	for i, p := range r.OverrideParams {
		if p.AlgorithmParameterID < 0 || p == (OverrideParam{}) {
			return fmt.Errorf("override_params[%d] names no parameter", i)
		}
		if err := checkText(fmt.Sprintf("override_params[%d]", i), p.Value); err != nil {
			return err
		}
	}
	return checkText("name", r.Name)
}
