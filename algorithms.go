package hacarus

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

var (
	opListAlgorithms = newOperation("getAlgorithms", "ListAlgorithms", http.MethodGet, "/api/v1/algorithms/", classRead)
	opGetAlgorithm   = newOperation("getAlgorithmById", "GetAlgorithm", http.MethodGet, "/api/v1/algorithms/{algorithm_id}", classRead)
	opTrain          = newOperation("train", "Train", http.MethodPost, "/api/v1/algorithms/{algorithm_id}/train", classNonIdempotent)
)

// ListAlgorithms returns the algorithms with their parameters. A service
// without any may return [ErrNotFound] in place of an empty list, as seen in the
// official SDK's fixtures.
//
// Operation getAlgorithms: GET /api/v1/algorithms/.
func (c *Client) ListAlgorithms(ctx context.Context) ([]Algorithm, error) {
	return doValue(ctx, c, request{op: opListAlgorithms}, listOf(decodeAlgorithm))
}

// GetAlgorithm returns one algorithm with its parameters, as the service
// responds with it, whatever its id. The documentation does not say which error
// an unknown id gives, most likely [ErrNotFound]. For an algorithm whose name is
// known use [Client.FindAlgorithm].
//
// Operation getAlgorithmById: GET /api/v1/algorithms/{algorithm_id}.
func (c *Client) GetAlgorithm(ctx context.Context, algorithmID string) (*Algorithm, error) {
	return doData(ctx, c, request{op: opGetAlgorithm, params: []string{algorithmID}}, decodeAlgorithm)
}

