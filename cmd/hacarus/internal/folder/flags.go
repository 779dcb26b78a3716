package folder

import (
	"errors"
	"os"
	"regexp"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
)

// Flags are those of commands that watch folders.
func Flags(p *program.Program, category string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "name-pattern", Category: category, Usage: p.Text("`REGEXP` of names whose groups lot and serial go into the record")},
		&cli.StringFlag{Name: "sidecar", Category: category, Sources: cli.EnvVars("HACARUS_SIDECAR"), Usage: p.Text("`FORM` of a file beside each image with lot and serial: json")},
		&cli.DurationFlag{Name: "sidecar-wait", Category: category, Value: 10 * time.Second, Usage: p.Text("`TIME` that an image waits for its sidecar")},
		&cli.DurationFlag{Name: "every", Category: category, Value: time.Second, Usage: p.Text("`TIME` between two looks into the folder")},
		&cli.DurationFlag{Name: "settle", Category: category, Value: 2 * time.Second, Usage: p.Text("`TIME` without a change after which an image is whole")},
	}
}

// ReadOptions reads the flags, all but the folder.
func ReadOptions(p *program.Program, cmd *cli.Command) (opts Options, err error) {
	opts = Options{Every: cmd.Duration("every"), Settle: cmd.Duration("settle")}
	wait := cmd.Duration("sidecar-wait")
	if opts.Every <= 0 || opts.Settle < 0 || wait <= 0 {
		return opts, errors.New(p.Text("--every, --settle and --sidecar-wait take times above zero"))
	}
	switch cmd.String("sidecar") {
	case "":
	case "json":
		opts.SidecarWait = wait
	default:
		return opts, errors.New(p.Text("--sidecar takes json"))
	}
	if pattern := cmd.String("name-pattern"); pattern != "" {
		opts.Names, err = regexp.Compile(pattern)
	}
	return opts, err
}

// CheckApart refuses folders that are one and the same, whatever their names are.
func CheckApart(p *program.Program, paths ...string) error {
	var infos []os.FileInfo
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return errors.New(p.Text("%s is not a folder", path))
		}
		for n, other := range infos {
			if os.SameFile(info, other) {
				return errors.New(p.Text("%s and %s are the same folder", paths[n], path))
			}
		}
		infos = append(infos, info)
	}
	return nil
}
