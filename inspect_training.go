package hacarus

import (
	"context"
	"iter"
	"maps"
	"time"

	"github.com/hacarus/hacarus-check-go/internal/journal"
)

// UploadRequest describes the upload that [Client.Upload] runs. Fields that are
// zero take the defaults. Files and Source cannot be combined.
type UploadRequest struct {
	// Files are the images. Any names are accepted, and names may repeat: see
	// [SafeName]. The slice must not change during the upload.
	Files []File
	// Source yields the images one by one and replaces Files, as in
	// [InspectRequest].
	Source iter.Seq[File]
	// Training says whether the items are training items (true) or items to inspect
	// (false).
	Training bool
	// Good labels training items as OK (true) or NG (false). Nil leaves them
	// without a label.
	Good *bool
	// BatchSize is the maximum number of files in one call. The default is 20.
	BatchSize int
	// BatchBytes is the maximum size of the files in one call, in bytes. The
	// default is 32 MiB. A larger file is sent alone. A batch that the service
	// refuses as too large is halved, and later batches are kept to that size.
	BatchBytes int64
	// Concurrency is the number of calls under way at a time. The default is 4, the
	// maximum 1000.
	Concurrency int
	// Journal is the path of a file that records what was sent, so that the upload
	// can be run again after a crash. With "", there is no journal, unless Store is
	// set. An inspection needs a journal of its own.
	Journal string
	// Store keeps the journal somewhere other than in a file, as in
	// [InspectRequest].
	Store JournalStore
	// Remember is how long the journal remembers a file after its last step. With
	// 0, it never forgets. A file under way is never forgotten.
	Remember time.Duration
	// Progress is called when the progress has changed. It is called between the
	// outcomes, on the goroutine that ranges over them, and should return quickly.
	// Nil means that nothing is called.
	Progress func(UploadProgress)
}

// UploadProgress says how far an upload has come.
type UploadProgress struct {
	// Total is the number of files, or 0 if they come from a Source.
	Total int
	// Uploaded is the number of files that the service has received. Failed is the
	// number of files that ended with an error.
	Uploaded, Failed int
}

// Uploaded is the outcome of one file: an item or an error.
type Uploaded struct {
	// File names the file as you did: by its path if it was made from one,
	// otherwise by its name.
	File string
	// Index is the position of the file in Files or Source, counted from 0.
	Index int
	// Tag is the [File.Tag] of the file.
	Tag any
	// ItemID is the id of the item made from the file. If Err is
	// [ErrOutcomeUnknown], it is the id to look for; with any other error it is "".
	ItemID string
	// Err says why there is no item, or why nobody knows whether there is one. It
	// is nil if the item is there, and [ErrUnfinished] if something ended the upload
	// before the file had its outcome.
	Err error
}

const uploadName = "Upload" // in errors

// Upload uploads images, such as a training set of any size and with any names,
// and yields the ids of their items as they become available. It treats uploads
// like [Client.Inspect]: files are sent in batches, which are halved if the
// service refuses them; if a response was lost, Upload looks for the items
// instead of sending them twice; it waits for the end of outages until the
// context ends; and with a journal, it can be run again however it ended and
// continues where it was.
//
// Every file has exactly one outcome: an [Uploaded] with an id or with an
// error. An error yielded by the iterator is the last thing that it yields. It
// is what ended the upload; the errors of the files that are left without an item
// come before it and are [ErrUnfinished]. Breaking out of the loop stops the work.
// Every range starts a new upload.
//
// Operation addItem: POST /api/v1/items/. To look for items it uses operation
// getItemById: GET /api/v1/items/{item_id}.
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

// newUpload makes a run that consists of an uploader alone: files whose items
// are there are done.
func (c *Client) newUpload(ctx context.Context, req UploadRequest) (*calls, error) {
	s, err := sizes{req.BatchSize, req.BatchBytes, req.Concurrency, 0}.withDefaults(uploadName)
	if err != nil {
		return nil, err
	}
	from := feed{req.Files, req.Source}
	calls, err := c.newCalls(ctx, uploadName, "", s, from, journalPlace{req.Journal, req.Store, req.Remember}, nil)
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
