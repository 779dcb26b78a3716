package line

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"strconv"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/inspector"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/page"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/verdicts"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
)

func statusCommand(p *program.Program) *cli.Command {
	return &cli.Command{
		Name: "status", Usage: p.Text("tell how the stations are"), Flags: queueFlags(p),
		Action: func(ctx context.Context, cmd *cli.Command) error { return runStatus(ctx, p, cmd) },
	}
}

// stationStatus is how a station is, for programs.
type stationStatus struct {
	Station  string            `json:"station"`
	Waiting  int               `json:"waiting"`
	Oldest   float64           `json:"oldest_seconds"` // 0 if none waits
	LastSeen *time.Time        `json:"last_seen"`
	Service  string            `json:"service"`           // "ok", or why it is away
	Trouble  inspector.Trouble `json:"trouble,omitempty"` // of what kind that is
	Lost     bool              `json:"lost"`
}

func statusOf(ctx context.Context, feed verdicts.Feed) ([]page.Station, error) {
	return feed.Stations(ctx)
}

func runStatus(ctx context.Context, p *program.Program, cmd *cli.Command) error {
	r, err := openReader(ctx, p, cmd)
	if err != nil {
		return err
	}
	defer r.close()
	stations, err := r.stations(ctx)
	if err != nil {
		return err
	}
	list := p.Out.List([]output.Column{
		{Name: "station", Title: p.Text("Station")}, {Name: "waiting", Title: p.Text("Waiting"), Right: true}, {Name: "oldest_seconds", Title: p.Text("Oldest"), Right: true},
		{Name: "last_seen", Title: p.Text("Last seen")}, {Name: "service", Title: p.Text("Service")},
	})
	for _, s := range stations {
		status := stationStatus{Station: s.Name, Waiting: s.Waiting, Service: s.Service, Trouble: s.Trouble, Lost: s.Lost}
		if status.Service == "" {
			status.Service = "ok"
		}
		if !s.Oldest.IsZero() {
			status.Oldest = time.Since(s.Oldest).Round(time.Millisecond).Seconds()
		}
		seen := ""
		if !s.LastSeen.IsZero() {
			status.LastSeen = &s.LastSeen
			seen = s.LastSeen.Local().Format(time.DateTime)
		}
		if err := list.Add(status, output.Text(s.Name), output.Number(strconv.Itoa(s.Waiting)),
			output.Number(strconv.FormatFloat(status.Oldest, 'f', 1, 64)), output.Text(seen), output.Text(status.Service)); err != nil {
			return err
		}
	}
	return list.Close()
}

// nameIn returns a name that a certificate is for.
func nameIn(raw []byte) string {
	block, _ := pem.Decode(raw)
	if block == nil {
		return ""
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	switch {
	case err != nil:
		return ""
	case len(certificate.DNSNames) > 0:
		return certificate.DNSNames[0]
	case len(certificate.IPAddresses) > 0:
		return certificate.IPAddresses[0].String()
	}
	return ""
}
