package hacarus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/hacarus/hacarus-check-go/internal/journal"
)

// The defaults of an [InspectRequest].
const (
	defaultBatchSize   = 20
	defaultBatchBytes  = 32 << 20
	defaultConcurrency = 4
	defaultGrace       = 10 * time.Minute
	// maxConcurrency is more than any service can use.
	maxConcurrency = 1000
)

// InspectRequest describes the inspection that [Client.Inspect] runs. Fields
// that are zero take the defaults. Files and Source cannot be combined.
type InspectRequest struct {
	// ModelID is the model that inspects; "" means [ActiveModel]. If the model is
	// still in training, the inspection waits for it, also while the service is
	// away; only the context bounds that wait.
	ModelID string
	// Files are the images. Any names are accepted, and names may repeat: see
	// [SafeName]. The slice must not change during the inspection.
	Files []File
	// Source yields the images one by one, for as long as there are any, and
	// replaces Files: an inspection may run for months. It is ranged over on a
	// goroutine of its own and is asked for another file only when there is room
	// for one, so it may block as long as it likes. It should return when the
	// inspection's context ends, but the inspection does not wait for that.
	Source iter.Seq[File]
	// BatchSize is the maximum number of files in one upload and in one prediction.
	// The default is 20. A batch that is not full is sent as soon as no further
	// file is ready.
	BatchSize int
	// BatchBytes is the maximum size of the files in one upload and in one
	// prediction, in bytes. The default is 32 MiB. A larger file is sent alone. A
	// batch that the service refuses as too large is halved, and later batches are
	// kept to that size.
	BatchBytes int64
	// Concurrency is the number of uploads under way at a time, and also the number
	// of prediction calls beside them. The default is 4, the maximum 1000.
	Concurrency int
	// Grace is how long an assessment may take after its prediction was requested.
	// The default is 10 minutes; choose more than the service needs at its busiest.
	// The service does not report failed predictions, so the file of a failed
	// prediction stays under way for this time. A prediction whose response was
	// lost, or that an earlier run requested, is requested again only after this
	// time, and at most three times in a run. Time during which the service was
	// away does not count.
	Grace time.Duration
	// Journal is the path of a file that records what was sent, so that the
	// inspection can be run again after a crash. With "", there is no journal,
	// unless Store is set. See [Client.Inspect].
	Journal string
	// Store keeps the journal somewhere other than in a file. It cannot be combined
	// with Journal. The inspection does not close it. Nil means that there is no
	// store.
	Store JournalStore
	// Remember is how long the journal remembers a file after its last step. With
	// 0, it never forgets. A file under way is never forgotten.
	Remember time.Duration
	// Wait configures the wait for the assessments. [WithProgress] has no effect
	// here; use Progress.
	Wait []WaitOption
	// Progress is called when the progress has changed. It is called between the
	// outcomes, on the goroutine that ranges over them, and should return quickly.
	// Nil means that nothing is called.
	Progress func(InspectProgress)
}

// InspectProgress says how far an inspection has come.
type InspectProgress struct {
	// Total is the number of files, or 0 if they come from a Source.
	Total int
	// Uploaded is the number of files that the service has received. Predicted is
	// the number of those whose prediction was requested, in this run or in an
	// earlier one.
	Uploaded, Predicted int
	// Assessed is the number of files that have a verdict. Failed is the number of
	// files that ended with an error.
	Assessed, Failed int
	// Model is the model in its last known state while the inspection waits for its
	// training to end. It is nil when the model can be used.
	Model *Model
	// Err is the error of the last call while no other call has succeeded since:
	// the trouble that the inspection is waiting out. It is nil if there is none.
	Err error
}

// Inspection is the outcome of one file: a verdict or an error.
type Inspection struct {
	// File names the file as you did: by its path if it was made from one,
	// otherwise by its name.
	File string
	// Index is the position of the file in Files or Source, counted from 0.
	Index int
	// Tag is the [File.Tag] of the file.
	Tag any
	// ItemID is the id of the item made from the file, or "" if there is none. If
	// Err is [ErrOutcomeUnknown], it is the id of the item to look for.
	ItemID string
	// Item is the item with its assessment. It is nil if there is an error other
	// than [ErrNoVerdict].
	Item *Item
	// Verdict is [VerdictOK] or [VerdictNG], as [Item.Verdict] returns it, or
	// [VerdictUnknown] if Err is not nil.
	Verdict Verdict
	// Err says why there is no verdict. It is nil if and only if the verdict is OK
	// or NG. It is [ErrUnfinished] if something ended the inspection before the file
	// had its outcome; otherwise, it is about this file.
	Err error

	model string // whose assessment counts
}

