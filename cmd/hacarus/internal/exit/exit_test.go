package exit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/interrupt"
)

func TestCode(t *testing.T) {
	t.Parallel()
	running := t.Context()
	interrupted, cancel := context.WithCancelCause(running)
	cancel(&interrupt.Error{Signal: os.Interrupt})
	page := &hacarus.BaseError{StatusCode: 403, Body: []byte("<html>")} // of a proxy
	closed := &fs.PathError{Op: "write", Path: os.Stdout.Name(), Err: syscall.EPIPE}
	for name, test := range map[string]struct {
		ctx  context.Context
		err  error
		want int
	}{
		"nothing":                   {running, nil, Done},
		"anything":                  {running, errors.New("it failed"), Failed},
		"chosen":                    {running, fmt.Errorf("wrapped: %w", With(Incomplete, errors.New("one"))), Incomplete},
		"chosen, without a message": {interrupted, With(NG, nil), NG},
		"interrupted":               {interrupted, context.Canceled, Interrupted},
		"unknown":                   {running, hacarus.ErrOutcomeUnknown, Unknown},
		"unknown when interrupted":  {interrupted, fmt.Errorf("x: %w", hacarus.ErrOutcomeUnknown), Unknown},
		"login":                     {running, &hacarus.BaseError{StatusCode: 401, Errors: hacarus.ErrorDetails{Title: "Unauthorized"}}, Denied},
		"license":                   {running, &hacarus.BaseError{StatusCode: 403, Errors: hacarus.ErrorDetails{Title: "ライセンスが無効です"}}, Denied},
		"a proxy's page":            {running, page, Failed},
		"a pipe that is not read":   {running, fmt.Errorf("x: %w", closed), Unread},
		"and once more":             {running, errors.Join(closed, closed), Unread},
		"more than that":            {running, errors.Join(errors.New("it failed"), closed), Failed},
		"another pipe":              {running, &fs.PathError{Op: "write", Path: "x", Err: syscall.EPIPE}, Failed},
	} {
		require.Equal(t, test.want, Code(test.ctx, test.err), name)
	}
	require.Empty(t, With(NG, nil).Error())
}
