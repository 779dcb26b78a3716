package program

import (
	"errors"

	"github.com/urfave/cli/v3"
)

// NoArguments refuses the arguments of a command that takes none.
func (p *Program) NoArguments(cmd *cli.Command) error {
	if !cmd.Args().Present() {
		return nil
	}
	return errors.New(p.Text("%s takes no argument, and there is %q", cmd.FullName(), cmd.Args().First()))
}

// Missing is the error of a flag that a command needs and that is not there.
func (p *Program) Missing(flag string) error { return errors.New(p.Text("--%s is missing", flag)) }
