package hacarus

import (
	"fmt"
	"image"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/hacarus/hacarus-check-go/internal/wire"
)

// The algorithms of the documentation (chapter "アルゴリズム V0.5.1"), as the
// Name of an [Algorithm]: [Client.FindAlgorithm] finds it with its id. All of them learn from images of good products alone,
// without annotations. A service may have others, and other versions.
const (
	// AlgorithmReconstructor learns a dictionary of good textures, and calls an
	// image NG where the dictionary cannot rebuild it well. It looks at the whole
	// texture, so images need neither be aligned nor have one size. Parameters:
	// [ParamTrainSize], [ParamMinInspectionSize] (default 8 by 8),
	// [ParamMinInspectionStep] (4), [ParamNComponents], [ParamMaxIter],
	// [ParamReconstructThresh], [ParamThreshold] (0.1), [ParamIgnoreOuter],
	// [ParamMinDetectedArea].
	AlgorithmReconstructor = "Reconstructor Inspection"
	// AlgorithmLocalPattern compares local features place by place. Images must
	// have one size and be aligned; it bears small shifts, but no rotation.
	// Parameters: [ParamMinInspectionSize] (32 by 32), [ParamMinInspectionStep]
	// (16), [ParamThreshold] (0.001), [ParamIgnoreOuter], [ParamMinDetectedArea].
	AlgorithmLocalPattern = "Local Pattern Inspection"
	// AlgorithmPatternMatching compares an image with a golden one, computed from
	// the good ones. Images must have one size and be aligned exactly. Parameters:
	// [ParamMinInspectionSize] (16 by 16), [ParamMinInspectionStep] (4),
	// [ParamThreshold] (0.1), [ParamIgnoreOuter], [ParamMinDetectedArea],
	// [ParamAnomalyRange].
	AlgorithmPatternMatching = "Pattern Matching"
	// AlgorithmPatternSample is for products that lie in any place and direction.
	// The documentation calls it beta, and a service may add that to its name.
	// Parameters: [ParamModelType], [ParamNumFeatures], [ParamThreshold] (0.1),
	// [ParamIgnoreOuter], [ParamMinDetectedArea], [ParamAnomalyRange].
	AlgorithmPatternSample = "Pattern Sample Inspection"
)

// The parameters of the documented algorithms, for [Algorithm.Override].
// Defaults that differ between algorithms stand with the algorithms.
const (
	// ParamTrainSize is how much is learned from: a whole number from 1, default
	// 10000. More takes longer and is more accurate.
	ParamTrainSize = "train_size"
	// ParamMinInspectionSize is the smallest area that is judged: height and
	// width in pixels, within the image. Larger takes longer. Good values by
	// experience are 4, 8 or 16 squared for [AlgorithmReconstructor], and 16, 32
	// or 64 squared for the others.
	ParamMinInspectionSize = "min_inspection_size"
	// ParamMinInspectionStep is how far apart these areas are: pixels, from 1.
	// Smaller takes longer and is more accurate. It should divide
	// [ParamMinInspectionSize]: a half or a quarter of it is usual.
	ParamMinInspectionStep = "min_inspection_step"
	// ParamNComponents is the number of features: a whole number from 1, default
	// 10. More takes longer, rebuilds more complex objects, and makes more
	// images OK.
	ParamNComponents = "n_components"
	// ParamMaxIter is how often the algorithm iterates: a whole number from 1,
	// default 10. More takes longer; too few cost accuracy.
	ParamMaxIter = "max_iter"
	// ParamReconstructThresh is the least error of rebuilding that counts: a
	// number from 0, default 2; 1.5 to 3 are good by experience. Larger makes
	// more images OK.
	ParamReconstructThresh = "reconstruct_thresh"
	// ParamThreshold is the anomaly score from which an area is a defect: a
	// number from 0. Larger makes more images OK: too large almost all, too small
	// almost none.
	ParamThreshold = "threshold"
	// ParamIgnoreOuter is the margin that is not looked at: vertical and
	// horizontal pixels, within the image; default 0 and 0.
	ParamIgnoreOuter = "ignore_outer"
	// ParamMinDetectedArea is the least area of a defect's box, in pixels: a
	// number from 1; the default 0 is for any area.
	ParamMinDetectedArea = "min_detected_area"
	// ParamAnomalyRange scales the colors of heat maps, so that results can be
	// compared: a number from 0 to 1, default 0. Earlier documentation has it as a
	// pair of numbers, 0 and 1; DataType tells which one the service wants.
	ParamAnomalyRange = "anomaly_range"
	// ParamModelType is 0, the default, for a small model and 1 for a larger one,
	// which takes longer.
	ParamModelType = "model_type"
	// ParamNumFeatures is the number of features: a whole number, default 100,
	// which is the least that is good by experience. More takes longer.
	ParamNumFeatures = "num_features"
)

