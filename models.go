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

// ActiveModel stands for the id of the active model in [Client.PredictItems],
// as documented, and in [Client.GetModel]. If several models are active, the
// service chooses one of them.
const ActiveModel = "active"

// ListModelsOptions filters the models that [Client.ListModels] returns.
type ListModelsOptions struct {
	// AlgorithmID selects the models of one algorithm; "" selects all models. It is
	// an id, not a name: see [Client.FindAlgorithm].
	AlgorithmID string `url:"algorithm_id,omitempty"`
}

// ListModels returns the models. With nil opts it returns all of them. A query
// that the service cannot process causes [ErrUnprocessable].
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

// GetModel returns one model; the id [ActiveModel] stands for the active one.
// It returns what the service responds with, even if the id in the response is
// written differently. The documentation does not say whether the service
// accepts "active" here, nor which error an unknown id causes; [ErrNotFound] is
// the most likely one.
//
// Operation getModelById: GET /api/v1/models/{model_id}.
func (c *Client) GetModel(ctx context.Context, modelID string) (*Model, error) {
	return doData(ctx, c, request{op: opGetModel, params: []string{modelID}}, decodeModel)
}

// getThisModel is GetModel for code that acts on the response by itself. There,
// a model other than the requested one is not a response.
func (c *Client) getThisModel(ctx context.Context, modelID string) (*Model, error) {
	decode := decodeModel
	if modelID != ActiveModel {
		decode = expect(modelID, decodeModel, func(m *Model) string { return m.ModelID })
	}
	return doData(ctx, c, request{op: opGetModel, params: []string{modelID}}, decode)
}

// DeleteModels deletes models and returns the ids of those that were deleted.
// Earlier services report only success; then it returns the ids that were
// requested. It needs at least one id ([ErrInvalidArgument]). Ids that the
// service cannot process cause [ErrUnprocessable]. In the official SDK's
// fixtures, an id that does not exist causes [ErrNotFound] with the title "No
// model found".
//
// The call is retried. If an attempt whose response was lost has deleted a
// model, the next attempt may not find it any more: the error is then both
// [ErrNotFound] and [ErrOutcomeUnknown].
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

// ExportModels returns models as a ZIP file, which [Client.ImportModels] takes.
// It needs at least one id ([ErrInvalidArgument]). Ids that the service cannot
// process cause [ErrUnprocessable]. The caller must close the download.
//
// Operation exportModelsWithId: POST /api/v1/models/export. The operation only
// reads, so it is retried.
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

// ImportModels uploads a ZIP file made by [Client.ExportModels] and returns the
// imported models. The file is streamed, so memory does not grow with its size.
// Every execution may create the models again, so a call whose outcome is
// unknown is not repeated ([ErrOutcomeUnknown]). A file that the service cannot
// process causes [ErrUnprocessable].
//
// Operation importModels: POST /api/v1/models/import.
func (c *Client) ImportModels(ctx context.Context, archive File) ([]Model, error) {
	body, err := multipartBody(opImportModels, nil, "models", []File{archive}, nil)
	if err != nil {
		return nil, err
	}
	return doValue(ctx, c, request{op: opImportModels, body: body}, listOf(decodeModel))
}

// SetPredictParameters changes how a model predicts from now on and returns the
// parameters as the service has them. At least one parameter must be given, and
// numbers must be finite ([ErrInvalidArgument]). Values that the service
// refuses cause [ErrBadRequest].
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
// service does not sign its callbacks, is not documented to retry them, and
// sends none after a failed prediction. A callback can therefore shorten a
// wait, but polling remains necessary. See [CallbackReceiver] and
// [WithCallbacks].
//
// The URL must be absolute, http or https, and without a fragment, and the
// method must be [CallbackPost] or [CallbackGet]; otherwise the error is
// [ErrInvalidArgument]. The error does not repeat the URL, which may hold a
// secret. A callback that the service refuses causes [ErrBadRequest].
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

// PredictItems starts the prediction of items by a model, or by the active
// model with [ActiveModel]. The prediction runs in the background. It is done
// when [Client.GetItem] shows an assessment by the model; the item's status
// does not prove it. [Client.PredictAndWait] waits for that.
//
// It needs at least one item id ([ErrInvalidArgument]). The error is
// [ErrLicense] if the service has no valid license, [ErrBadRequest] if there is
// no such model, [ErrNotFound] if there is no such item, and [ErrBusy] if the
// service was still busy after all retries.
//
// Every execution starts another prediction and causes another callback, so a
// call whose outcome is unknown is not repeated ([ErrOutcomeUnknown]).
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

