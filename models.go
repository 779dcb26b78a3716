package hacarus

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hacarus/hacarus-check-go/internal/redact"
)

var (
	opListModels           = newOperation("getModels", "ListModels", http.MethodGet, "/api/v1/models/", classRead)
	opDeleteModels         = newOperation("deleteModels", "DeleteModels", http.MethodDelete, "/api/v1/models/", classDelete)
	opGetModel             = newOperation("getModelById", "GetModel", http.MethodGet, "/api/v1/models/{model_id}", classRead)
	opExportModels         = newOperation("exportModelsWithId", "ExportModels", http.MethodPost, "/api/v1/models/export", classRead)
	opImportModels         = newOperation("importModels", "ImportModels", http.MethodPost, "/api/v1/models/import", classNonIdempotent)
	opSetPredictParameters = newOperation("setModelPredictParameters", "SetPredictParameters", http.MethodPost, "/api/v1/models/{model_id}/update_predict_parameters", classOverwrite)
	opSetPredictCallback   = newOperation("setModelPredictCallback", "SetPredictCallback", http.MethodPost, "/api/v1/models/{model_id}/update_predict_callback", classOverwrite)
	opPredictItems         = newOperation("predictItems", "PredictItems", http.MethodPost, "/api/v1/models/{model_id}/predict", classNonIdempotent)
)

// ActiveModel stands for the id of the active model, as documented for
// [Client.PredictItems]; [Client.GetModel] takes it too. Where several models
// are active, the choice is the service's.
const ActiveModel = "active"

// ListModelsOptions filters [Client.ListModels].
type ListModelsOptions struct {
	// AlgorithmID keeps the models of one algorithm; "" keeps all. It is an id, not a
	// name: see [Client.FindAlgorithm].
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
	return doValue(ctx, c, request{op: opListModels, query: opts}, listOf(decodeModel))
}

// GetModel returns one model, with [ActiveModel] the active one, as the service
// responds with it, whatever its id: a service may write ids in a form of its
// own. That the service knows "active" here is not documented, nor is which error
// an unknown id gives, most likely [ErrNotFound].
//
// Operation getModelById: GET /api/v1/models/{model_id}.
func (c *Client) GetModel(ctx context.Context, modelID string) (*Model, error) {
	return doData(ctx, c, request{op: opGetModel, params: []string{modelID}}, decodeModel)
}

// getThisModel is GetModel for who acts on the response unasked: there, another
// model than the one that was asked for is no response.
func (c *Client) getThisModel(ctx context.Context, modelID string) (*Model, error) {
	decode := decodeModel
	if modelID != ActiveModel {
		decode = expect(modelID, decodeModel, func(m *Model) string { return m.ModelID })
	}
	return doData(ctx, c, request{op: opGetModel, params: []string{modelID}}, decode)
}

