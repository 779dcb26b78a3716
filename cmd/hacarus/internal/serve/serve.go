// Package serve runs a stand-in of the service, for programs in any language.
package serve

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/interrupt"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/settings"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// Command is "hacarus serve".
func Command(p *program.Program) *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: p.Text("stand in for the service on this computer"),
		Description: p.Text(`The stand-in trains and inspects by comparing pixels, so its verdicts are its own, not
those of HACARUS CHECK. It prints its base URL once it listens, and ends with Ctrl-C.`) + `

  hacarus serve --addr 127.0.0.1:8080 --client-id line7 --client-secret-file secret.txt`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "addr", Value: "127.0.0.1:8080", Sources: cli.EnvVars("HACARUS_SERVE_ADDR"), Usage: p.Text("`HOST:PORT` to listen on; port 0 is a free one")},
			&cli.StringFlag{Name: "client-id", Value: "hacarus", Sources: cli.EnvVars("HACARUS_CLIENT_ID"), Usage: p.Text("`ID` that clients log in with")},
			&cli.StringFlag{Name: "client-secret-file", TakesFile: true, Sources: cli.EnvVars("HACARUS_CLIENT_SECRET_FILE"),
				Usage: p.Text("`FILE` that holds the secret that clients log in with; or else HACARUS_CLIENT_SECRET")},
			&cli.StringFlag{Name: "data", TakesFile: true, Sources: cli.EnvVars("HACARUS_SERVE_DATA"), Usage: p.Text("`FOLDER` that keeps what the stand-in has (default: in memory)")},
			&cli.DurationFlag{Name: "training-time", Usage: p.Text("`TIME` that a training takes at least, such as 5s")},
			&cli.DurationFlag{Name: "prediction-time", Usage: p.Text("`TIME` that a prediction takes at least, such as 500ms")},
			&cli.BoolFlag{Name: "no-license", Usage: p.Text("begin without a license")},
		},
		Action: func(ctx context.Context, cmd *cli.Command) error { return run(ctx, p, cmd) },
	}
}

func run(ctx context.Context, p *program.Program, cmd *cli.Command) (err error) {
	if err := p.NoArguments(cmd); err != nil {
		return err
	}
	secret, forget, err := secretOf(p, cmd)
	if err != nil {
		return err
	}
	defer forget()
	opts := []hacarustest.Option{
		hacarustest.WithAddr(cmd.String("addr")),
		hacarustest.WithClient(cmd.String("client-id"), secret),
		hacarustest.WithTrainingTime(cmd.Duration("training-time")),
		hacarustest.WithPredictionTime(cmd.Duration("prediction-time")),
	}
	if dir := cmd.String("data"); dir != "" {
		opts = append(opts, hacarustest.WithData(dir))
	}
	if cmd.Bool("no-license") {
		opts = append(opts, hacarustest.WithoutLicense())
	}
	server, err := listen(opts)
	if err != nil {
		return err
	}
	defer server.Close()
	p.Say("This is a stand-in of HACARUS CHECK, for trials: its verdicts are not those of the service.")
	if err := announce(p, server); err != nil {
		return err
	}
	return serve(ctx, server)
}

// listen starts the server. That it cannot is the caller's to tell.
func listen(opts []hacarustest.Option) (server *hacarustest.Server, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = errors.New(strings.TrimPrefix(fmt.Sprint(reason), "hacarustest: "))
		}
	}()
	return hacarustest.NewServer(opts...), nil
}

// announce tells where the server is: a line with nothing but its URL, or JSON.
func announce(p *program.Program, server *hacarustest.Server) error {
	if p.Out.Format() == output.Table {
		return p.Out.Text(server.URL)
	}
	return p.Out.Value(map[string]string{"base_url": server.URL, "client_id": server.ClientID},
		[]output.Column{{Name: "base_url"}, {Name: "client_id"}}, output.Text(server.URL), output.Text(server.ClientID))
}

// serve waits until the program is to end. What was called is not kept: the server
// may run for months.
func serve(ctx context.Context, server *hacarustest.Server) error {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			server.ResetCalls()
		case <-ctx.Done():
			if interrupt.Terminated(ctx) {
				return nil // as it should
			}
			return context.Cause(ctx)
		}
	}
}

// secretOf returns the secret that clients have to know. Where none is given, one
// is made, and written into a file that goes when the program does.
func secretOf(p *program.Program, cmd *cli.Command) (secret string, forget func(), err error) {
	if path := cmd.String("client-secret-file"); path != "" {
		secret, err = settings.ReadSecret(path)
		return secret, func() {}, err
	}
	if secret = p.Getenv("HACARUS_CLIENT_SECRET"); secret != "" {
		return secret, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "hacarus-serve-")
	if err != nil {
		return "", nil, err
	}
	secret, path := rand.Text(), filepath.Join(dir, "secret.txt")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		return "", nil, err
	}
	p.Say("Clients log in as %s, with the secret in %s", cmd.String("client-id"), path)
	return secret, func() { _ = os.RemoveAll(dir) }, nil
}
