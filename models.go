package hacarus

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

var (
	opListModels           = operation{"getModels", http.MethodGet, "/api/v1/models/", read}
	opDeleteModels         = operation{"deleteModels", http.MethodDelete, "/api/v1/models/", remove}
	opGetModel             = operation{"getModelById", http.MethodGet, "/api/v1/models/{model_id}", read}
	opExportModels         = operation{"exportModelsWithId", http.MethodPost, "/api/v1/models/export", read}
	opImportModels         = operation{"importModels", http.MethodPost, "/api/v1/models/import", nonIdempotent}
	opSetPredictParameters = operation{"setModelPredictParameters", http.MethodPost, "/api/v1/models/{model_id}/update_predict_parameters", overwrite}
	opSetPredictCallback   = operation{"setModelPredictCallback", http.MethodPost, "/api/v1/models/{model_id}/update_predict_callback", overwrite}
	opPredictItems         = operation{"predictItems", http.MethodPost, "/api/v1/models/{model_id}/predict", nonIdempotent}
)

// ActiveModel stands for the id of the active model, as documented for
// [Client.PredictItems]; [Client.GetModel] takes it too. Where several models
// are active, the choice is the service's (wire-facts.md 22).
const ActiveModel = "active"

// ListModelsOptions filters [Client.ListModels].
type ListModelsOptions struct {
	// AlgorithmID keeps the models of one algorithm; "" keeps all.
	AlgorithmID string `url:"algorithm_id,omitempty"`
}

// ListModels returns the models; nil opts are all of them. A query that the
// service does not take is [ErrUnprocessable].
//
// Operation getModels: GET /api/v1/models/.
func (c *Client) ListModels(ctx context.Context, opts *ListModelsOptions) ([]Model, error) {
	if opts != nil {
		if err := checkFilter(opListModels, "algorithm_id", opts.AlgorithmID); err != nil {
			return nil, err
		}
	}
	return doValue(ctx, c, request{op: opListModels, query: opts}, list(decodeModel))
}

// GetModel returns one model, with [ActiveModel] the active one: the answer may
// then have any id, while for all others it must be the one asked for
// ([ErrDecode]). That the service knows "active" here is not documented, nor is
// which error an unknown id gives, most likely [ErrNotFound].
//
// Operation getModelById: GET /api/v1/models/{model_id}.
func (c *Client) GetModel(ctx context.Context, modelID string) (*Model, error) {
	decode := decodeModel
	if modelID != ActiveModel {
		decode = expect(modelID, decodeModel, func(m *Model) string { return m.ModelID })
	}
	return doData(ctx, c, request{op: opGetModel, params: []string{modelID}}, decode)
}

// DeleteModels deletes models and returns the ids that the service says it
// deleted, or those that were asked for where it says nothing but success
// (wire-facts.md 34). At least one id is required ([ErrInvalidArgument]). Ids
// that the service cannot process are [ErrUnprocessable]; "No model found" was
// seen as [ErrNotFound].
//
// It is retried, and a model may be found deleted by an attempt whose answer
// was lost: then the error is [ErrNotFound] and [ErrOutcomeUnknown].
//
// Operation deleteModels: DELETE /api/v1/models/.
func (c *Client) DeleteModels(ctx context.Context, modelIDs ...string) ([]string, error) {
	if err := needIDs(opDeleteModels, "model_ids", modelIDs); err != nil {
		return nil, err
	}
	var deleted []string
	err := c.do(ctx, request{op: opDeleteModels, query: modelIDsQuery{modelIDs}}, func(raw []byte) (err error) {
		deleted, err = decodeDeletedIDs(raw)
		return err
	})
	if err != nil {
		return nil, err
	}
	if deleted == nil {
		return slices.Clone(modelIDs), nil
	}
	return deleted, nil
}

// decodeDeletedIDs reads the ids of an answer that may be empty, or that says
// no more than that it went well (wire-facts.md 34): then they are nil.
func decodeDeletedIDs(raw []byte) (ids []string, err error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	err = decodeDocument(raw, func(d *decoding, key []byte) error {
		if string(key) != "data" {
			return d.skip()
		}
		return decodeField("model_ids", identifiers)(d, &ids)
	})
	return ids, err
}

type modelIDs struct {
	ModelIDs []string `json:"model_ids"`
}

// ExportModels returns models as a ZIP file for [Client.ImportModels]. Close
// the download. At least one id is required ([ErrInvalidArgument]); ids that the
// service cannot process are [ErrUnprocessable].
//
// Operation exportModelsWithId: POST /api/v1/models/export. It only reads, so
// it is retried.
func (c *Client) ExportModels(ctx context.Context, ids ...string) (*Download, error) {
	if err := needIDs(opExportModels, "model_ids", ids); err != nil {
		return nil, err
	}
	body, err := jsonBody(opExportModels, modelIDs{ids})
	if err != nil {
		return nil, err
	}
	return c.doDownload(ctx, request{op: opExportModels, body: body, accept: acceptBytes})
}

