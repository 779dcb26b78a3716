package queue

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// bucket is where images are that go from one machine to another. They travel in
// pieces: a message of the queue has at most one MiB.
const bucket = "hacarus-images"

func (q *Queue) images(ctx context.Context) (jetstream.ObjectStore, error) {
	store, err := q.js.ObjectStore(ctx, bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return q.js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: bucket, Replicas: max(q.opts.Replicas, 1)})
	}
	return store, err
}

// PutImage puts an image into the queue. One that is there is replaced.
func (q *Queue) PutImage(ctx context.Context, id string, image io.Reader) error {
	store, err := q.images(ctx)
	if err != nil {
		return err
	}
	_, err = store.Put(ctx, jetstream.ObjectMeta{Name: id}, image)
	return err
}

// Times of images that come from the queue.
const (
	imageTime = 10 * time.Second // that one may take
	lagTime   = 2 * time.Second  // that the node that responds may lag behind
)

// OpenImage opens an image in the queue; fs.ErrNotExist if it is not there. While
// the queue is away, it waits.
func (q *Queue) OpenImage(ctx context.Context, id string) (io.ReadCloser, error) {
	for deadline := time.Now().Add(lagTime); ; {
		image, err := q.openImage(ctx, id)
		if err == nil || errors.Is(err, fs.ErrNotExist) && time.Now().After(deadline) {
			return image, err
		}
		if !pause(ctx, 50*time.Millisecond) {
			return nil, &fs.PathError{Op: "open", Path: id, Err: errors.Join(context.Cause(ctx), err)}
		}
	}
}

func (q *Queue) openImage(ctx context.Context, id string) (io.ReadCloser, error) {
	ctx, cancel := context.WithTimeout(ctx, imageTime)
	store, err := q.images(ctx)
	if err == nil {
		var image io.ReadCloser
		if image, err = store.Get(ctx, id); err == nil {
			return &openedImage{image, id, cancel}, nil
		}
	}
	cancel()
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		err = &fs.PathError{Op: "open", Path: id, Err: fs.ErrNotExist}
	}
	return nil, err
}

// openedImage is an image that comes from the queue.
type openedImage struct {
	io.ReadCloser
	id     string
	cancel func()
}

// Read fails as for a file, which may be read another time: what breaks off is not
// the image's fault.
func (i *openedImage) Read(b []byte) (int, error) {
	n, err := i.ReadCloser.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &fs.PathError{Op: "read", Path: i.id, Err: err}
	}
	return n, err
}

func (i *openedImage) Close() error {
	defer i.cancel()
	return i.ReadCloser.Close()
}

// RemoveImage removes an image from the queue, if it is there.
func (q *Queue) RemoveImage(ctx context.Context, id string) error {
	store, err := q.images(ctx)
	if err != nil {
		return err
	}
	if err := store.Delete(ctx, id); !errors.Is(err, jetstream.ErrObjectNotFound) {
		return err
	}
	return nil
}