// Model is an AI model that is trained or in training.
type Model struct {
	// ModelID identifies the model. It is never empty in a response.
	ModelID string `json:"model_id"`
	// Name is the name shown to people: the one of [TrainRequest], or one that the
	// service chose.
	Name string `json:"name"`
	// Version is the model's version in the service's notation, such as
	// "model-2019061101:26:07".
	Version string `json:"version"`
	// AlgorithmID identifies the [Algorithm] that the model was trained with.
	AlgorithmID string `json:"algorithm_id"`
	// AlgorithmType is that algorithm's type, such as "unsupervised".
	AlgorithmType string `json:"algorithm_type"`
	// ImageURL is the URL of an image that represents the model, or "" if there is
	// none.
	ImageURL string `json:"image_url"`
	// Status says how far training has come.
	Status ModelStatus `json:"status"`
	// StatusText says why training failed. Otherwise it is "".
	StatusText string `json:"status_text"`
	// Active says whether the model may be used for prediction. Null is read as
	// false. If several models are active, the service chooses which one
	// [ActiveModel] means.
	Active bool `json:"active"`
	// OKImgCount is the number of good images that the model was trained with. Null
	// is read as 0.
	OKImgCount int `json:"ok_img_count"`
	// NGImgCount is the number of defective images among the training items. Null
	// is read as 0.
	NGImgCount int `json:"ng_img_count"`
	// ContextID is passed on as the service sends it. Its meaning is not
	// documented.
	ContextID int `json:"context_id"`
	// TrainingTime is how long training took, or nil if the service sends null. Its
	// unit is not documented.
	TrainingTime *int `json:"training_time"`
	// Precision is the model's precision, or nil if the service does not know it
	// yet. Its range is not documented. It is also nil where an earlier service
	// sends an object instead of a number: see Stats.
	Precision *float64 `json:"precision"`
	// Recall is the model's recall. What is said of Precision holds for it, too.
	Recall *float64 `json:"recall"`
	// Stats holds more detailed figures.
	Stats ModelStats `json:"stats"`
	// CreatedAt is the time at which the model was created, or the zero Time if the
	// service does not send it.
	CreatedAt Time `json:"created_at"`
	// UpdatedAt is the time of the model's last change, or the zero Time if the
	// service does not send it.
	UpdatedAt Time `json:"updated_at"`
}

// UnmarshalJSON decodes a model as [Client.GetModel] does; a number may be
// written as a string and a string as a number. Unlike there, the id may be
// missing. Other input is [ErrDecode].
func (m *Model) UnmarshalJSON(document []byte) error { return unmarshal(document, m, readModel) }

// decodeModel reads a model of a response, in which the id is required.
func decodeModel(d *decoding, v *Model) error {
	err := readModel(d, v)
	return required("model_id", v.ModelID, err)
}

// readModel reads a model that need not have an id, because json.Marshal also
// writes values that a program has made itself.
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
// object here, with a projected and a computed figure. The object goes to
// ModelStats and says nothing about the single figure.
func modelFigure(d *decoding, v **float64, earlier *ModelPrecision) error {
	if d.Peek() == '{' {
		return decodeFigures(d, earlier)
	}
	return nullableNumber(d, v)
}

// ModelStats holds a model's quality figures. Their range is not documented. A
// figure that the service does not know yet is nil.
type ModelStats struct {
	// Accuracy is the model's accuracy, or nil if the service sends null.
	Accuracy *float64 `json:"accuracy"`
	// Precision holds the projected and the computed precision.
	Precision ModelPrecision `json:"precision"`
	// Recall holds the projected and the computed recall.
	Recall ModelPrecision `json:"recall"`
}

// UnmarshalJSON decodes figures as [Client.GetModel] does; a number may be
// written as a string and a string as a number. Other input is [ErrDecode].
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
// explain them; the comments on the fields say what their names suggest.
type ModelPrecision struct {
	// Projected is the figure that was predicted during training, or nil if the
	// service sends null.
	Projected *float64 `json:"projected"`
	// Computed is the figure that was measured, or nil if the service sends null.
	Computed *float64 `json:"computed"`
}

// UnmarshalJSON decodes a figure as [Client.GetModel] does; a number may be
// written as a string and a string as a number. Other input is [ErrDecode].
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

// PredictParameters adjusts the predictions of a trained model. In a request,
// nil and "" leave a parameter unchanged. In a response, they mean that the
// service did not send the parameter.
type PredictParameters struct {
	// Threshold is the anomaly score from which an area counts as a defect: at
	// least 0. The larger it is, the more images are OK.
	Threshold *float64 `json:"threshold,omitempty"`
	// IgnoreOuter is a margin that is not inspected, in pixels of height and width.
	// The documentation says only that it is a string; most likely it is written
	// like tuples in override parameters, such as "[8, 8]".
	IgnoreOuter string `json:"ignore_outer,omitempty"`
	// MinDetectedArea is the smallest area of a defect's box that counts, in
	// pixels: at least 1, although the documented default is 0.
	MinDetectedArea *float64 `json:"min_detected_area,omitempty"`
}

// UnmarshalJSON decodes parameters as [Client.SetPredictParameters] does; a
// number may be written as a string and a string as a number. Other input is
// [ErrDecode].
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

// PredictCallback says where the service reports a model's finished
// predictions.
type PredictCallback struct {
	// URL is the URL that the service calls: absolute, http or https, without a
	// fragment.
	URL string `json:"callback_url"`
	// Method is the HTTP method: [CallbackPost] or [CallbackGet].
	Method string `json:"callback_method"`
}

// UnmarshalJSON decodes a callback as [Client.SetPredictCallback] does; a
// number may be written as a string and a string as a number. Other input is
// [ErrDecode].
func (cb *PredictCallback) UnmarshalJSON(document []byte) error {
	return unmarshal(document, cb, decodePredictCallback)
}

// The documented methods of a [PredictCallback].
const (
	CallbackPost = "post" // an HTTP POST
	CallbackGet  = "get"  // an HTTP GET
)

// check refuses callbacks that cannot be called. Its errors do not repeat the
// URL, whose path may be secret.
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

// secrets are the parts of a callback that distinguish its URL from others on
// the same host.
func (cb PredictCallback) secrets() *redact.Set {
	u, err := url.Parse(cb.URL)
	if err != nil {
		return nil // check refuses such a URL
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

// PredictItemsResponse says for which items a prediction was started.
type PredictItemsResponse struct {
	// ModelVersion is the Version of the [Model] that predicts.
	ModelVersion string `json:"model_version"`
	// ItemIDs are the ids of the items that are being predicted.
	ItemIDs []string `json:"item_ids"`
}

// UnmarshalJSON decodes a response as [Client.PredictItems] does; a number may
// be written as a string and a string as a number. Other input is [ErrDecode].
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
