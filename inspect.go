package hacarus

import (
	"context"
	"errors"
	"iter"
	"maps"
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
	// BatchSize is the most files of one upload, and of one prediction. Default 20.
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
	// its file under way for as long. A prediction whose answer was lost, or that
	// an earlier run asked for, is asked for again only after that, and no more
	// than three times in a run.
	Grace time.Duration
	// Journal is the path of a file that remembers what was sent, so that an
	// inspection can be run again after a crash; "" is none. See [Client.Inspect].
	Journal string
	// Wait configures the wait for the assessments. [WithProgress] has no
	// effect here.
	Wait []WaitOption
	// Progress is called when one of its figures has changed, on the goroutine
	// that ranges over the outcomes, between them. It should be quick.
	Progress func(InspectProgress)
}

// InspectProgress tells how far an inspection is.
type InspectProgress struct {
	// Total is the number of files.
	Total int
	// Uploaded counts the files that the service has, and Predicted those of
	// them whose prediction was asked for, in this run or in an earlier one.
	Uploaded, Predicted int
	// Assessed counts the files that have a verdict, and Failed those that
	// ended with an error.
	Assessed, Failed int
}

// Inspection is the outcome of one file: a verdict or an error.
type Inspection struct {
	// File is the file as the user named it: its path where it was made from
	// one, or else its name.
	File string
	// Index is the file's place in the request.
	Index int
	// ItemID is the item made from the file. "" means that there is none; with
	// an error that is [ErrOutcomeUnknown] it is the id to look for.
	ItemID string
	// Item is the item as it was when the assessment was there; nil with an error.
	Item *Item
	// Verdict is the item's [Item.Verdict]; VerdictUnknown with an error.
	Verdict Verdict
	// Err is why there is no verdict.
	Err error
}

// ErrNoAssessment is the error of a file whose prediction was asked for, and
// whose assessment did not come within the grace time. The prediction may have
// failed; nothing tells so.
var ErrNoAssessment = errors.New("no assessment came")

// Inspect uploads images, has a model inspect them, and yields the verdicts as
// they come. There may be a million files: what is in memory are the batches
// under way, and some bytes for each file. Files are read when their turn comes.
//
// Every file has exactly one outcome: an [Inspection] with a verdict, or with an
// error in Err, such as [ErrBadRequest] for a file that the service does not
// take. A failure of one file does not concern the others. An error that the
// range yields is the last thing, and what ended the inspection: the context, a
// licence, credentials or a model that is not valid, or the journal; before it
// come the outcomes of the files that this leaves without a verdict. Leaving the
// range stops the work. Ranging again inspects again.
//
// Nothing is done twice. An upload whose answer was lost is looked for, by the
// id that follows from its name (wire-facts.md 28), for 5 s, for a minute after
// a timeout, or for Grace if that is shorter, and sent again only if it is not
// there. If the service has been seen to choose other ids, or if an item of that
// id is there that may be an older one, the file's outcome is
// [ErrOutcomeUnknown]; an older item of the same size that nobody had predicted
// or trained with is not told from the new one. A prediction whose answer was
// lost is asked for again when Grace is over without an assessment. With 425 and
// 429, all calls hold back and fewer go out at a time, for as long as it takes;
// other failures that may pass are tried ten times in a row.
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
// old name becomes an item of its own. It costs one more reading of each file,
// and 300 bytes of memory for each file that it ever knew.
//
// What is about to be sent is on the disk before it is sent, batch by batch. A
// line that was not written to its end is repaired. A journal belongs to one
// model: for another one the error is [ErrInvalidArgument]. With [ActiveModel],
// files that had a verdict keep that of the model that was active then. The
// journal grows by some 500 bytes for each file, and all of it is read at the
// beginning: begin a new one now and then. While an inspection uses it, another
// one is refused with [ErrJournalLocked].
func (c *Client) Inspect(ctx context.Context, req InspectRequest) iter.Seq2[*Inspection, error] {
	return func(yield func(*Inspection, error) bool) {
		r, err := c.newInspection(ctx, req)
		if err != nil {
			yield(nil, err)
			return
		}
		left := false
		r.each(r.report, func(d finished) bool {
			left = !yield(r.inspection(d), nil)
			return !left
		})
		err = r.reason()
		if closing := r.notes.close(); err == nil {
			err = closing
		}
		if err != nil && !left {
			yield(nil, err)
		}
	}
}

