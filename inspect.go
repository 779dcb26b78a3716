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

// InspectRequest says what [Client.Inspect] inspects. Zero fields take the defaults.
type InspectRequest struct {
	// ModelID is the model that inspects; "" is [ActiveModel]. One that is
	// still training is waited for, also while the service is away: only the
	// context bounds that.
	ModelID string
	// Files are the images. Any name will do, and names may repeat: see
	// [SafeName]. The slice must not change during the inspection.
	Files []File
	// Source yields the images one by one, as long as there are any, in the place
	// of Files: an inspection may go on for months. It is ranged over on a
	// goroutine of its own, and is asked for another file only when there is room
	// for it, so it may block for as long as it likes. It should return when the
	// context of the inspection ends; an inspection does not wait for that.
	Source iter.Seq[File]
	// BatchSize is the most files of one upload, and of one prediction. Default
	// 20. A batch that is not full goes as soon as nothing more comes right now.
	BatchSize int
	// BatchBytes is the most bytes of the files of one upload, and of one
	// prediction. Default 32 MiB. A larger file goes alone. What the service
	// refuses as too large is halved, and later uploads are as small.
	BatchBytes int64
	// Concurrency is how many uploads are under way at a time, and how many
	// calls for predictions beside them. Default 4, at most 1000.
	Concurrency int
	// Grace is how long an assessment may take after its prediction was asked
	// for. Default 10 minutes; choose it above what the service takes at its
	// busiest. A prediction that fails in the service, which nothing tells, keeps
	// its file under way for as long. A prediction whose response was lost, or that
	// an earlier run asked for, is asked for again only after that, and no more
	// than three times in a run. Time for which the service was away counts for
	// nothing.
	Grace time.Duration
	// Journal is the path of a file that remembers what was sent, so that an
	// inspection can be run again after a crash; "" is none. See [Client.Inspect].
	Journal string
	// Store is another place for the journal than a file, in the place of Journal.
	// The inspection does not close it. Nil is none.
	Store JournalStore
	// Remember is how long the journal remembers a file after its last step.
	// Zero is for ever. A file under way is never forgotten.
	Remember time.Duration
	// Wait configures the wait for the assessments. [WithProgress] has no
	// effect here.
	Wait []WaitOption
	// Progress is called when something in it has changed, on the goroutine that
	// ranges over the outcomes, between them. It should be quick.
	Progress func(InspectProgress)
}

// InspectProgress tells how far an inspection is.
type InspectProgress struct {
	// Total is the number of files; zero where they come from a Source.
	Total int
	// Uploaded counts the files that the service has, and Predicted those of
	// them whose prediction was asked for, in this run or in an earlier one.
	Uploaded, Predicted int
	// Assessed counts the files that have a verdict, and Failed those that
	// ended with an error.
	Assessed, Failed int
	// Model is the model while the inspection waits for it to be trained, as it
	// was last seen; nil when it can be used.
	Model *Model
	// Err is what the last call failed with, as long as none has succeeded since:
	// what the inspection waits out. Nil is nothing.
	Err error
}

// Inspection is the outcome of one file: a verdict or an error.
type Inspection struct {
	// File is the file as the user named it: its path where it was made from
	// one, or else its name.
	File string
	// Index is the file's place in the request, counted from 0.
	Index int
	// Tag is the file's [File.Tag].
	Tag any
	// ItemID is the item made from the file. "" means that there is none; with
	// an error that is [ErrOutcomeUnknown] it is the id to look for.
	ItemID string
	// Item is the item as it was when the assessment was there; nil with any
	// other error than [ErrNoVerdict].
	Item *Item
	// Verdict is VerdictOK or VerdictNG; VerdictUnknown with an error. It is the
	// item's [Item.Verdict].
	Verdict Verdict
	// Err is why there is no verdict. Nil means that the verdict is OK or NG.
	Err error

	model string // whose assessment counts
}

// Score returns the anomaly score of the assessment, as [Assessment.Score]
// does. It is false where there is none.
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