// ImportModels uploads a ZIP file of [Client.ExportModels] and returns the
// models it made. It streams: memory does not grow with the file. Every
// execution may make the models anew, so it is not repeated when its outcome
// is unknown ([ErrOutcomeUnknown]). A file that the service cannot process is
// [ErrUnprocessable].
//
// Operation importModels: POST /api/v1/models/import.
func (c *Client) ImportModels(ctx context.Context, archive File) ([]Model, error) {
	body, err := multipartBody(opImportModels, nil, "models", []File{archive}, nil)
	if err != nil {
		return nil, err
	}
	return doValue(ctx, c, request{op: opImportModels, body: body}, list(decodeModel))
}

// SetPredictParameters changes how a model predicts from now on, and returns
// the parameters as the service has them. At least one must be given, and no
// number that JSON cannot hold ([ErrInvalidArgument]). Values that the service
// refuses are [ErrBadRequest].
//
// Operation setModelPredictParameters: POST
// /api/v1/models/{model_id}/update_predict_parameters.
func (c *Client) SetPredictParameters(ctx context.Context, modelID string, p PredictParameters) (*PredictParameters, error) {
	if p == (PredictParameters{}) {
		return nil, argumentError(opSetPredictParameters.id, "no parameter to set")
	}
	if err := checkText("ignore_outer", p.IgnoreOuter); err != nil {
		return nil, argumentError(opSetPredictParameters.id, "%w", err)
	}
	body, err := jsonBody(opSetPredictParameters, p)
	if err != nil {
		return nil, err
	}
	r := request{op: opSetPredictParameters, params: []string{modelID}, body: body}
	return doData(ctx, c, r, decodePredictParameters)
}

// SetPredictCallback makes the service call a URL after each successful
// prediction of a model, and returns the callback as the service has it. The
// service signs nothing, retries nothing that is documented, and does not call
// after a failed prediction (wire-facts.md 25): a callback saves waiting, it
// does not replace looking.
//
// A URL that is not absolute http or https, or that has a fragment, and a
// method other than [CallbackPost] and [CallbackGet] are [ErrInvalidArgument];
// the error does not repeat the URL, which may hold a secret. What the service
// refuses is [ErrBadRequest].
//
// Operation setModelPredictCallback: POST
// /api/v1/models/{model_id}/update_predict_callback.
func (c *Client) SetPredictCallback(ctx context.Context, modelID string, cb PredictCallback) (*PredictCallback, error) {
	if err := cb.check(); err != nil {
		return nil, err
	}
	body, err := jsonBody(opSetPredictCallback, cb)
	if err != nil {
		return nil, err
	}
	body.secrets = cb.secrets()
	r := request{op: opSetPredictCallback, params: []string{modelID}, body: body}
	return doData(ctx, c, r, decodePredictCallback)
}

// check refuses callbacks that cannot be called. Its errors do not repeat the
// URL, which may hold a secret path.
func (cb PredictCallback) check() error {
	if cb.Method != CallbackPost && cb.Method != CallbackGet {
		return argumentError(opSetPredictCallback.id, "callback method %q is neither %q nor %q", cb.Method, CallbackPost, CallbackGet)
	}
	u, err := url.Parse(cb.URL)
	if err != nil || u.Hostname() == "" || u.Opaque != "" || u.Fragment != "" ||
		u.Scheme != "http" && u.Scheme != "https" || strings.ContainsAny(cb.URL, " #") || !validPort(u) || !utf8.ValidString(cb.URL) {
		return argumentError(opSetPredictCallback.id, "the callback URL is not an absolute http or https URL")
	}
	return nil
}

type itemIDs struct {
	ItemIDs []string `json:"item_ids"`
}

// PredictItems starts the prediction of items with a model, or with
// [ActiveModel]; it goes on in the background. A prediction is there when
// [Client.GetItem] shows an assessment of the model; the item's status does
// not prove it (wire-facts.md 21). It needs a licence ([ErrLicense]) and at
// least one item id ([ErrInvalidArgument]). Without such a model the error is
// [ErrBadRequest], without an item [ErrNotFound], and [ErrBusy] where the
// service stayed busy through all retries.
//
// Every execution starts another job and calls the callback again, so it is
// not repeated when its outcome is unknown ([ErrOutcomeUnknown]).
//
// Operation predictItems: POST /api/v1/models/{model_id}/predict.
func (c *Client) PredictItems(ctx context.Context, modelID string, ids ...string) (*PredictItemsResponse, error) {
	if err := needIDs(opPredictItems, "item_ids", ids); err != nil {
		return nil, err
	}
	body, err := jsonBody(opPredictItems, itemIDs{ids})
	if err != nil {
		return nil, err
	}
	return doData(ctx, c, request{op: opPredictItems, params: []string{modelID}, body: body}, decodePrediction)
}