const inspectName = "Inspect" // in errors

// withDefaults fills in zero fields, and refuses others that make no sense.
func (req InspectRequest) withDefaults() (InspectRequest, error) {
	if req.BatchSize < 0 || req.BatchBytes < 0 || req.Concurrency < 0 || req.Grace < 0 {
		return req, argumentError(inspectName, "negative field in the request")
	}
	if req.BatchSize > maxIDs {
		return req, argumentError(inspectName, "batch size %d is above %d", req.BatchSize, maxIDs)
	}
	if req.Concurrency > maxConcurrency {
		return req, argumentError(inspectName, "concurrency %d is above %d", req.Concurrency, maxConcurrency)
	}
	fill(&req.ModelID, ActiveModel)
	fill(&req.BatchSize, defaultBatchSize)
	fill(&req.BatchBytes, defaultBatchBytes)
	fill(&req.Concurrency, defaultConcurrency)
	fill(&req.Grace, defaultGrace)
	if err := checkID("model_id", req.ModelID); err != nil {
		return req, argumentError(inspectName, "%w", err)
	}
	return req, nil
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// inspection is one run of Inspect.
type inspection struct {
	*calls
	progress func(InspectProgress)
	total    int
}

func (c *Client) newInspection(ctx context.Context, req InspectRequest) (*inspection, error) {
	if ctx == nil {
		return nil, argumentError(inspectName, "nil context")
	}
	req, err := req.withDefaults()
	if err != nil {
		return nil, err
	}
	cfg, err := newWaitConfig(operation{id: inspectName}, req.Wait)
	if err != nil {
		return nil, err
	}
	cfg.progress = nil
	notes, err := openNotes(ctx, req.Journal, req.ModelID)
	if err != nil {
		return nil, err
	}
	limiter := newLimiter(req.Concurrency, c.policy)
	r := &inspection{progress: req.Progress, total: len(req.Files), calls: &calls{
		pipeline: newPipeline(newRun(ctx, limiter), inFlight(req)),
		client:   c, limiter: limiter, notes: notes, modelID: req.ModelID,
	}}
	slots := make(chan struct{}, max(waitConcurrency, 2*req.Concurrency))
	p := &predictor{calls: r.calls, cfg: cfg, slots: slots, batchSize: req.BatchSize, grace: req.Grace}
	u := newUploader(r.calls, cfg, slots, newNamer(req.Files), uploadParams{
		operation: inspectName, batchSize: req.BatchSize, batchBytes: req.BatchBytes, grace: req.Grace,
	})
	u.next = r.place
	r.prepare = u.prepareFile
	maps.Copy(r.stages, u.stages())
	maps.Copy(r.stages, p.stages())
	r.start(slices.Values(req.Files), func() { _ = p.checkModel() })
	return r, nil
}

// inFlight is how many files may be under way: some batches on their way, some
// that wait for their verdicts, and one of each step that is being gathered.
func inFlight(req InspectRequest) int { return req.BatchSize * (4*req.Concurrency + 8) }

// inspection is what became of a file as the user sees it.
func (r *inspection) inspection(d finished) *Inspection {
	result := &Inspection{File: d.label, Index: d.index, Item: d.item, Verdict: VerdictUnknown, Err: d.err}
	if d.step != journal.New {
		result.ItemID = d.id
	}
	if d.item != nil {
		result.Verdict = d.item.Verdict(modelOrAny(r.modelID))
	}
	return result
}

// report tells the user of the progress.
func (r *inspection) report(c counts) {
	if r.progress != nil {
		r.progress(InspectProgress{
			Total: r.total, Uploaded: c.uploaded, Predicted: c.predicted, Assessed: c.succeeded, Failed: c.failed,
		})
	}
}
