package hacarus

import (
	"context"
	"iter"
	"maps"

	"github.com/hacarus/hacarus-check-go/internal/journal"
)

// UploadRequest says what [Client.Upload] uploads. Zero fields take the
// defaults, which are those of [InspectRequest].
type UploadRequest struct {
	// Files are the images. Any name will do, and names may repeat: see
	// [SafeName]. The slice must not change during the upload.
	Files []File
	// Source yields the images one by one, in the place of Files. It is as in
	// [InspectRequest].
	Source iter.Seq[File]
	// Training makes training items; false makes items to inspect.
	Training bool
	// Good labels training items: true is OK, false is NG, nil is no label.
	Good *bool
	// BatchSize is the most files of one call. Default 20.
	BatchSize int
	// BatchBytes is the most bytes of the files of one call. Default 32 MiB. A
	// larger file goes alone. What the service refuses as too large is halved.
	BatchBytes int64
	// Concurrency is how many calls are under way at a time. Default 4, at most 1000.
	Concurrency int
	// Journal is the path of a file that remembers what was sent, so that an
	// upload can be run again after a crash; "" is none. It is another one than
	// that of an inspection.
	Journal string
	// Store is another place for the journal, as in [InspectRequest].
	Store JournalStore
	// Progress is called when one of its figures has changed, on the goroutine
	// that ranges over the outcomes, between them. It should be quick.
	Progress func(UploadProgress)
}

// UploadProgress tells how far an upload is.
type UploadProgress struct {
	// Total is the number of files; zero where they come from a Source.
	Total int
	// Uploaded counts the files that the service has, and Failed those that
	// ended with an error.
	Uploaded, Failed int
}

// Uploaded is the outcome of one file: an item or an error.
type Uploaded struct {
	// File is the file as the user named it: its path where it was made from
	// one, or else its name.
	File string
	// Index is the file's place in the request, counted from 0.
	Index int
	// Tag is the file's [File.Tag].
	Tag any
	// ItemID is the item made from the file. With an error it is "", or the id
	// to look for where the error is [ErrOutcomeUnknown].
	ItemID string
	// Err is why there is no item, or why nobody knows.
	Err error
}

const uploadName = "Upload" // in errors

// Upload uploads images, and yields the items' ids as they come: a training set
// of any size and with any names, with all that [Client.Inspect] does for its
// uploads. They go in batches, which are halved where the service refuses them;
// a response that was lost leads to a look at what is there, and to nothing
// twice; outages are waited out until the context ends; and with a journal, an
// upload can be run again after any end, and goes on where it was.
//
// Every file has exactly one outcome, an [Uploaded] with an id or an error. An
// error that the range yields is the last thing, and what ended the upload.
// Leaving the range stops the work. Ranging again uploads again.
//
// Operation addItem: POST /api/v1/items/, and getItemById to look.
func (c *Client) Upload(ctx context.Context, req UploadRequest) iter.Seq2[*Uploaded, error] {
	return func(yield func(*Uploaded, error) bool) {
		r, err := c.newUpload(ctx, req)
		if err != nil {
			yield(nil, err)
			return
		}
		report := func() {
			if req.Progress != nil {
				c, _ := r.figures()
				req.Progress(UploadProgress{Total: len(req.Files), Uploaded: c.succeeded, Failed: c.failed})
			}
		}
		r.outcomes(report, func(f finished, err error) bool {
			if err != nil {
				return yield(nil, err)
			}
			result := &Uploaded{File: f.label, Index: f.index, Tag: f.file.Tag, Err: f.err}
			if f.step != journal.New {
				result.ItemID = f.id
			}
			return yield(result, nil)
		})
	}
}

// newUpload is a run of an uploader alone: files whose item is there are done.
func (c *Client) newUpload(ctx context.Context, req UploadRequest) (*calls, error) {
	s, err := sizes{req.BatchSize, req.BatchBytes, req.Concurrency, 0}.withDefaults(uploadName)
	if err != nil {
		return nil, err
	}
	from := feed{req.Files, req.Source}
	calls, err := c.newCalls(ctx, uploadName, "", s, from, journalPlace{path: req.Journal, store: req.Store}, nil)
	if err != nil {
		return nil, err
	}
	u := newUploader(calls, from.namer(), uploadParams{
		operation: uploadName, training: req.Training, good: req.Good, batchSize: s.batchSize, batchBytes: s.batchBytes, looks: true,
	})
	done := func(f *unit) {
		if err := calls.notes.finish(f, ""); err != nil {
			calls.fail(err)
		}
		calls.deliver(f, nil, nil)
	}
	u.next = done
	calls.prepare = u
	maps.Copy(calls.stages, u.stages())
	for _, step := range []journal.Step{journal.Uploaded, journal.Predicting, journal.Done} {
		calls.stages[step] = &stage{in: make(chan *unit), most: s.batchSize, work: func(units []*unit) {
			for _, f := range units {
				done(f)
			}
		}}
	}
	calls.start(from.seq(), req.Source != nil, func() {})
	return calls, nil
}
