package journal

import (
	"bytes"
	"context"
	"iter"
	"os"
	"slices"
	"sync"
)

// Memory is a store that lasts as long as the process.
type Memory struct {
	mu     sync.Mutex
	lines  [][]byte
	closed bool
}

// Lines yields the lines from the beginning, also after Close.
func (m *Memory) Lines(context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		m.mu.Lock()
		lines := slices.Clone(m.lines)
		m.closed = false
		m.mu.Unlock()
		for _, line := range lines {
			if !yield(line, nil) {
				return
			}
		}
	}
}

// Append adds lines.
func (m *Memory) Append(_ context.Context, _ bool, lines ...[]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return os.ErrClosed
	}
	for _, line := range lines {
		m.lines = append(m.lines, bytes.Clone(line))
	}
	return nil
}

// Compact replaces all lines.
func (m *Memory) Compact(_ context.Context, lines iter.Seq[[]byte]) error {
	var all [][]byte
	for line := range lines {
		all = append(all, bytes.Clone(line))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return os.ErrClosed
	}
	m.lines = all
	return nil
}

// Close refuses what is written before the lines are read again.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}
