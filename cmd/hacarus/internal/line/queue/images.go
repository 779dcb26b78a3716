package queue

import (
	"context"
	"errors"
	"io"
	"io/fs"

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

// OpenImage opens an image in the queue; fs.ErrNotExist if it is not there.
func (q *Queue) OpenImage(ctx context.Context, id string) (io.ReadCloser, error) {
	store, err := q.images(ctx)
	if err != nil {
		return nil, err
	}
	image, err := store.Get(ctx, id)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil, &fs.PathError{Op: "open", Path: id, Err: fs.ErrNotExist}
	}
	return image, err
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
