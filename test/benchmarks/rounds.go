package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/hacarus/hacarus-check-go/test/benchmarks/internal/service"
	"github.com/hacarus/hacarus-check-go/test/benchmarks/internal/work"
)

// serviceProcess is the service, in a process of its own so that its work is
// not the client's.
type serviceProcess struct {
	command *exec.Cmd
	ask     io.WriteCloser
	answers *json.Decoder
	target  []byte // for the clients' processes
}

func startService(ctx context.Context, l *lab) (*serviceProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	model, err := l.model()
	if err != nil {
		return nil, err
	}
	s := &serviceProcess{command: exec.CommandContext(ctx, self, "service", filepath.Join(l.root, "testdata", "items.jsonl"), model)}
	s.command.Stderr = os.Stderr
	if s.ask, err = s.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	s.answers = json.NewDecoder(out)
	var target work.Target
	if err := s.answers.Decode(&target); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.target, err = json.Marshal(target)
	return s, err
}

// model makes a file of the body that getModelById responds with.
func (l *lab) model() (string, error) {
	raw, err := os.ReadFile(filepath.Join(l.root, "testdata", "fixtures", "getModelById.json"))
	if err != nil {
		return "", err
	}
	var fixture struct {
		Response struct {
			Body json.RawMessage `json:"body"`
		} `json:"response"`
	}
	if err := json.Unmarshal(raw, &fixture); err != nil {
		return "", err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, fixture.Response.Body); err != nil {
		return "", err
	}
	path := filepath.Join(l.folder, "model.json")
	return path, os.WriteFile(path, compact.Bytes(), 0o600)
}

// counts are those since the last call of counts.
func (s *serviceProcess) counts() (c service.Counts, err error) {
	if _, err := io.WriteString(s.ask, "counts\n"); err != nil {
		return c, err
	}
	return c, s.answers.Decode(&c)
}

func (s *serviceProcess) stop() error {
	return errors.Join(s.ask.Close(), s.command.Wait())
}

// results are the figures by work, client and round.
type results map[string]map[string][]work.Figures

// measure goes through all rounds. The order of everything is another one in
// each, so that what the machine does beside falls on all alike; the clients at
// the same work come one after the other, since they are compared.
func (o *options) measure(ctx context.Context, l *lab) (results, error) {
	random := rand.New(rand.NewPCG(o.seed, 0))
	fmt.Fprintf(os.Stderr, "%d rounds, -seed %d\n", o.rounds, o.seed)
	all := results{}
	clients := slices.Sorted(maps.Keys(l.programs))
	for round := range o.rounds {
		fmt.Fprintf(os.Stderr, "round %d:", round+1)
		for _, i := range random.Perm(len(o.works)) {
			w := o.works[i]
			fmt.Fprint(os.Stderr, " ", w.Name)
			for _, k := range random.Perm(len(clients)) {
				if err := all.add(ctx, l, w, clients[k]); err != nil {
					return nil, fmt.Errorf("%s: %w", clients[k], err)
				}
			}
		}
		fmt.Fprintln(os.Stderr)
	}
	return all, nil
}

func (r results) add(ctx context.Context, l *lab, w work.Work, client string) error {
	if w.Few && client != "raw" && client != "sdk" {
		return nil
	}
	figures, err := l.one(ctx, w, client)
	if err != nil {
		return err
	}
	if r[w.Name] == nil {
		r[w.Name] = map[string][]work.Figures{}
	}
	r[w.Name][client] = append(r[w.Name][client], *figures)
	return nil
}

// one is a single measurement in a new process.
func (l *lab) one(ctx context.Context, w work.Work, client string) (*work.Figures, error) {
	if _, err := l.service.counts(); err != nil {
		return nil, err
	}
	program := l.programs[client]
	command := exec.CommandContext(ctx, program[0], append(program[1:], w.Name)...)
	command.Stdin = bytes.NewReader(l.service.target)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return nil, err
	}
	var figures work.Figures
	if err := json.Unmarshal(out, &figures); err != nil {
		return nil, err
	}
	counts, err := l.service.counts()
	if err != nil {
		return nil, err
	}
	figures.Logins = float64(counts.Logins) / float64(w.Clients())
	figures.Connections = float64(counts.Connections) / float64(w.Clients())
	return &figures, nil
}
