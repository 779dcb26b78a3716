package console

import (
	"io"
	"os"

	"golang.org/x/sys/windows"
)

// enableColors has the console act on escape sequences, which it does not by itself.
func enableColors(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	handle := windows.Handle(file.Fd())
	var mode uint32
	if err := windows.GetConsoleMode(handle, &mode); err != nil {
		return false
	}
	return windows.SetConsoleMode(handle, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
