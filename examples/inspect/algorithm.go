package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// defaultAlgorithm learns from good images alone and boxes what differs.
const defaultAlgorithm = hacarus.AlgorithmPatternMatching

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

// overrides turns the flags' names and values into what training takes.
func overrides(a *hacarus.Algorithm, params []param) ([]hacarus.OverrideParam, error) {
	var list []hacarus.OverrideParam
	for _, p := range params {
		override, err := a.Override(p.name, p.value)
		if err != nil {
			return nil, fmt.Errorf("-param: %w", err)
		}
		list = append(list, override)
	}
	return list, nil
}
