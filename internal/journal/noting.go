package journal

import "fmt"

const (
	batchLines = 256
	// batches is how many there are: one is being parsed, one is taken up, and the
	// others let neither wait for the other.
	batches = 4
)

// noting takes up lines on a goroutine of its own, while further ones are read
// and parsed: of a million files that is half of the time of a start.
type noting struct {
	parsed, free chan []Line
	batch        []Line // is being parsed
	failed       chan error
}

// startNoting takes up the lines that follow the first one.
func (j *Journal) startNoting() *noting {
	n := &noting{parsed: make(chan []Line, batches), free: make(chan []Line, batches), failed: make(chan error, 1)}
	for range batches {
		n.free <- make([]Line, 0, batchLines)
	}
	n.batch = <-n.free
	go func() { n.failed <- n.noteAll(j) }()
	return n
}

func (n *noting) noteAll(j *Journal) (err error) {
	number := 1
	for batch := range n.parsed {
		for _, l := range batch {
			if number++; err == nil {
				if err = j.note(l); err != nil {
					err = fmt.Errorf("line %d: %w", number, err)
				}
			}
		}
		n.free <- batch[:0]
	}
	return err
}

func (n *noting) add(l Line) {
	if n.batch = append(n.batch, l); len(n.batch) == batchLines {
		n.parsed <- n.batch
		n.batch = <-n.free
	}
}

// end waits until all lines are taken up.
func (n *noting) end() error {
	n.parsed <- n.batch
	close(n.parsed)
	return <-n.failed
}
