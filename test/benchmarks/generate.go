package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// generate makes a client from the contract with ogen and builds its program.
// The generated files are laid over the folder ogen, and never written there.
func (l *lab) generate(ctx context.Context) (string, error) {
	contract := filepath.Join(l.root, "testdata", "openapi.yaml")
	config := filepath.Join(l.folder, "ogen.yml")
	if err := os.WriteFile(config, []byte(ogenConfig), 0o600); err != nil {
		return "", err
	}
	target := filepath.Join(l.folder, "generated")
	if _, err := output(ctx, l.module(), "tool", "ogen", "--config", config, "--target", target, "--package", "main", contract); err != nil {
		return "", err
	}
	overlay, err := l.overlay(target, filepath.Join(l.module(), "ogen"))
	if err != nil {
		return "", err
	}
	program := filepath.Join(l.folder, "ogen.exe")
	_, err = output(ctx, l.module(), "build", "-tags", "ogen", "-overlay", overlay, "-o", program, "./ogen")
	return program, err
}

// ogenConfig asks for the client alone, and for none of what costs time in it.
const ogenConfig = `
generator:
  ignore_not_implemented: [all]
  features:
    disable_all: true
    enable: [paths/client]
`

// overlay tells the go command to see the files of one folder in another.
func (l *lab) overlay(from, to string) (string, error) {
	generated, err := filepath.Glob(filepath.Join(from, "*.go"))
	if err != nil {
		return "", err
	}
	if len(generated) == 0 {
		return "", fmt.Errorf("ogen left nothing in %s", from)
	}
	replace := map[string]string{}
	for _, path := range generated {
		replace[filepath.Join(to, filepath.Base(path))] = path
	}
	raw, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(l.folder, "overlay.json")
	return path, os.WriteFile(path, raw, 0o600)
}