// Score returns the anomaly score of the assessment, as [Assessment.Score]
// does. It returns false if there is none.
func (i *Inspection) Score() (float64, bool) {
	if i == nil || i.Item == nil {
		return 0, false
	}
	a := i.Item.Assessment(i.model)
	if a == nil {
		return 0, false
	}
	return a.Score()
}

// MarshalJSON encodes the outcome. Tag is encoded as [json.Marshal] does, and Err
// as a string; of Item, only the score is included. What there is none of is left
// out:
//
//	{"file":"a.png","index":0,"tag":"lot 7","item_id":"a","verdict":"NG","score":0.93}
//	{"file":"b.png","index":1,"verdict":"unknown","error":"…"}
func (i Inspection) MarshalJSON() ([]byte, error) {
	line := struct {
		File    string   `json:"file"`
		Index   int      `json:"index"`
		Tag     any      `json:"tag,omitempty"`
		ItemID  string   `json:"item_id,omitempty"`
		Verdict Verdict  `json:"verdict"`
		Score   *float64 `json:"score,omitempty"`
		Err     string   `json:"error,omitempty"`
	}{File: i.File, Index: i.Index, Tag: i.Tag, ItemID: i.ItemID, Verdict: i.Verdict}
	if score, ok := i.Score(); ok && !math.IsNaN(score) && !math.IsInf(score, 0) {
		line.Score = &score
	}
	if i.Err != nil {
		line.Err = i.Err.Error()
	}
	return json.Marshal(line)
}

// ErrNoAssessment is the error of a file whose prediction was requested but
// whose assessment did not come within the grace time. The prediction may have
// failed; the service does not report that.
var ErrNoAssessment = errors.New("no assessment came")

// ErrNoVerdict is the error of a file whose item was labeled neither OK nor NG.
// A person has to decide.
var ErrNoVerdict = errors.New("neither OK nor NG")

// ErrUnfinished is the error of a file that had no outcome of its own yet when
// something ended [Client.Inspect] or [Client.Upload]: it matches
// errors.Is(err, ErrUnfinished) beside what ended the run, such as the context or
// an invalid license. Nothing is known to be wrong with the file: keep it, and run
// again. With a journal, the next run continues where this one was.
var ErrUnfinished = errors.New("unfinished")

// unfinished is the error of a file that the end of its run has left behind. It
// says what ended the run.
type unfinished struct{ error }

func (e unfinished) Is(target error) bool { return target == ErrUnfinished }
func (e unfinished) Unwrap() error        { return e.error }

