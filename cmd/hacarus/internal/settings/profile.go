package settings

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
)

// profile is a service with what it takes to reach it, under a name.
type profile struct {
	BaseURL           string   `json:"base_url"`
	ClientID          string   `json:"client_id"`
	ClientSecret      string   `json:"client_secret"`
	CredentialCommand []string `json:"credential_command"` // prints the secret
	CAFile            string   `json:"ca_file"`
	InsecureHTTP      bool     `json:"insecure_http"`
}

// profiles is the file of them.
type profiles struct {
	Default  string             `json:"default"`
	Profiles map[string]profile `json:"profiles"`
}

// ProfilesPath is where the profiles are.
func ProfilesPath() (string, error) {
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, "hacarus", "profiles.json"), err
}

// readProfile returns the profile of a name, or with "" the default one. It is
// empty where no profile is asked for and there is none.
func readProfile(name string) (chosen string, p profile, err error) {
	path, err := ProfilesPath()
	if err == nil {
		var all profiles
		if all, err = readProfiles(path); err == nil {
			return all.choose(path, name)
		}
	}
	if name == "" && (errors.Is(err, fs.ErrNotExist) || path == "") {
		return "", profile{}, nil
	}
	return "", profile{}, err
}

func readProfiles(path string) (all profiles, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return all, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return all, language.Errorf("%s is open to others: chmod 600 it", path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return all, err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&all); err != nil {
		return all, language.Errorf("%s: %v", path, err) // of its form; no value of the file is in it
	}
	return all, nil
}

func (all profiles) choose(path, name string) (string, profile, error) {
	if name == "" {
		name = all.Default
	}
	if name == "" {
		return "", profile{}, nil
	}
	p, ok := all.Profiles[name]
	if !ok {
		known := make([]string, 0, len(all.Profiles))
		for k := range all.Profiles {
			known = append(known, k)
		}
		slices.Sort(known)
		return "", profile{}, language.Errorf("%s has no profile %q; it has %q", path, name, known)
	}
	return name, p, nil
}

// secret returns the secret of a profile, from the file or from a secret store.
func (p profile) secret(ctx context.Context, name string) (string, error) {
	if len(p.CredentialCommand) == 0 {
		return p.ClientSecret, nil
	}
	if p.ClientSecret != "" {
		return "", language.Errorf("profile %q has both a client_secret and a credential_command", name)
	}
	command := exec.CommandContext(ctx, p.CredentialCommand[0], p.CredentialCommand[1:]...) //nolint:gosec // the user's own
	command.Stdin, command.Stderr = os.Stdin, os.Stderr                                     // it may ask for a passphrase
	out, err := command.Output()
	if err != nil {
		return "", language.Errorf("credential_command of profile %q: %v", name, err)
	}
	return trimLine(string(out)), nil
}

// trimLine takes off the end of the line that editors and programs write.
func trimLine(text string) string {
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
}