// MarshalJSON writes the outcome with its error as a string, and without the
// item but for its score:
//
//	{"file":"a.png","index":0,"item_id":"a","verdict":"NG","score":0.93}
func (i *Inspection) MarshalJSON() ([]byte, error) {
	if i == nil {
		return []byte("null"), nil
	}
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

// ErrNoAssessment is the error of a file whose prediction was asked for, and
// whose assessment did not come within the grace time. The prediction may have
// failed; nothing tells so.
var ErrNoAssessment = errors.New("no assessment came")

// ErrNoVerdict is the error of a file whose item was labelled, but neither OK
// nor NG. It is for a person to look at.
var ErrNoVerdict = errors.New("neither OK nor NG")

// Inspect uploads images, has a model inspect them, and yields the verdicts as
// they come. There may be a million files, or a Source that never ends: what is
// in memory are the batches under way, and some 20 bytes for each file. Files
// are read when their turn comes, and none waits for another.
//
// Every file has exactly one outcome: an [Inspection] with a verdict, or with an
// error in Err, such as [ErrBadRequest] for a file that the service does not
// take. A failure of one file does not concern the others; [IsTemporary] tells
// whether the file may do better another time. An error that the range yields is
// the last thing, and what ended the inspection: the context, a license,
// credentials or a model that is not valid, a proxy that wants credentials, or
// the journal; before it come the outcomes of the files that this leaves without
// a verdict. Leaving the range stops the work. Ranging again inspects again.
// What a function of yours panics with, the range does; a file that panics has
// that as its error.
//
// # Outages
//
// An outage of the service, however long, is waited out until the context ends:
// one call after the other tries whether it is over. [WithLogger] has one
// warning at its beginning and one at its end. With 425 and 429, all calls hold
// back and fewer go out at a time, for as long as it takes. What is not the
// service's own word, such as a redirect or a proxy's page for 401, 403 or 404,
// is waited out for Grace, and that no model is active for 5 seconds. A file
// whose calls fail for Grace while those of others succeed is given up with the
// error.
//
// # What is done once
//
// Nothing is done twice. An upload whose response was lost is looked for, by the
// id that follows from its name, for a minute after it was sent, or for Grace if
// that is shorter, and sent again only if it is not there; a run that takes up
// an earlier one's begins that minute anew. If the service has been seen to
// choose other ids, or if an item of that id is there that may be an older one,
// the file's outcome is [ErrOutcomeUnknown]; so it is where an item's image has
// another name or size than the file, or where two files seem to have become one
// item. An older item of the same name and size that nobody had predicted or
// trained with is not told from the new one. A prediction whose
// response was lost is asked for again when Grace is over without an assessment.
//
// An item of a former file of the same name is replaced, as far as is known
// (the documentation does not say). Use names that do not come again, or a journal.
//
// # Journal
//
// With a journal, an inspection can be run again with the same files after any
// end, kill -9 and power failure included. Each file is then uploaded once in
// all, and predicted once, unless no assessment came within Grace; files that
// had a verdict have it again, as the service then tells it. Files are known by
// name and content, so a journal can serve new files too; a new content under an
// old name becomes an item of its own. Of several files of one name and content
// each becomes an item; where they come from a Source, those that are under way
// at the same time do. It costs one more reading of each file, and less than 300
// bytes of memory for each file that it remembers; see Remember.
//
// What is about to be sent is on the disk before it is sent, batch by batch. A
// line that was not written to its end, and what a power failure left of later
// ones, is taken off. The journal is read at the beginning, a million files in
// some seconds, and rewritten when more than half of it tells of former steps.
// It belongs to one model: for another one the error is [ErrInvalidArgument].
// With [ActiveModel], files that had a verdict keep that of the model that was
// active then. While an inspection uses it, another one is refused with
// [ErrJournalLocked]; an inspection whose journal was moved or replaced ends
// with that, too. [ReadJournal] tells what became of each file.
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

// sizes are the bounds that an inspection and an upload have in common.
type sizes struct {
	batchSize   int
	batchBytes  int64
	concurrency int
	grace       time.Duration
}

// withDefaults fills in zero fields, and refuses others that make no sense.
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

// inFlight is how many files may be under way: some batches on their way, some
// that wait for their verdicts, and one of each step that is being gathered.
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

// newCalls opens the journal of a run, and makes what its steps have in common.
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

// outcomes yields what becomes of the files, and what ended the run early as
// the last thing.
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

// inspection is what became of a file as the user sees it.
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

// noVerdict is why an item with an assessment has no verdict; nil where it has one.
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
