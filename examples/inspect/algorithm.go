package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// defaultAlgorithm learns from good images alone and boxes what differs.
const defaultAlgorithm = "Pattern Matching"

// algorithm finds the algorithm of a name or an id, or the default one.
func (j *job) algorithm(ctx context.Context, wanted string) (*hacarus.Algorithm, error) {
	algorithms, err := j.client.ListAlgorithms(ctx)
	if err != nil {
		return nil, err
	}
	if len(algorithms) == 0 {
		return nil, errors.New("the service has no algorithm")
	}
	find := func(name string) *hacarus.Algorithm {
		for i, a := range algorithms {
			if strings.EqualFold(a.Name, name) || a.AlgorithmID == name {
				return &algorithms[i]
			}
		}
		return nil
	}
	if wanted == "" {
		if a := find(defaultAlgorithm); a != nil {
			return a, nil
		}
		return &algorithms[0], nil
	}
	if a := find(wanted); a != nil {
		return a, nil
	}
	known := make([]string, len(algorithms))
	for i, a := range algorithms {
		known[i] = fmt.Sprintf("%q (%s)", a.Name, a.AlgorithmID)
	}
	return nil, fmt.Errorf("-algorithm: the service has no %q; it has %s", wanted, strings.Join(known, ", "))
}

// overrides turns names into the ids that training takes. Whether a value is
// in range is the service's to judge.
func overrides(a *hacarus.Algorithm, params []param) ([]hacarus.OverrideParam, error) {
	var list []hacarus.OverrideParam
	for _, p := range params {
		id, err := parameterID(a, p.name)
		if err != nil {
			return nil, err
		}
		list = append(list, hacarus.OverrideParam{AlgorithmParameterID: id, Value: p.value})
	}
	return list, nil
}

func parameterID(a *hacarus.Algorithm, name string) (int, error) {
	known := make([]string, len(a.Parameters))
	for i, p := range a.Parameters {
		if strings.EqualFold(p.Name, name) {
			return p.AlgorithmParameterID, nil
		}
		known[i] = describe(p)
	}
	return 0, fmt.Errorf("-param: %s has no parameter %q; it has %s", a.Name, name, strings.Join(known, ", "))
}

// describe is a parameter with its type, range and default, as far as the service tells them.
func describe(p hacarus.AlgorithmParameter) string {
	text := strings.TrimSpace(p.Name + " " + p.DataType)
	if p.RangeLower != "" || p.RangeUpper != "" {
		text += fmt.Sprintf(" %s..%s", p.RangeLower, p.RangeUpper)
	}
	if p.Value != "" {
		text += " (default " + p.Value + ")"
	}
	return text
}
