package folder

import (
	"context"
	"time"
)

// Receiver takes what comes into a folder.
type Receiver interface {
	// Found is called after each look, with the images that are whole by then.
	Found(ctx context.Context, images []*Image)
	// Away is called when the folder cannot be read, with the reason, and with nil when
	// it is there again.
	Away(reason error)
}

// Watch looks into the folder again and again until the context ends. The folder need
// not be there yet.
func (f *Folder) Watch(ctx context.Context, to Receiver) {
	defer f.notices.close()
	away := false
	for ctx.Err() == nil {
		begun := time.Now()
		f.notices.attend(f.opts.Dir, f.opts.Every)
		images, next, err := f.look(begun)
		took := time.Since(begun)
		if away != (err != nil) {
			away = !away
			to.Away(err) // a share may come back
		}
		to.Found(ctx, images)
		f.pause(ctx, next, took)
	}
}

// look finds what is finished. Before the first look, the folder is tidied.
func (f *Folder) look(now time.Time) ([]*Image, time.Time, error) {
	if !f.tidy {
		if err := Tidy(f.opts.Dir); err != nil {
			return nil, time.Time{}, err
		}
		f.tidy = true
	}
	return f.Finished(now)
}

// leastPause is for how long nothing is looked for, however many notices come: a
// file that is being written gives many.
const leastPause = 50 * time.Millisecond

// pause waits for the next look: for the usual time, until an image may be whole, or
// until something changes. A folder of a hundred thousand files takes its time, and
// is not looked into all the time.
func (f *Folder) pause(ctx context.Context, next time.Time, took time.Duration) {
	least := max(min(leastPause, f.opts.Every), 4*took)
	longest := max(f.opts.Every, least)
	if !next.IsZero() {
		longest = max(min(longest, time.Until(next)), least)
	}
	end := time.NewTimer(longest)
	defer end.Stop()
	select {
	case <-ctx.Done():
		return
	case <-time.After(least):
	}
	select {
	case <-ctx.Done():
	case <-end.C:
	case <-f.notices.coming():
	}
}
