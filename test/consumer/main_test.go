package main

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

func TestInspect(t *testing.T) {
	t.Parallel()
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "plates", Status: hacarus.ModelStatusActive, Active: true})
	path := filepath.Join(t.TempDir(), "plate.png")
	var content bytes.Buffer
	if err := png.Encode(&content, image.NewGray(image.Rect(0, 0, 64, 64))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}

	var out strings.Builder
	if err := inspect(t.Context(), server.Client(), &out, path, path+".missing"); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, path+": OK\n") || !strings.Contains(got, path+".missing: ") {
		t.Errorf("inspect printed %q", got)
	}
	if n := server.Executions("addItem"); n != 1 {
		t.Errorf("%d uploads", n)
	}
}
