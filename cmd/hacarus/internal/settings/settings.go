// Package settings finds out which service the program talks to, and with which
// credentials: flags win over the environment, and that over profiles.
package settings

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"strings"

	"github.com/urfave/cli/v3"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
)

// The environment variables. The first three are those of the SDK.
const (
	baseURLVariable      = "HACARUS_BASE_URL"
	clientIDVariable     = "HACARUS_CLIENT_ID"
	secretVariable       = "HACARUS_CLIENT_SECRET"
	secretFileVariable   = "HACARUS_CLIENT_SECRET_FILE"
	profileVariable      = "HACARUS_PROFILE"
	caFileVariable       = "HACARUS_CA_FILE"
	insecureHTTPVariable = "HACARUS_INSECURE_HTTP"
)

// Flags are those of a command that talks to the service. No secret is among
// them: the command line of a process is for all to see.
func Flags(p *program.Program) []cli.Flag {
	category := p.Text("Connection")
	return []cli.Flag{
		&cli.StringFlag{Name: "base-url", Category: category, Sources: cli.EnvVars(baseURLVariable), Usage: p.Text("`URL` of the service")},
		&cli.StringFlag{Name: "client-id", Category: category, Sources: cli.EnvVars(clientIDVariable), Usage: p.Text("`ID` to log in with")},
		&cli.StringFlag{Name: "client-secret-file", Category: category, Sources: cli.EnvVars(secretFileVariable), TakesFile: true,
			Usage: p.Text("`FILE` that holds the secret to log in with; or else %s", secretVariable)},
		&cli.StringFlag{Name: "profile", Category: category, Sources: cli.EnvVars(profileVariable), Usage: p.Text("`NAME` of a service in the file of profiles")},
		&cli.StringFlag{Name: "ca-file", Category: category, Sources: cli.EnvVars(caFileVariable), TakesFile: true,
			Usage: p.Text("`FILE` of certificates to trust besides the system's")},
		&cli.BoolFlag{Name: "insecure-http", Category: category, Sources: cli.EnvVars(insecureHTTPVariable),
			Usage: p.Text("allow http without encryption to another computer")},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Category: category, Usage: p.Text("tell of each request on stderr")},
	}
}

// Settings are where the service is, and how to reach it.
type Settings struct {
	Profile      string // "" for none
	BaseURL      string
	ClientID     string
	CAFile       string
	InsecureHTTP bool
	Origins      map[string]string // which flag, variable or profile each came from

	secret  string
	verbose bool
}

// Given are the flags of the connection as they were given, for a command that
// reaches the same service. No secret is among them.
func Given(cmd *cli.Command) (flags []string) {
	for _, name := range []string{"profile", "base-url", "client-id", "client-secret-file", "ca-file"} {
		if value := cmd.String(name); value != "" {
			flags = append(flags, "--"+name, quoted(value))
		}
	}
	if cmd.Bool("insecure-http") {
		flags = append(flags, "--insecure-http")
	}
	return flags
}

// quoted is a value for a shell, in quotes where it needs them.
func quoted(value string) string {
	if strings.ContainsAny(value, " \t'\"$&|<>();*?") {
		return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
	}
	return value
}

// String names the service, and no secret.
func (s Settings) String() string { return s.BaseURL }

// HasSecret says whether there is one.
func (s Settings) HasSecret() bool { return s.secret != "" }

// Resolve puts the settings together. What is missing is not its concern.
func Resolve(ctx context.Context, p *program.Program, cmd *cli.Command) (Settings, error) {
	s := Settings{Origins: map[string]string{}, verbose: cmd.Bool("verbose")}
	name, chosen, err := readProfile(cmd.String("profile"))
	if err != nil {
		return s, err
	}
	s.Profile = name
	s.BaseURL = s.first(p, cmd, "base-url", baseURLVariable, chosen.BaseURL)
	s.ClientID = s.first(p, cmd, "client-id", clientIDVariable, chosen.ClientID)
	s.CAFile = s.first(p, cmd, "ca-file", caFileVariable, chosen.CAFile)
	s.InsecureHTTP = cmd.Bool("insecure-http") || chosen.InsecureHTTP && !cmd.IsSet("insecure-http")
	s.secret, err = s.findSecret(ctx, p, cmd, chosen)
	return s, err
}

