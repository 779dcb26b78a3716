package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// program is what importing the SDK costs: of two programs, one with it and one without.
type program struct {
	size  map[string]float64   // bytes
	start map[string][]float64 // nanoseconds, a median for each round
}

var programNames = []string{"bare", "sdk"}

// starts is how often each program is started in a round.
const starts = 21

// measurePrograms builds both as they are shipped, without symbols and paths,
// and starts them one after the other.
func (o *options) measurePrograms(ctx context.Context, l *lab) (*program, error) {
	if !o.parts["program"] {
		return nil, nil //nolint:nilnil // it was not asked for
	}
	p := &program{map[string]float64{}, map[string][]float64{}}
	for _, name := range programNames {
		path := l.built(name)
		if _, err := output(ctx, l.module(), "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./programs/"+name); err != nil {
			return nil, err
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		p.size[name] = float64(info.Size())
	}
	for range o.rounds {
		times := map[string][]float64{}
		for range starts {
			for _, name := range programNames {
				begun := time.Now()
				if err := exec.CommandContext(ctx, l.built(name)).Run(); err != nil {
					return nil, err
				}
				times[name] = append(times[name], float64(time.Since(begun)))
			}
		}
		for _, name := range programNames {
			p.start[name] = append(p.start[name], median(times[name]))
		}
	}
	return p, nil
}

func (l *lab) built(name string) string { return filepath.Join(l.folder, "program-"+name+".exe") }

// more is what the SDK adds to the size, and to the start-up time in the median round.
func (p *program) more() (size, start float64) {
	var differences []float64
	for i, with := range p.start["sdk"] {
		differences = append(differences, with-p.start["bare"][i])
	}
	return p.size["sdk"] - p.size["bare"], median(differences)
}
