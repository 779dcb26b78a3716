package line

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/durable"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/folder"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/intake"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
)

// watchFolders takes the images of folders in: a camera may write files instead of
// posting them. They leave their folder once they are accepted.
func (l *process) watchFolders(ctx context.Context) error {
	opts, err := folder.ReadOptions(l.p, l.cmd)
	if err != nil {
		return err
	}
	var inlets []*inlet
	var dirs []string
	for _, pair := range l.cmd.StringSlice("folder") {
		station, dir, ok := strings.Cut(pair, "=")
		if !ok {
			return errors.New(l.p.Text("--folder takes STATION=FOLDER, not %q", pair))
		}
		if err := queue.CheckName("Station", station, true); err != nil {
			return err
		}
		if opts.Dir, err = filepath.Abs(dir); err != nil { // ids have it in them
			return err
		}
		dirs = append(dirs, opts.Dir)
		notices := folder.NewNotices(func(refusal error, every time.Duration) {
			l.log.Info("the system gives no notice of changes", "folder", dir, "error", refusal, "every", every)
		})
		inlets = append(inlets, &inlet{process: l, station: station, dir: dir, folder: folder.New(opts, notices)})
	}
	if err := folder.CheckApart(l.p, slices.DeleteFunc(dirs, isAway)...); err != nil {
		return err
	}
	for _, i := range inlets {
		l.running.Go(func() { i.folder.Watch(ctx, i) })
	}
	return nil
}

// isAway says whether a folder is not there: the share of one camera does not keep the
// line from starting.
func isAway(dir string) bool {
	_, err := os.Stat(dir)
	return errors.Is(err, fs.ErrNotExist)
}

// inlet takes the images of a folder in.
type inlet struct {
	*process
	station, dir string
	folder       *folder.Folder
	refused      bool      // images are, which is told once
	left         []removal // what could not be done, and is tried again
}

// removal is an image that was accepted and is to leave its folder.
type removal struct {
	image *folder.Image
	sum   string
}

// Away implements [folder.Receiver].
func (i *inlet) Away(reason error) {
	if reason == nil {
		i.log.Warn("a folder is there again", "folder", i.dir)
	} else {
		i.log.Warn("a folder cannot be read", "folder", i.dir, "error", reason)
	}
}

// Found implements [folder.Receiver]. Images that are refused for now are found
// again, in their order.
func (i *inlet) Found(ctx context.Context, images []*folder.Image) {
	left := i.left
	i.left = nil
	for _, r := range left {
		_ = i.remove(r) // that it cannot be done has been told
	}
	for n, image := range images {
		err := context.Cause(ctx)
		if err == nil {
			err = i.take(image)
		}
		if err != nil {
			if !i.refused {
				i.log.Warn("images of a folder are not taken in for now", "folder", i.dir, "error", err)
			}
			i.refused = true
			for _, image := range images[n:] {
				i.folder.GiveBack(image)
			}
			return
		}
		i.refused = false
	}
}

// take takes an image in. What is no image stays where it is.
func (i *inlet) take(image *folder.Image) error {
	job, isNew, err := i.accept(image)
	switch {
	case errors.Is(err, folder.ErrReplaced):
		return nil // the next look finds what is there
	case errors.Is(err, intake.ErrNoImage), errors.Is(err, intake.ErrTooLarge):
		i.log.Warn("a file is not taken in", "file", image.Path, "error", err)
		return nil
	case err != nil:
		return err
	}
	i.metrics.accepted(job, isNew)
	if err := i.remove(removal{image, job.SHA256}); err != nil {
		i.log.Warn("an image that was accepted does not leave its folder yet", "file", image.Path, "error", err)
	}
	return nil
}

// accept has the spool accept an image, whose name, time and content are what it is
// known by: after any end of the process, it is accepted once.
func (i *inlet) accept(image *folder.Image) (job queue.Job, isNew bool, err error) {
	if err := i.spool.Room(image.Info.Size()); err != nil {
		return job, false, err
	}
	file, err := image.Open()
	if err != nil {
		return job, false, err
	}
	defer file.Close()
	sum, err := durable.SumOf(file)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return job, false, err
	}
	receive, err := i.spool.Begin(i.incoming(image, sum))
	if err != nil {
		return job, false, err
	}
	defer receive.Abandon()
	if _, err := io.Copy(receive, file); err != nil {
		return job, false, err
	}
	if err := image.Check(); err != nil { // it has been written to meanwhile
		return job, false, err
	}
	return receive.Accept()
}

// incoming is what is known of an image. A lot or a serial number that the line does
// not take is left out, and the record says why.
func (i *inlet) incoming(image *folder.Image, sum string) intake.Incoming {
	in := intake.Incoming{Station: i.station, Lot: image.Lot, Serial: image.Serial, Key: image.ID() + " " + sum, Note: image.Sidecar.Trouble}
	known := func(what, name string) string {
		if err := queue.CheckName(what, name, false); err != nil {
			in.Note = cmp.Or(in.Note, err.Error())
			return ""
		}
		return name
	}
	in.Lot, in.Serial = known("Lot", in.Lot), known("Serial", in.Serial)
	return in
}

// remove removes an image that was accepted, or notes that it is still to be done.
func (i *inlet) remove(r removal) error {
	err := r.do()
	if errors.Is(err, folder.ErrReplaced) {
		i.folder.GiveBack(r.image) // the next one has all but its content
		return nil
	}
	if err != nil {
		i.left = append(i.left, r)
	}
	return err
}

// do removes the sidecar first: an image that is still there is known.
func (r removal) do() error {
	beside, err := r.image.Beside()
	if beside != nil {
		err = beside.Remove(r.image.Sidecar.Sum)
	}
	if err != nil && !errors.Is(err, folder.ErrReplaced) { // it tells of the next image by now
		return err
	}
	return r.image.Remove(r.sum)
}
