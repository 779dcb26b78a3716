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

// ListAlgorithms returns all algorithms with their parameters. A service that
// has none may respond with an error that is [ErrNotFound] instead of an empty
// list; this was seen in the official SDK's fixtures.
//
// Operation getAlgorithms: GET /api/v1/algorithms/.
func (c *Client) ListAlgorithms(ctx context.Context) ([]Algorithm, error) {
	return doValue(ctx, c, request{op: opListAlgorithms}, listOf(decodeAlgorithm))
}

// GetAlgorithm returns one algorithm with its parameters. It returns what the
// service responds with, even if the id in the response is written differently.
// The documentation does not say which error an unknown id causes;
// [ErrNotFound] is the most likely one. If you know an algorithm by its name,
// use [Client.FindAlgorithm].
//
// Operation getAlgorithmById: GET /api/v1/algorithms/{algorithm_id}.
func (c *Client) GetAlgorithm(ctx context.Context, algorithmID string) (*Algorithm, error) {
	return doData(ctx, c, request{op: opGetAlgorithm, params: []string{algorithmID}}, decodeAlgorithm)
}

// FindAlgorithm returns the algorithm that has the given display name, such as
// [AlgorithmPatternMatching]; upper and lower case make no difference. Use it
// to get the id that [Client.Train] takes, because ids may differ from service
// to service. It lists the algorithms, so it returns the errors of
// [Client.ListAlgorithms].
//
// If no algorithm has that name, the error is [ErrNotFound], and its message
// lists the names that exist. If several algorithms have it, such as several
// versions of one, the error is a [*RequestError] whose message lists their
// ids: choose one and use [Client.GetAlgorithm]. An empty name is
// [ErrInvalidArgument].
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

// algorithmNamed returns the only algorithm that has the name.
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

// Train starts the training of a new model, which continues in the background.
// The returned model has the status [ModelStatusCreating]; use
// [Client.GetModel] or [Client.WaitForModel] to see when it is ready.
// algorithmID is an id, not a name: see [Client.FindAlgorithm].
//
// The error is [ErrLicense] if the service has no valid license, [ErrForbidden]
// if some of the items belong to another user, and [ErrUnprocessable] if the
// service cannot process the request. Parameter values that do not fit make the
// training fail later: the model's status becomes [ModelStatusFailed].
//
// Every execution creates another model, so a call whose outcome is unknown is
// not repeated. After an [ErrOutcomeUnknown], look for the model by its name
// before you call Train again.
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

// TrainRequest describes the training that [Client.Train] starts. All fields
// are optional.
type TrainRequest struct {
	// Name is the new model's name. If it is "", the service chooses one.
	Name string `json:"name,omitempty"`
	// ItemIDs are the training items. If there are none, the service chooses them.
	ItemIDs []string `json:"item_ids,omitempty"`
	// OverrideParams replaces the defaults of the algorithm's parameters. If it is
	// empty, all defaults apply. See [Algorithm.Override].
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

// OverrideParam replaces the default value of one algorithm parameter.
// [Algorithm.Override] makes one and checks its value.
type OverrideParam struct {
	// AlgorithmParameterID identifies the [AlgorithmParameter].
	AlgorithmParameterID int `json:"algorithm_parameter_id"`
	// Value is the new value in the service's notation, within the parameter's
	// range. A tuple is written as JSON, such as "[8, 8]".
	Value string `json:"value"`
}

// Algorithm is a machine-learning method that can be trained, with its parameters.
type Algorithm struct {
	// AlgorithmID identifies the algorithm. [Client.Train] takes it.
	AlgorithmID string `json:"algorithm_id"`
	// Name is the name shown to people, such as "Pattern Matching".
	Name string `json:"name"`
	// Type is the kind of algorithm in the service's words, such as "unsupervised".
	Type string `json:"type"`
	// Version is the algorithm's version, or "" if the service sends null.
	Version string `json:"version"`
	// FileName is the file that holds the service's implementation.
	FileName string `json:"file_name"`
	// ClassName is the name of the implementation in that file.
	ClassName string `json:"class_name"`
	// Attribute is passed on as the service sends it. Its meaning is not
	// documented.
	Attribute string `json:"attribute"`
	// Parameters are those that a training can override. Nil means that there are
	// none.
	Parameters []AlgorithmParameter `json:"parameters"`
	// CreatedAt is the time at which the service created its entry for the
	// algorithm, or the zero Time if the service does not send it.
	CreatedAt Time `json:"created_at"`
	// UpdatedAt is the time of the entry's last change, or the zero Time if the
	// service does not send it.
	UpdatedAt Time `json:"updated_at"`
}

// UnmarshalJSON decodes an algorithm as [Client.GetAlgorithm] does; a number
// may be written as a string and a string as a number. Unlike there, the id may
// be missing. Other input is [ErrDecode].
func (a *Algorithm) UnmarshalJSON(document []byte) error {
	return unmarshal(document, a, readAlgorithm)
}

// decodeAlgorithm reads an algorithm of a response, in which the id is
// required.
func decodeAlgorithm(d *decoding, v *Algorithm) error {
	err := readAlgorithm(d, v)
	return required("algorithm_id", v.AlgorithmID, err)
}

// readAlgorithm reads an algorithm that need not have an id, because
// json.Marshal also writes values that a program has made itself.
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
	// AlgorithmParameterID identifies the parameter. [OverrideParam] takes it.
	AlgorithmParameterID int `json:"algorithm_parameter_id"`
	// AlgorithmID identifies the algorithm that the parameter belongs to.
	AlgorithmID string `json:"algorithm_id"`
	// Name is the parameter's technical name, such as "threshold".
	Name string `json:"name"`
	// DisplayName is the name shown to people, or "" if the service sends null.
	DisplayName string `json:"display_name"`
	// DataType is the value's type in the service's words, such as "int", "float"
	// or "tuple".
	DataType string `json:"data_type"`
	// Value is the default, such as "0.1" or "[8, 8]", or "" if the service sends
	// null.
	Value string `json:"value"`
	// RangeLower is the smallest allowed value, such as "0". If it is "", there is
	// no lower bound.
	RangeLower string `json:"range_lower"`
	// RangeUpper is the largest allowed value, such as "1". If it is "", there is
	// no upper bound.
	RangeUpper string `json:"range_upper"`
	// ModelParameter is passed on as the service sends it; its meaning is not
	// documented. It is nil if the service sends null.
	ModelParameter *bool `json:"model_parameter"`
	// CreatedAt is the time at which the service created its entry for the
	// parameter, or the zero Time if the service does not send it.
	CreatedAt Time `json:"created_at"`
	// UpdatedAt is the time of the entry's last change, or the zero Time if the
	// service does not send it.
	UpdatedAt Time `json:"updated_at"`
}

// UnmarshalJSON decodes a parameter as [Client.GetAlgorithm] does; a number may
// be written as a string and a string as a number. Other input is [ErrDecode].
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
