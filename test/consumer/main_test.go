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
	"github.com/hacarus/hacarus-check-go/evaluation"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/overlay"
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

// What judges and draws verdicts needs neither a client nor a service.
func TestJudgeAndDraw(t *testing.T) {
	t.Parallel()
	set := evaluation.Set{{File: "good.png"}, {File: "bad.png", Bad: true}}
	report, err := evaluation.Evaluate(set, []evaluation.Result{
		{File: "good.png", Verdict: hacarus.VerdictOK},
		{File: "bad.png", Verdict: hacarus.VerdictOK},
	})
	if err != nil {
		t.Fatal(err)
	}
	if escapes := report.Escapes(); len(escapes) != 1 || escapes[0].File != "bad.png" {
		t.Errorf("escaped: %v", escapes)
	}
	picture := image.NewGray(image.Rect(0, 0, 64, 48))
	if marked := overlay.Draw(picture, overlay.Findings{Verdict: hacarus.VerdictNG}); marked.Bounds() != picture.Bounds() {
		t.Errorf("drawn on %v", marked.Bounds())
	}
}
