package intake

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"strings"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/durable"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
)

// Incoming is an image that is being received.
type Incoming struct {
	Station, Lot, Serial, Model string
	Key                         string // "": the image itself is what it is known by
	Trace                       string
	Note                        string // for the record
}

// Receive is a file in the spool that an image is written to.
type Receive struct {
	spool *Spool
	in    Incoming
	part  *durable.Part
	hash  hash.Hash
	size  int64
	head  []byte // of the image

	claimed int64 // bytes of the spool's room
}

// Begin begins to receive an image.
func (s *Spool) Begin(in Incoming) (*Receive, error) {
	t, err := s.station(in.Station)
	if err != nil {
		return nil, full(err)
	}
	part, err := durable.NewPart(t.dir)
	if err != nil {
		return nil, full(err)
	}
	return &Receive{spool: s, in: in, part: part, hash: sha256.New()}, nil
}

// Write takes a part of the image.
func (r *Receive) Write(b []byte) (int, error) {
	if limit := r.spool.limits.Image; limit > 0 && r.size+int64(len(b)) > limit {
		return 0, ErrTooLarge
	}
	if err := r.spool.claim(int64(len(b))); err != nil { // others have come since it began
		return 0, err
	}
	r.claimed += int64(len(b))
	if missing := headSize - len(r.head); missing > 0 {
		r.head = append(r.head, b[:min(missing, len(b))]...)
	}
	n, err := r.part.Write(b)
	r.hash.Write(b[:n])
	r.size += int64(n)
	return n, full(err)
}

// Abandon forgets what was received. It does nothing after Accept.
func (r *Receive) Abandon() {
	r.spool.release(r.claimed)
	r.claimed = 0
	r.part.Discard()
}

// Accept makes the image durable and returns its job. It is false for one that had
// been accepted already.
func (r *Receive) Accept() (job queue.Job, isNew bool, err error) {
	defer r.Abandon()
	extension := extensionOf(r.head)
	if extension == "" {
		return job, false, ErrNoImage
	}
	sum := hex.EncodeToString(r.hash.Sum(nil))
	key := "key " + r.in.Key
	if r.in.Key == "" { // products whose pictures are the same are told apart by their numbers
		key = strings.Join([]string{"image", sum, r.in.Lot, r.in.Serial}, "\x00")
	}
	id := queue.IDOf(r.in.Station, key)
	job = queue.Job{
		ID: id, Station: r.in.Station, Lot: r.in.Lot, Serial: r.in.Serial, Model: r.in.Model,
		File: id + extension, SHA256: sum, Size: r.size, Accepted: r.spool.now().UTC(), Intake: r.spool.ID(), Trace: r.in.Trace, Note: r.in.Note,
	}
	isNew, err = r.accept(&job)
	return job, isNew, full(err)
}

// accept makes the image and its job durable, both at the same time, and then their
// names.
func (r *Receive) accept(job *queue.Job) (bool, error) {
	t, err := r.spool.station(job.Station)
	if err != nil {
		return false, err
	}
	raw, err := json.Marshal(job)
	if err != nil {
		return false, err
	}
	synced := make(chan error, 1)
	go func() { synced <- r.part.Seal() }()
	jobPart, err := durable.Create(t.dir, func(w io.Writer) error {
		_, err := w.Write(raw)
		return err
	})
	if err == nil {
		defer jobPart.Discard()
	}
	if err := errors.Join(<-synced, err); err != nil {
		return false, err
	}
	return r.spool.enter(t, job, jobPart, r.part)
}
