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

// The names of the documented algorithms (chapter "アルゴリズム V0.5.1" of the
// documentation). [Client.FindAlgorithm] turns a name into an [Algorithm] with
// its id. All of these algorithms learn from images of good products alone and
// need no annotations. A service may have other algorithms, and other versions
// of these.
const (
	// AlgorithmReconstructor learns a dictionary of good textures and calls an
	// image NG if the dictionary cannot reconstruct it well. It looks at texture
	// only, so images need not be aligned and may differ in size. Parameters:
	// [ParamTrainSize], [ParamMinInspectionSize] (default 8 by 8),
	// [ParamMinInspectionStep] (default 4), [ParamNComponents], [ParamMaxIter],
	// [ParamReconstructThresh], [ParamThreshold] (default 0.1), [ParamIgnoreOuter],
	// [ParamMinDetectedArea].
	AlgorithmReconstructor = "Reconstructor Inspection"
	// AlgorithmLocalPattern compares local features position by position. Images
	// must have one size and be aligned; small shifts are tolerated, rotation is
	// not. Parameters: [ParamMinInspectionSize] (default 32 by 32),
	// [ParamMinInspectionStep] (default 16), [ParamThreshold] (default 0.001),
	// [ParamIgnoreOuter], [ParamMinDetectedArea].
	AlgorithmLocalPattern = "Local Pattern Inspection"
	// AlgorithmPatternMatching compares an image with a reference image computed
	// from the good ones. Images must have one size and be aligned exactly.
	// Parameters: [ParamMinInspectionSize] (default 16 by 16),
	// [ParamMinInspectionStep] (default 4), [ParamThreshold] (default 0.1),
	// [ParamIgnoreOuter], [ParamMinDetectedArea], [ParamAnomalyRange].
	AlgorithmPatternMatching = "Pattern Matching"
	// AlgorithmPatternSample is for products in any position and orientation. The
	// documentation calls it beta, and a service may add that word to the name.
	// Parameters: [ParamModelType], [ParamNumFeatures], [ParamThreshold] (default
	// 0.1), [ParamIgnoreOuter], [ParamMinDetectedArea], [ParamAnomalyRange].
	AlgorithmPatternSample = "Pattern Sample Inspection"
)

// The parameters of the documented algorithms, for [Algorithm.Override]. Where
// a default depends on the algorithm, it is given with the algorithm. Remarks
// on good values are those of the documentation.
const (
	// ParamTrainSize is how many samples are learned from: an integer of at least
	// 1, default 10000. A larger value takes longer and is more accurate.
	ParamTrainSize = "train_size"
	// ParamMinInspectionSize is the size of the smallest area that is judged:
	// height and width in pixels, no larger than the image. A larger area takes
	// longer. 4, 8 or 16 pixels squared work well for [AlgorithmReconstructor], and
	// 16, 32 or 64 pixels squared for the others.
	ParamMinInspectionSize = "min_inspection_size"
	// ParamMinInspectionStep is the distance between these areas, in pixels: at
	// least 1. A smaller step takes longer and is more accurate. It should divide
	// [ParamMinInspectionSize]; half or a quarter of it is usual.
	ParamMinInspectionStep = "min_inspection_step"
	// ParamNComponents is the number of features: an integer of at least 1, default
	// 10. A larger value takes longer, reconstructs more complex objects, and makes
	// more images OK.
	ParamNComponents = "n_components"
	// ParamMaxIter is the number of iterations: an integer of at least 1, default
	// 10. More iterations take longer; too few cost accuracy.
	ParamMaxIter = "max_iter"
	// ParamReconstructThresh is the smallest reconstruction error that counts: a
	// number of at least 0, default 2. 1.5 to 3 work well. A larger value makes
	// more images OK.
	ParamReconstructThresh = "reconstruct_thresh"
	// ParamThreshold is the anomaly score from which an area counts as a defect: a
	// number of at least 0. A larger value makes more images OK: with one that is
	// too large almost all of them, with one that is too small almost none.
	ParamThreshold = "threshold"
	// ParamIgnoreOuter is the margin that is not inspected: vertical and horizontal
	// pixels, within the image. The default is 0 and 0.
	ParamIgnoreOuter = "ignore_outer"
	// ParamMinDetectedArea is the smallest area of a defect's box that counts, in
	// pixels: a number of at least 1. With the default, 0, boxes of any area count.
	ParamMinDetectedArea = "min_detected_area"
	// ParamAnomalyRange scales the colors of heat maps so that results can be
	// compared: a number from 0 to 1, default 0. Earlier documentation describes it
	// as a pair of numbers, 0 and 1; the parameter's DataType shows which form the
	// service wants.
	ParamAnomalyRange = "anomaly_range"
	// ParamModelType selects the model's size: 0, the default, is a small model,
	// and 1 is a larger one, which takes longer.
	ParamModelType = "model_type"
	// ParamNumFeatures is the number of features: an integer, default 100. Smaller
	// values do not work well; larger ones take longer.
	ParamNumFeatures = "num_features"
)

// Override returns a parameter's new value for a [TrainRequest], in the
// service's notation. The parameter is looked up by its Name and then by its
// DisplayName; upper and lower case make no difference. The value must fit the
// parameter's DataType:
//
//   - "int": any Go integer, or a float without a fraction;
//   - "float": any finite number;
//   - "tuple" or "(int, int)": an array or slice with as many numbers as the
//     default has. An [image.Point] may be given for a size or a margin. The
//     service writes the vertical number first, so image.Pt(8, 4) becomes "[4,
//     8]";
//   - "bool": a bool; "string": a string;
//   - for all of these, also a string that holds such a value, such as "(8, 8)"
//     or "[8, 8]".
//
// For any other DataType, the value must be a string, which is passed on
// unchanged. A value must lie between RangeLower and RangeUpper as far as these
// are numbers. The default is always accepted, because the documentation
// contains one that lies outside of its range.
//
// An error is [ErrInvalidArgument]; its message says which values the parameter
// takes.
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

// describe returns what the service says about the parameter's values, in
// words.
func (p *AlgorithmParameter) describe() string {
	text := fmt.Sprintf("of type %q", p.DataType)
	if p.RangeLower != "" || p.RangeUpper != "" {
		text += fmt.Sprintf(" from %q to %q", p.RangeLower, p.RangeUpper)
	}
	return text + fmt.Sprintf(", by default %q", p.Value)
}

// spec returns what the service says about the parameter's values.
func (p *AlgorithmParameter) spec() wire.Parameter {
	return wire.Parameter{DataType: p.DataType, Default: p.Value, Lower: p.RangeLower, Upper: p.RangeUpper}
}

// encode checks a value and returns it in the service's notation.
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
		if n, err := strconv.ParseInt(text, 10, 64); err == nil { // a float64 might not hold it exactly
			canonical[i] = strconv.FormatInt(n, 10)
		}
	}
	joined := join(canonical)
	if !p.spec().InRange(numbers) {
		return "", fmt.Errorf("%s is out of range", joined)
	}
	return joined, nil
}

// encodeBool writes a bool in the notation of the default.
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

// numberTexts returns a number, a list of numbers, or a string of either, as
// one string for each number. It returns nil if value is none of these.
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