// DeleteModels deletes models and returns the ids that the service says it
// deleted, or those that were asked for where it says nothing but success, as
// earlier services do. At least one id is required ([ErrInvalidArgument]). Ids
// that the service cannot process are [ErrUnprocessable]. "No model found" was
// seen as [ErrNotFound] in the official SDK's fixtures.
//
// It is retried, and a model may be found deleted by an attempt whose response
// was lost: then the error is [ErrNotFound] and [ErrOutcomeUnknown].
//
// Operation deleteModels: DELETE /api/v1/models/.
func (c *Client) DeleteModels(ctx context.Context, modelIDs ...string) ([]string, error) {
	if err := needIDs(opDeleteModels, "model_ids", modelIDs); err != nil {
		return nil, err
	}
	var deleted []string
	err := c.do(ctx, request{op: opDeleteModels, query: modelIDsQuery{modelIDs}}, func(raw []byte) (err error) {
		deleted, err = decodeDone(raw, objectField("model_ids", identifiers))
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
	return doValue(ctx, c, request{op: opImportModels, body: body}, listOf(decodeModel))
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
// service does not sign its calls, is not documented to retry them, and does not
// call after a failed prediction. So a callback makes waiting shorter, but polling
// remains necessary.
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

type itemIDs struct {
	ItemIDs []string `json:"item_ids"`
}

// PredictItems starts the prediction of items with a model, or with
// [ActiveModel]; it goes on in the background. A prediction is there when
// [Client.GetItem] shows an assessment of the model; the item's status does
// not prove it. It needs a license ([ErrLicense]) and at least one item id
// ([ErrInvalidArgument]). Without such a model the error is [ErrBadRequest],
// without an item [ErrNotFound], and [ErrBusy] where the service stayed busy
// through all retries.
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

// Model is a trained, or still training, AI model.
type Model struct {
	// ModelID identifies the model. It is never empty in a response.
	ModelID string `json:"model_id"`
	// Name is the name shown to people: that of [TrainRequest], or else the
	// service's choice.
	Name string `json:"name"`
	// Version as the service names it, such as "model-2019061101:26:07".
	Version string `json:"version"`
	// AlgorithmID is that of the [Algorithm] it was trained with.
	AlgorithmID string `json:"algorithm_id"`
	// AlgorithmType is the type of that algorithm, such as "unsupervised".
	AlgorithmType string `json:"algorithm_type"`
	// ImageURL is an image that stands for the model, "" for none.
	ImageURL string `json:"image_url"`
	// Status tells how far training has come.
	Status ModelStatus `json:"status"`
	// StatusText explains a failed training; "" otherwise.
	StatusText string `json:"status_text"`
	// Active marks models that may be used for prediction; null reads as false.
	// Which of several active models "active" means in a request is the
	// service's choice.
	Active bool `json:"active"`
	// OKImgCount is the number of good images the model was trained on; null
	// reads as 0.
	OKImgCount int `json:"ok_img_count"`
	// NGImgCount is the number of defective images among the training items;
	// null reads as 0.
	NGImgCount int `json:"ng_img_count"`
	// ContextID as the service sends it; the documentation does not explain it.
	ContextID int `json:"context_id"`
	// TrainingTime is how long training took, nil when the service says null.
	// The documentation gives no unit.
	TrainingTime *int `json:"training_time"`
	// Precision is nil until the service knows it. It is nil too where an earlier
	// service sends an object in place of a number: see Stats. The documentation
	// gives no range.
	Precision *float64 `json:"precision"`
	// Recall is as Precision: nil until the service knows it, without a
	// documented range.
	Recall *float64 `json:"recall"`
	// Stats holds finer figures of the same kind.
	Stats ModelStats `json:"stats"`
	// CreatedAt is when the model was made, zero when the service does not say.
	CreatedAt Time `json:"created_at"`
	// UpdatedAt is when the model was last changed, zero when the service does
	// not say.
	UpdatedAt Time `json:"updated_at"`
}

// UnmarshalJSON reads a model as [Client.GetModel] does, numbers and strings
// for each other. Unlike there the id may be missing. Anything else is
// [ErrDecode].
func (m *Model) UnmarshalJSON(document []byte) error { return unmarshal(document, m, readModel) }

// decodeModel reads a model of a response, which must say which one it is.
func decodeModel(d *decoding, v *Model) error {
	err := readModel(d, v)
	return required("model_id", v.ModelID, err)
}

// readModel reads a model that need not have an id: json.Marshal writes values
// that a program has made, too.
func readModel(d *decoding, v *Model) error {
	var earlier ModelStats
	err := d.NullableObject(func(key []byte) error {
		switch string(key) {
		case "model_id":
			return identifier(d, &v.ModelID)
		case "name":
			return stringValue(d, &v.Name)
		case "version":
			return stringValue(d, &v.Version)
		case "algorithm_id":
			return identifier(d, &v.AlgorithmID)
		case "algorithm_type":
			return stringValue(d, &v.AlgorithmType)
		case "image_url":
			return stringValue(d, &v.ImageURL)
		case "status":
			return stringValue(d, &v.Status)
		case "status_text":
			return stringValue(d, &v.StatusText)
		case "active":
			return boolean(d, &v.Active)
		case "ok_img_count":
			return integer(d, &v.OKImgCount)
		case "ng_img_count":
			return integer(d, &v.NGImgCount)
		case "context_id":
			return integer(d, &v.ContextID)
		case "training_time":
			return nullableInteger(d, &v.TrainingTime)
		case "precision":
			return modelFigure(d, &v.Precision, &earlier.Precision)
		case "recall":
			return modelFigure(d, &v.Recall, &earlier.Recall)
		case "stats":
			return decodeStats(d, &v.Stats)
		case "created_at":
			return timestamp(d, &v.CreatedAt)
		case "updated_at":
			return timestamp(d, &v.UpdatedAt)
		}
		return d.Skip()
	})
	v.Stats.Precision = cmp.Or(v.Stats.Precision, earlier.Precision)
	v.Stats.Recall = cmp.Or(v.Stats.Recall, earlier.Recall)
	return err
}

// modelFigure reads a model's precision or recall. Earlier services sent an
// object of a projected and a computed figure there; it has its place in
// ModelStats, and says nothing about the single figure.
func modelFigure(d *decoding, v **float64, earlier *ModelPrecision) error {
	if d.Peek() == '{' {
		return decodeFigures(d, earlier)
	}
	return nullableNumber(d, v)
}

// ModelStats holds a model's quality figures. The documentation gives no range;
// null figures are not known yet.
type ModelStats struct {
	// Accuracy as the service computes it; nil when it says null.
	Accuracy *float64 `json:"accuracy"`
	// Precision holds the two figures of the model's precision.
	Precision ModelPrecision `json:"precision"`
	// Recall holds the two figures of the model's recall.
	Recall ModelPrecision `json:"recall"`
}

// UnmarshalJSON reads figures as [Client.GetModel] does, numbers and strings
// for each other. Anything else is [ErrDecode].
func (s *ModelStats) UnmarshalJSON(document []byte) error { return unmarshal(document, s, decodeStats) }

func decodeStats(d *decoding, v *ModelStats) error {
	return d.NullableObject(func(key []byte) error {
		switch string(key) {
		case "accuracy":
			return nullableNumber(d, &v.Accuracy)
		case "precision":
			return decodeFigures(d, &v.Precision)
		case "recall":
			return decodeFigures(d, &v.Recall)
		}
		return d.Skip()
	})
}

// ModelPrecision is a quality figure in two forms. The documentation does not
// explain them; the comments say what their names suggest.
type ModelPrecision struct {
	// Projected is the figure that training lets expect; nil when the service
	// says null.
	Projected *float64 `json:"projected"`
	// Computed is the figure that was measured; nil when the service says null.
	Computed *float64 `json:"computed"`
}

// UnmarshalJSON reads a figure as [Client.GetModel] does, numbers and strings
// for each other. Anything else is [ErrDecode].
func (p *ModelPrecision) UnmarshalJSON(document []byte) error {
	return unmarshal(document, p, decodeFigures)
}

func decodeFigures(d *decoding, v *ModelPrecision) error {
	return d.NullableObject(func(key []byte) error {
		switch string(key) {
		case "projected":
			return nullableNumber(d, &v.Projected)
		case "computed":
			return nullableNumber(d, &v.Computed)
		}
		return d.Skip()
	})
}

// PredictParameters tunes a trained model's predictions. In a request, nil and ""
// leave a parameter as it is; in a response, they mean that the service did not
// tell it.
type PredictParameters struct {
	// Threshold is the anomaly score from which an area is a defect: 0 or more.
	// The larger it is, the more images are OK.
	Threshold *float64 `json:"threshold,omitempty"`
	// IgnoreOuter is a margin to ignore, in pixels of height and width. The
	// documentation says only that it is a string; most likely it has the form
	// "[8, 8]" that tuples have in override parameters.
	IgnoreOuter string `json:"ignore_outer,omitempty"`
	// MinDetectedArea is the least area of a defect's box that counts, in
	// pixels: 1 or more, though the documented default is 0.
	MinDetectedArea *float64 `json:"min_detected_area,omitempty"`
}

// UnmarshalJSON reads parameters as [Client.SetPredictParameters] does, numbers
// and strings for each other. Anything else is [ErrDecode].
func (p *PredictParameters) UnmarshalJSON(document []byte) error {
	return unmarshal(document, p, decodePredictParameters)
}

func decodePredictParameters(d *decoding, v *PredictParameters) error {
	return d.RequiredObject(func(key []byte) error {
		switch string(key) {
		case "threshold":
			return nullableNumber(d, &v.Threshold)
		case "ignore_outer":
			return stringValue(d, &v.IgnoreOuter)
		case "min_detected_area":
			return nullableNumber(d, &v.MinDetectedArea)
		}
		return d.Skip()
	})
}

// PredictCallback is where the service reports finished predictions of a model.
type PredictCallback struct {
	// URL that the service calls: absolute, http or https, without a fragment.
	URL string `json:"callback_url"`
	// Method is [CallbackPost] or [CallbackGet].
	Method string `json:"callback_method"`
}

// UnmarshalJSON reads a callback as [Client.SetPredictCallback] does, numbers
// and strings for each other. Anything else is [ErrDecode].
func (cb *PredictCallback) UnmarshalJSON(document []byte) error {
	return unmarshal(document, cb, decodePredictCallback)
}

// The documented methods of a [PredictCallback].
const (
	CallbackPost = "post" // an HTTP POST
	CallbackGet  = "get"  // an HTTP GET
)

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

// secrets of a callback are whatever tells its URL from the host's others.
func (cb PredictCallback) secrets() *redact.Set {
	u, err := url.Parse(cb.URL)
	if err != nil {
		return nil // check has refused it
	}
	s := &redact.Set{}
	s.Add(cb.URL, u.RequestURI(), u.EscapedPath(), u.Path)
	for _, values := range u.Query() {
		s.Add(values...)
	}
	password, _ := u.User.Password()
	s.Add(password)
	return s
}

func decodePredictCallback(d *decoding, v *PredictCallback) error {
	return d.RequiredObject(func(key []byte) error {
		switch string(key) {
		case "callback_url":
			return stringValue(d, &v.URL)
		case "callback_method":
			return stringValue(d, &v.Method)
		}
		return d.Skip()
	})
}

// PredictItemsResponse says which items a prediction was started for.
type PredictItemsResponse struct {
	// ModelVersion is the [Model] Version of the model that predicts.
	ModelVersion string `json:"model_version"`
	// ItemIDs are the items that are predicted.
	ItemIDs []string `json:"item_ids"`
}

// UnmarshalJSON reads a response as [Client.PredictItems] does, numbers and
// strings for each other. Anything else is [ErrDecode].
func (r *PredictItemsResponse) UnmarshalJSON(document []byte) error {
	return unmarshal(document, r, decodePrediction)
}

func decodePrediction(d *decoding, v *PredictItemsResponse) error {
	return d.RequiredObject(func(key []byte) error {
		switch string(key) {
		case "model_version":
			return stringValue(d, &v.ModelVersion)
		case "item_ids":
			return identifiers(d, &v.ItemIDs)
		}
		return d.Skip()
	})
}