// Override makes the value of a parameter for [TrainRequest], written as the
// service writes it. The parameter is found by its Name or else its DisplayName,
// whatever their case. The value must fit what the service says about it:
//
//   - an "int": any integer of Go, or a float without a fraction;
//   - a "float": any finite number;
//   - a "tuple", or "(int, int)": an array or slice of numbers, of as many as
//     the default has. [image.Point] stands for a size or a margin: the service
//     has the vertical number first, so image.Pt(8, 4) becomes "[4, 8]";
//   - a "bool": a bool; a "string": a string;
//   - and for all of these a string of it, such as "(8, 8)" or "[8, 8]".
//
// For any other data type the value must be a string, which is passed on as it
// is. The value must lie within RangeLower and RangeUpper, as far as these are
// numbers; the default is always taken, since the documentation has one outside
// of its range.
//
// The error is [ErrInvalidArgument].
func (a *Algorithm) Override(name string, value any) (OverrideParam, error) {
	if a == nil {
		return OverrideParam{}, argumentError("Override", "nil algorithm")
	}
	p, err := a.parameter(name)
	if err != nil {
		return OverrideParam{}, argumentError("Override", "%w", err)
	}
	text, err := p.encode(value)
	if err != nil {
		return OverrideParam{}, argumentError("Override", "%s: %w; it is %s", p.Name, err, p.describe())
	}
	return OverrideParam{AlgorithmParameterID: p.AlgorithmParameterID, Value: text}, nil
}

func (a *Algorithm) parameter(name string) (*AlgorithmParameter, error) {
	find := func(nameOf func(AlgorithmParameter) string) int {
		return slices.IndexFunc(a.Parameters, func(p AlgorithmParameter) bool { return name != "" && strings.EqualFold(nameOf(p), name) })
	}
	n := find(func(p AlgorithmParameter) string { return p.Name })
	if n < 0 {
		n = find(func(p AlgorithmParameter) string { return p.DisplayName })
	}
	if n >= 0 {
		return &a.Parameters[n], nil
	}
	known := make([]string, len(a.Parameters))
	for i, p := range a.Parameters {
		known[i] = p.Name
	}
	return nil, fmt.Errorf("%s has no parameter %q; it has %s", a.Name, name, strings.Join(known, ", "))
}

// describe is what the service says of the parameter's values.
func (p *AlgorithmParameter) describe() string {
	text := fmt.Sprintf("of type %q", p.DataType)
	if p.RangeLower != "" || p.RangeUpper != "" {
		text += fmt.Sprintf(" from %q to %q", p.RangeLower, p.RangeUpper)
	}
	return text + fmt.Sprintf(", by default %q", p.Value)
}

// spec is what the service says of the parameter's values.
func (p *AlgorithmParameter) spec() wire.Parameter {
	return wire.Parameter{DataType: p.DataType, Default: p.Value, Lower: p.RangeLower, Upper: p.RangeUpper}
}

// encode checks a value, and writes it as the service does.
func (p *AlgorithmParameter) encode(value any) (string, error) {
	switch p.spec().Kind() {
	case wire.Number:
		texts, isList := numberTexts(value)
		if len(texts) != 1 || isList {
			return "", fmt.Errorf("%v is not one number", value)
		}
		return p.encodeNumbers(texts, func(texts []string) string { return texts[0] })
	case wire.Tuple:
		texts, isList := numberTexts(value)
		if want := p.spec().Len(); !isList || len(texts) != want {
			return "", fmt.Errorf("%v is not a tuple of %d numbers", value, want)
		}
		return p.encodeNumbers(texts, func(texts []string) string { return "[" + strings.Join(texts, ", ") + "]" })
	case wire.Bool:
		return p.encodeBool(value)
	}
	if v := reflect.ValueOf(value); v.Kind() == reflect.String {
		return v.String(), nil
	}
	return "", fmt.Errorf("%T is not a string", value)
}

// encodeNumbers checks numbers against type and range, and joins their canonical forms.
func (p *AlgorithmParameter) encodeNumbers(texts []string, join func([]string) string) (string, error) {
	numbers, err := p.spec().Numbers(texts)
	if err != nil {
		return "", err
	}
	canonical := make([]string, len(texts))
	for i, text := range texts {
		canonical[i] = strconv.FormatFloat(numbers[i], 'f', -1, 64)
		if n, err := strconv.ParseInt(text, 10, 64); err == nil { // which a float may not hold
			canonical[i] = strconv.FormatInt(n, 10)
		}
	}
	joined := join(canonical)
	if !p.spec().InRange(numbers) {
		return "", fmt.Errorf("%s is out of range", joined)
	}
	return joined, nil
}

// encodeBool writes a bool as the default is written.
func (p *AlgorithmParameter) encodeBool(value any) (string, error) {
	v, err := strconv.ParseBool(fmt.Sprint(value))
	if err != nil {
		return "", fmt.Errorf("%v is neither true nor false", value)
	}
	text := strconv.FormatBool(v)
	if p.Value == "True" || p.Value == "False" {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	return text, nil
}

// numberTexts is a number, a list of numbers, or a text of them, as one text
// for each. It is nil for what is nothing of the kind.
func numberTexts(value any) (texts []string, isList bool) {
	if point, ok := value.(image.Point); ok {
		return []string{strconv.Itoa(point.Y), strconv.Itoa(point.X)}, true
	}
	v := reflect.ValueOf(value)
	switch v.Kind() {
	case reflect.String:
		return wire.SplitNumbers(v.String())
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			element, nested := numberTexts(v.Index(i).Interface())
			if nested || len(element) != 1 {
				return nil, false
			}
			texts = append(texts, element...)
		}
		return texts, true
	}
	switch {
	case v.CanInt():
		return []string{strconv.FormatInt(v.Int(), 10)}, false
	case v.CanUint():
		return []string{strconv.FormatUint(v.Uint(), 10)}, false
	case v.CanFloat():
		return []string{strconv.FormatFloat(v.Float(), 'f', -1, v.Type().Bits())}, false
	}
	return nil, false
}
