package hacarus

import (
	"context"
	"io"
	"io/fs"
	"os"
)

// attended returns the file with an Open that takes no longer than the context
// lasts.
func (f File) attended(ctx context.Context) File {
	open := f.Open
	f.Open = func() (io.ReadCloser, error) {
		content, err := within(ctx, open)
		if err != nil {
			return nil, err
		}
		if file, ok := content.(*os.File); ok {
			if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
				return file, nil // a disk does not keep anybody waiting
			}
		}
		attended := attendedContent{ctx: ctx, content: content}
		if file, ok := content.(fs.File); ok {
			return &attendedFile{attended, file}, nil
		}
		return &attended, nil
	}
	return f
}

// attendedContent is content whose reads end with the context, even where they
// never return.
type attendedContent struct {
	ctx     context.Context //nolint:containedctx // an io.Reader has none
	content io.ReadCloser
	buffer  []byte
	pending chan struct{} // closed when a read has returned for which nobody waited; nil: there is none
}

func (c *attendedContent) Read(p []byte) (int, error) {
	if c.pending != nil {
		return 0, contextError(c.ctx, nil)
	}
	if len(c.buffer) < len(p) {
		c.buffer = make([]byte, len(p))
	}
	returned := make(chan struct{})
	n, err := within(c.ctx, func() (int, error) {
		defer close(returned)
		return c.content.Read(c.buffer[:len(p)])
	})
	select {
	case <-returned:
		return copy(p, c.buffer[:min(max(n, 0), len(p))]), err
	default:
		c.pending = returned
		return 0, err
	}
}

// Close closes the content once it is not being read any more.
func (c *attendedContent) Close() error {
	if c.pending != nil {
		go func() {
			<-c.pending
			_, _ = within(c.ctx, func() (struct{}, error) { return struct{}{}, c.content.Close() })
		}()
		return nil
	}
	_, err := within(c.ctx, func() (struct{}, error) { return struct{}{}, c.content.Close() })
	return err
}

// attendedFile is attended content that shows whether it has changed.
type attendedFile struct {
	attendedContent
	file fs.File
}

func (f *attendedFile) Stat() (fs.FileInfo, error) { return f.file.Stat() }