// Inspect uploads images, has a model inspect them, and yields their verdicts
// as they become available. It handles a million files, or a Source that never
// ends: it keeps only the batches under way in memory, and about 20 bytes for
// each of Files. Files are read when their turn comes, and no file waits for a
// slow one.
//
// Every file has exactly one outcome: an [Inspection] with a verdict, or one
// with an error in Err, such as [ErrBadRequest] for a file that the service
// does not accept. The failure of one file does not affect the others.
// [IsTemporary] tells whether the file may succeed another time.
//
// An error yielded by the iterator is the last thing that it yields. It is what
// ended the inspection: the context; a license, credentials or a model that is
// not valid; a proxy that demands credentials; or the journal. The outcomes of
// the files that are left without a verdict come before it, with the same error
// or a similar one, which is also [ErrUnfinished]. Nothing is wrong with these
// files, whatever [IsTemporary] says: keep them until the inspection is run
// again. Any other Err is about its file alone. A request that makes no sense is
// [ErrInvalidArgument].
//
// Breaking out of the loop stops the work. Every range starts a new inspection.
// If one of your functions panics, the range panics with the same value; if a
// file panics, that is the file's error.
//
// Operations addItem, predictItems and getItemById; getModelById while the
// model is in training, and getModels to find out whether a model is active.
//
// # Outages
//
// Inspect waits for the end of an outage of the service, however long, until
// the context ends. Meanwhile, one call at a time checks whether the service is
// back. With [WithLogger], there is one warning at the beginning of an outage
// and one at its end. After a 425 or 429, all calls wait and fewer are sent at
// a time for as long as necessary.
//
// Errors that do not come from the service itself, such as a redirect or a
// proxy's page with status 401, 403 or 404, are tolerated for the grace time,
// and the error that no model is active for 5 seconds. If the calls for a file
// fail for the grace time while calls for other files succeed, the file is
// given up with that error.
//
// # What is done once
//
// No file is uploaded or predicted twice. If the response to an upload was
// lost, Inspect looks for the item, by the id that follows from the file's
// name, for one minute after the upload (or for Grace if that is shorter), and
// uploads the file again only if the item is not there. A run that continues an
// earlier one starts this minute again.
//
// The outcome of a file is [ErrOutcomeUnknown] if the service is known to
// choose other ids, if the item found may be an older one, if the item's image
// has another name or size than the file, or if two files seem to have become
// one item. One case cannot be recognized: an older item with the same name and
// size that was never used for prediction or training.
//
// A prediction whose response was lost is requested again if there is no
// assessment after the grace time.
//
// A file whose name was used before replaces the earlier item, as far as is
// known; the documentation does not say. Use names that do not repeat, or a
// journal.
//
// # Journal
//
// With a journal, you can run an inspection again with the same files however
// it ended, including kill -9 and a power failure. Each file is then uploaded
// only once in all runs together. It is predicted only once, too, unless there
// was no assessment within the grace time. For files that have a verdict
// already, that verdict is fetched from the service again.
//
// Files are recognized by name and content, so one journal can also serve new
// files; new content under an old name becomes a new item. Several files with
// the same name and content each become an item; if they come from a Source,
// this holds only while they are under way at the same time. A journal costs
// one more reading of each file and less than 300 bytes of memory for each file
// that it remembers; see Remember.
//
// What is about to be sent is written to disk first, batch by batch. An
// incomplete line at the end, and what a power failure left of later lines, is
// removed. The journal is read at the beginning, which takes some seconds for a
// million files. When more than half of it describes superseded steps, it is
// compacted, also while it is in use.
//
// A journal belongs to one model; for another model the error is
// [ErrInvalidArgument], unless no file is in it. With [ActiveModel], files that have a verdict keep the
// verdict of the model that was active then. While one inspection uses the
// journal, another one fails with [ErrJournalLocked]. An inspection whose
// journal was moved or replaced ends with that error, too. [ReadJournal] shows
// what became of each file.
func (c *Client) Inspect(ctx context.Context, req InspectRequest) iter.Seq2[*Inspection, error] {
	return func(yield func(*Inspection, error) bool) {
		r, err := c.newInspection(ctx, req)
		if err != nil {
			yield(nil, err)
			return
		}
		r.outcomes(func() { r.report(req) }, func(f finished, err error) bool {
			if err != nil {
				return yield(nil, err)
			}
			return yield(r.inspection(f), nil)
		})
	}
}

const inspectName = "Inspect" // in errors

// sizes are the limits that an inspection and an upload have in common.
type sizes struct {
	batchSize   int
	batchBytes  int64
	concurrency int
	grace       time.Duration
}

// withDefaults fills in fields that are zero and refuses values that make no
// sense.
func (s sizes) withDefaults(operation string) (sizes, error) {
	switch {
	case s.batchSize < 0 || s.batchBytes < 0 || s.concurrency < 0 || s.grace < 0:
		return s, argumentError(operation, "negative field in the request")
	case s.batchSize > maxIDs:
		return s, argumentError(operation, "batch size %d is above %d", s.batchSize, maxIDs)
	case s.concurrency > maxConcurrency:
		return s, argumentError(operation, "concurrency %d is above %d", s.concurrency, maxConcurrency)
	}
	return sizes{
		cmp.Or(s.batchSize, defaultBatchSize), cmp.Or(s.batchBytes, defaultBatchBytes),
		cmp.Or(s.concurrency, defaultConcurrency), cmp.Or(s.grace, defaultGrace),
	}, nil
}

// inFlight is how many files may be under way: some batches that are being
// sent, some that wait for their verdicts, and one for each step that is being
// gathered.
func (s sizes) inFlight() int { return s.batchSize * (4*s.concurrency + 8) }

// feed is where the files of a run come from.
type feed struct {
	files  []File
	source iter.Seq[File] // nil: from files
}

func (f feed) check(operation string) error {
	if f.source != nil && f.files != nil {
		return argumentError(operation, "both files and a source")
	}
	return nil
}

func (f feed) seq() iter.Seq[File] {
	if f.source != nil {
		return f.source
	}
	return slices.Values(f.files)
}

func (f feed) namer() *namer {
	if f.source != nil {
		return newOpenNamer()
	}
	return newNamer(f.files)
}

