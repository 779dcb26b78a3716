//go:build !windows

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// Twenty bad images of which none escapes leave open that up to 13.9 % do, and the
// program says so in either language.
func TestEvaluateTwentyBadImages(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "images are compared for long, and TestSweepInterrupted does the same")
	s, _, set, _ := coarse(t)
	content, err := os.ReadFile(filepath.Join("..", "..", "testdata", "plates", "inspect", "NG-03-dent.jpg"))
	require.NoError(t, err)
	twenty := t.TempDir()
	for i := range 20 {
		require.NoError(t, os.WriteFile(filepath.Join(twenty, fmt.Sprintf("%d.jpg", i)), content, 0o600))
	}
	train := prepared(t, s, "train", "--algorithm", "PM", "--name", "plates", filepath.Join("..", "..", "testdata", "plates", "train"))
	require.NoError(t, train.Run(), train.stderr.String())
	for language, want := range map[string][]string{
		"en": {"0 of 20 = 0.0 % (95 %: 0.0 % to 16.8 %)", "Up to 13.9 % of the bad products may still escape (one-sided, 95 %)."},
		"ja": {"0 / 20 = 0.0 %(95 %: 0.0 % ～ 16.8 %)", "不良品の最大 13.9 % が見逃される可能性があります(片側、95 %)。"},
	} {
		p := prepared(t, s, "--lang", language, "evaluate", "--model", "active", "--good", filepath.Join(set, "good"), "--bad", twenty)
		require.NoError(t, p.Run(), p.stderr.String())
		for _, text := range want {
			require.Contains(t, p.stdout.String(), text)
		}
	}
}