// FindAlgorithm returns the algorithm with a name as people read it, such as
// [AlgorithmPatternMatching], whatever its case: [Client.Train] takes an id, which
// may differ from service to service. It lists the algorithms, and its errors are
// those of [Client.ListAlgorithms].
//
// Where no algorithm has the name, the error is [ErrNotFound] and tells the names
// that there are. Where several have it, as versions of one may, it is a
// [*RequestError] that tells their ids, for [Client.GetAlgorithm]: the choice is
// not the SDK's. No name is [ErrInvalidArgument].
//
// Operation getAlgorithms: GET /api/v1/algorithms/.
func (c *Client) FindAlgorithm(ctx context.Context, name string) (*Algorithm, error) {
	if name == "" {
		return nil, argumentError(opListAlgorithms.id, "no name")
	}
	var found *Algorithm
	err := c.do(ctx, request{op: opListAlgorithms}, func(raw []byte) error {
		algorithms, err := decodeEnvelope(raw, listOf(decodeAlgorithm))
		if err == nil {
			found, err = algorithmNamed(*algorithms, name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// algorithmNamed is the only algorithm of the name.
func algorithmNamed(algorithms []Algorithm, name string) (found *Algorithm, err error) {
	var names, ids []string
	for i, a := range algorithms {
		names = append(names, strconv.Quote(a.Name))
		if strings.EqualFold(a.Name, name) {
			ids = append(ids, strconv.Quote(a.AlgorithmID))
			found = &algorithms[i]
		}
	}
	switch len(ids) {
	case 0:
		return nil, fmt.Errorf("%w: no algorithm is named %q; there are %s", ErrNotFound, name, cmp.Or(strings.Join(names, ", "), "none"))
	case 1:
		return found, nil
	}
	return nil, fmt.Errorf("%d algorithms are named %q, with the ids %s", len(ids), name, strings.Join(ids, ", "))
}

// Train starts the training of a new model, which goes on in the background:
// the returned model is [ModelStatusCreating], and [Client.GetModel] tells how
// far it is. The algorithm's id is not its name: see [Client.FindAlgorithm]. It
// needs a license ([ErrLicense]); items that are not the user's are
// [ErrForbidden]; a request that the service cannot process is
// [ErrUnprocessable]. Values that do not fit a parameter show in the status of the
// model, which becomes [ModelStatusFailed].
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

// TrainRequest says what [Client.Train] trains. All of it is optional.
type TrainRequest struct {
	// Name of the new model; "" leaves the choice to the service.
	Name string `json:"name,omitempty"`
	// ItemIDs are the training items; empty leaves the choice to the service.
	ItemIDs []string `json:"item_ids,omitempty"`
	// OverrideParams replaces defaults of the algorithm's parameters; empty
	// keeps them all.
	OverrideParams []OverrideParam `json:"override_params,omitempty"`
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

// OverrideParam replaces the default of one algorithm parameter.
type OverrideParam struct {
	// AlgorithmParameterID is that of an [AlgorithmParameter] of the algorithm.
	AlgorithmParameterID int `json:"algorithm_parameter_id"`
	// Value is the value as the service writes it, within the parameter's range. A
	// tuple is written as JSON, such as "[8, 8]".
	Value string `json:"value"`
}

// Algorithm is a machine-learning method that can be trained, with its parameters.
type Algorithm struct {
	// AlgorithmID identifies the algorithm; it is what [Client.Train] takes.
	AlgorithmID string `json:"algorithm_id"`
	// Name is the name shown to people, such as "Pattern Matching".
	Name string `json:"name"`
	// Type as the service names it, such as "unsupervised".
	Type string `json:"type"`
	// Version of the algorithm, "" when the service says null.
	Version string `json:"version"`
	// FileName is the file in which the service finds the implementation.
	FileName string `json:"file_name"`
	// ClassName is the name of the implementation in that file.
	ClassName string `json:"class_name"`
	// Attribute as the service sends it; the documentation does not explain it.
	Attribute string `json:"attribute"`
	// Parameters can be overridden when a model is trained; nil for none.
	Parameters []AlgorithmParameter `json:"parameters"`
	// CreatedAt is when the service made its entry of the algorithm; zero when
	// it does not say.
	CreatedAt Time `json:"created_at"`
	// UpdatedAt is when the entry was last changed; zero when the service does
	// not say.
	UpdatedAt Time `json:"updated_at"`
}

// UnmarshalJSON reads an algorithm as [Client.GetAlgorithm] does, numbers and
// strings for each other. Unlike there the id may be missing. Anything else is
// [ErrDecode].
func (a *Algorithm) UnmarshalJSON(document []byte) error {
	return unmarshal(document, a, readAlgorithm)
}

// decodeAlgorithm reads an algorithm of a response, which must say which one it is.
func decodeAlgorithm(d *decoding, v *Algorithm) error {
	err := readAlgorithm(d, v)
	return required("algorithm_id", v.AlgorithmID, err)
}

// readAlgorithm reads an algorithm that need not have an id: json.Marshal writes values
// that a program has made, too.
func readAlgorithm(d *decoding, v *Algorithm) error {
	return d.NullableObject(func(key []byte) error {
		switch string(key) {
		case "algorithm_id":
			return identifier(d, &v.AlgorithmID)
		case "name":
			return stringValue(d, &v.Name)
		case "type":
			return stringValue(d, &v.Type)
		case "version":
			return stringValue(d, &v.Version)
		case "file_name":
			return stringValue(d, &v.FileName)
		case "class_name":
			return stringValue(d, &v.ClassName)
		case "attribute":
			return stringValue(d, &v.Attribute)
		case "parameters":
			return list(d, &v.Parameters, decodeParameter)
		case "created_at":
			return timestamp(d, &v.CreatedAt)
		case "updated_at":
			return timestamp(d, &v.UpdatedAt)
		}
		return d.Skip()
	})
}

// AlgorithmParameter describes one parameter of an [Algorithm]: its default and its range.
type AlgorithmParameter struct {
	// AlgorithmParameterID is what [OverrideParam] takes.
	AlgorithmParameterID int `json:"algorithm_parameter_id"`
	// AlgorithmID is that of the algorithm the parameter belongs to.
	AlgorithmID string `json:"algorithm_id"`
	// Name is the parameter's technical name, such as "threshold".
	Name string `json:"name"`
	// DisplayName is the name shown to people, "" when the service says null.
	DisplayName string `json:"display_name"`
	// DataType as the service names it, such as "int", "float" or "tuple".
	DataType string `json:"data_type"`
	// Value is the default, such as "0.1" or "[8, 8]"; "" for null.
	Value string `json:"value"`
	// RangeLower is the least value, such as "0"; "" for no bound.
	RangeLower string `json:"range_lower"`
	// RangeUpper is the greatest value, such as "1"; "" for no bound.
	RangeUpper string `json:"range_upper"`
	// ModelParameter is the service's flag of that name, which the documentation
	// does not explain; nil when the service says null.
	ModelParameter *bool `json:"model_parameter"`
	// CreatedAt is when the service made its entry of the parameter; zero when
	// it does not say.
	CreatedAt Time `json:"created_at"`
	// UpdatedAt is when the entry was last changed; zero when the service does
	// not say.
	UpdatedAt Time `json:"updated_at"`
}

// UnmarshalJSON reads a parameter as [Client.GetAlgorithm] does, numbers and
// strings for each other. Anything else is [ErrDecode].
func (p *AlgorithmParameter) UnmarshalJSON(document []byte) error {
	return unmarshal(document, p, decodeParameter)
}

func decodeParameter(d *decoding, v *AlgorithmParameter) error {
	return d.NullableObject(func(key []byte) error {
		switch string(key) {
		case "algorithm_parameter_id":
			return integer(d, &v.AlgorithmParameterID)
		case "algorithm_id":
			return identifier(d, &v.AlgorithmID)
		case "name":
			return stringValue(d, &v.Name)
		case "display_name":
			return stringValue(d, &v.DisplayName)
		case "data_type":
			return stringValue(d, &v.DataType)
		case "value":
			return numberOrString(d, &v.Value)
		case "range_lower":
			return numberOrString(d, &v.RangeLower)
		case "range_upper":
			return numberOrString(d, &v.RangeUpper)
		case "model_parameter":
			return nullable(d, &v.ModelParameter, boolean)
		case "created_at":
			return timestamp(d, &v.CreatedAt)
		case "updated_at":
			return timestamp(d, &v.UpdatedAt)
		}
		return d.Skip()
	})
}
