//go:build !unix

package journal

import "os"

// makePipe makes something else than a file: there are no pipes in folders here.
func makePipe(path string) error { return os.Mkdir(path, 0o700) }