// first returns the value of a flag, its variable or else the profile, and
// remembers which.
func (s *Settings) first(p *program.Program, cmd *cli.Command, flag, variable, fallback string) string {
	value := cmd.String(flag)
	switch {
	case value == "" && fallback == "":
		return ""
	case value == "":
		s.Origins[flag] = p.Text("profile %s", s.Profile)
		return fallback
	case value == p.Getenv(variable):
		s.Origins[flag] = variable
	default:
		s.Origins[flag] = "--" + flag
	}
	if fallback != "" && fallback != value {
		p.Warn("%s takes the place of what profile %s says.", s.Origins[flag], s.Profile)
	}
	return value
}

// findSecret returns the secret: from the file of the flag, from the
// environment, or from the profile.
func (s *Settings) findSecret(ctx context.Context, p *program.Program, cmd *cli.Command, chosen profile) (string, error) {
	const flag = "client-secret"
	fromFlag := cmd.String("client-secret-file") != "" && cmd.String("client-secret-file") != p.Getenv(secretFileVariable)
	if secret := p.Getenv(secretVariable); secret != "" && !fromFlag {
		s.Origins[flag] = secretVariable
		return secret, nil
	}
	if path := cmd.String("client-secret-file"); path != "" {
		s.Origins[flag] = path
		return ReadSecret(path)
	}
	secret, err := chosen.secret(ctx, s.Profile)
	if secret != "" {
		s.Origins[flag] = p.Text("profile %s", s.Profile)
	}
	return secret, err
}

// ReadSecret reads a secret from a file, whose last line may have an end.
func ReadSecret(path string) (string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	secret := trimLine(string(raw))
	if strings.TrimSpace(secret) == "" {
		return "", language.Errorf("%s holds no secret", path)
	}
	return secret, nil
}

// Missing names what there is no value for, by the variables that take it.
func (s Settings) Missing() (names []string) {
	for _, setting := range []struct{ name, value string }{
		{baseURLVariable, s.BaseURL}, {clientIDVariable, s.ClientID}, {secretVariable, s.secret},
	} {
		if setting.value == "" {
			names = append(names, setting.name)
		}
	}
	return names
}

// Connect returns a client of the service that the settings name. Close it.
func Connect(ctx context.Context, p *program.Program, cmd *cli.Command, more ...hacarus.Option) (*hacarus.Client, error) {
	s, err := Resolve(ctx, p, cmd)
	if err != nil {
		return nil, err
	}
	return s.Client(p, more...)
}

// Client returns a client with the settings. Close it.
func (s Settings) Client(p *program.Program, more ...hacarus.Option) (*hacarus.Client, error) {
	if missing := s.Missing(); len(missing) > 0 {
		path, err := ProfilesPath()
		if err != nil {
			path = "profiles.json"
		}
		return nil, errors.New(p.Text("Which service? Set %s, or write a profile into %s.", strings.Join(missing, ", "), path))
	}
	opts := []hacarus.Option{
		hacarus.WithCredentials(s.ClientID, s.secret),
		hacarus.WithLanguage(p.Language()),
		hacarus.WithUserAgent(strings.TrimSuffix("hacarus/"+p.Version, "/")),
	}
	if s.InsecureHTTP {
		opts = append(opts, hacarus.WithInsecureHTTP())
	}
	if s.CAFile != "" {
		pool, err := Trusted(s.CAFile)
		if err != nil {
			return nil, err
		}
		opts = append(opts, hacarus.WithRootCAs(pool))
	}
	if s.verbose {
		opts = append(opts, hacarus.WithLogger(slog.New(slog.NewTextHandler(p.Console, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	}
	client, err := hacarus.New(s.BaseURL, append(opts, more...)...)
	if err != nil && strings.Contains(err.Error(), "WithInsecureHTTP") { // the option of the SDK, which nobody knows here
		return nil, language.Errorf("%s is not encrypted; --insecure-http allows that", s.BaseURL)
	}
	return client, err
}

// Trusted returns the system's certificate authorities, and those of a file.
func Trusted(path string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if !pool.AppendCertsFromPEM(raw) {
		return nil, language.Errorf("%s holds no certificate in PEM form", path)
	}
	return pool, nil
}
