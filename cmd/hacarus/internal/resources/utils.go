package resources

import (
	"context"

	"github.com/urfave/cli/v3"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
)

// License is "hacarus license".
func License(p *program.Program) *cli.Command {
	return &cli.Command{
		Name:  "license",
		Usage: p.Text("what the service may do"),
		Commands: []*cli.Command{
			command(p, "install", p.Text("install a license file"), "FILE", installLicense),
			command(p, "machine", p.Text("tell the hash of the service's machine, for which a license is issued"), "", showMachine),
		},
	}
}

func installLicense(ctx context.Context, p *program.Program, cmd *cli.Command, client *hacarus.Client) error {
	license, err := client.SetLicense(ctx, hacarus.FileFromPath(cmd.Args().First()))
	if err != nil {
		return err
	}
	return p.Out.Value(license, []output.Column{{Name: "license_expiry", Title: p.Text("Valid until")}}, output.Text(license.LicenseExpiry))
}

func showMachine(ctx context.Context, p *program.Program, _ *cli.Command, client *hacarus.Client) error {
	hash, err := client.GetHashID(ctx)
	if err != nil {
		return err
	}
	return p.Out.Value(map[string]string{"hash_id": hash}, []output.Column{{Name: "hash_id", Title: p.Text("Machine")}}, output.Text(hash))
}

// Logs is "hacarus logs".
func Logs(p *program.Program) *cli.Command {
	return command(p, "logs", p.Text("save the service's logs as a ZIP file"), "FILE",
		func(ctx context.Context, p *program.Program, cmd *cli.Command, client *hacarus.Client) error {
			return fetch(p, cmd.Args().First(), func() (*hacarus.Download, error) { return client.GetLogs(ctx) })
		})
}
