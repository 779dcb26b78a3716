// Command hacarus is HACARUS CHECK for people at the line and in support: it
// checks an account, trains models, has them inspect images, and stands in for
// the service where there is none.
//
//	go run ./cmd/hacarus demo
//
// shows the whole of it without an account. docs/program.md explains it.
package main

import (
	"os"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/cli"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/interrupt"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
)

// version is set when a release is built.
var version = ""

func main() {
	p := program.New(os.Args[1:], version)
	ctx, stop := interrupt.Context(func(signal os.Signal) {
		if signal == os.Interrupt {
			p.Say("Ending in order. Ctrl-C once more ends at once.")
			return
		}
		p.Say("Ending in order, because of a signal: %v. Another one ends at once.", signal)
	})
	code := cli.Run(ctx, p)
	stop()
	os.Exit(code)
}