// newCalls opens the journal of a run and makes what its steps have in common.
func (c *Client) newCalls(ctx context.Context, operation, modelID string, s sizes, from feed, place journalPlace, wait []WaitOption) (*calls, error) {
	if err := c.usable(ctx, operationNamed(operation)); err != nil {
		return nil, err
	}
	ctx = withoutCapture(ctx)
	if err := errors.Join(from.check(operation), place.check(operation)); err != nil {
		return nil, err
	}
	cfg, err := newWaitConfig(operationNamed(operation), wait)
	if err != nil {
		return nil, err
	}
	cfg.progress = nil
	notes, err := openNotes(ctx, place, modelID, c.logger)
	if err != nil {
		return nil, err
	}
	limiter := newLimiter(s.concurrency, c.policy, c.logger)
	p := newPipeline(newRun(ctx, limiter), s.inFlight())
	limiter.signal = p.signal
	return &calls{
		pipeline: p, client: c, limiter: limiter, notes: notes, modelID: modelID, grace: s.grace,
		cfg: cfg, slots: make(chan struct{}, max(waitConcurrency, 2*s.concurrency)),
	}, nil
}

func operationNamed(id string) operation { return operation{id: id} }

// outcomes yields the outcomes of the files, and finally what ended the run
// early.
func (c *calls) outcomes(progress func(), yield func(finished, error) bool) {
	defer func() { _ = c.notes.end() }() // again, where the range was left or something panicked
	left := false
	c.each(progress, func(f finished) bool {
		left = !yield(f, nil)
		return !left
	})
	err := c.reason()
	if closing := c.notes.end(); err == nil {
		err = closing
	}
	if err != nil && !left {
		yield(finished{}, err)
	}
}

// inspection is one run of Inspect.
type inspection struct{ *calls }

func (c *Client) newInspection(ctx context.Context, req InspectRequest) (*inspection, error) {
	model := cmp.Or(req.ModelID, ActiveModel)
	if err := checkID("model_id", model); err != nil {
		return nil, argumentError(inspectName, "%w", err)
	}
	s, err := sizes{req.BatchSize, req.BatchBytes, req.Concurrency, req.Grace}.withDefaults(inspectName)
	if err != nil {
		return nil, err
	}
	from := feed{req.Files, req.Source}
	calls, err := c.newCalls(ctx, inspectName, model, s, from, journalPlace{req.Journal, req.Store, req.Remember}, req.Wait)
	if err != nil {
		return nil, err
	}
	p := &predictor{calls: calls, batchSize: s.batchSize}
	u := newUploader(calls, from.namer(), uploadParams{operation: inspectName, batchSize: s.batchSize, batchBytes: s.batchBytes})
	u.next = calls.place
	calls.prepare = u
	maps.Copy(calls.stages, u.stages())
	maps.Copy(calls.stages, p.stages())
	calls.start(from.seq(), req.Source != nil, func() { _ = p.checkModel() })
	return &inspection{calls}, nil
}

// inspection returns the outcome of a file in the form that the user gets.
func (r *inspection) inspection(f finished) *Inspection {
	result := &Inspection{
		File: f.label, Index: f.index, Tag: f.file.Tag, Item: f.item, Verdict: VerdictUnknown, Err: f.err, model: r.modelID,
	}
	if f.step != journal.New {
		result.ItemID = f.id
	}
	if f.item != nil {
		result.Verdict = f.item.Verdict(r.modelID)
	}
	return result
}

// noVerdict returns why an item with an assessment has no verdict, or nil if it
// has one.
func noVerdict(item *Item, model string) error {
	if item.Verdict(model) != VerdictUnknown {
		return nil
	}
	if item.UserAssessment != nil && item.UserAssessment.Label != "" {
		return fmt.Errorf("hacarus: item %s: %w: a person's label is %q", item.ItemID, ErrNoVerdict, item.UserAssessment.Label)
	}
	return fmt.Errorf("hacarus: item %s: %w: the label is %q", item.ItemID, ErrNoVerdict, item.Assessment(model).Label)
}

// report tells the user of the progress.
func (r *inspection) report(req InspectRequest) {
	if req.Progress == nil {
		return
	}
	c, model := r.figures()
	req.Progress(InspectProgress{
		Total: len(req.Files), Uploaded: c.uploaded, Predicted: c.predicted, Assessed: c.succeeded, Failed: c.failed,
		Model: model, Err: r.limiter.obstacle(),
	})
}
