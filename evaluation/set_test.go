package evaluation_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/evaluation"
)

// folder makes empty files below a new folder; names that end with a slash are
// folders.
func folder(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		if strings.HasSuffix(name, "/") {
			require.NoError(t, os.MkdirAll(path, 0o700))
			continue
		}
		require.NoError(t, os.WriteFile(path, nil, 0o600))
	}
	return dir
}

// described is a set as "file" for good images, "file!kind" for bad ones.
func described(t *testing.T, dir string, set evaluation.Set) []string {
	t.Helper()
	var images []string
	for _, image := range set {
		name, err := filepath.Rel(dir, image.File)
		require.NoError(t, err)
		name = filepath.ToSlash(name)
		if image.Bad {
			name += "!" + image.Kind
		}
		images = append(images, name)
	}
	return images
}

func TestReadDir(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ files, want []string }{
		"good and bad": {
			[]string{"good/2.png", "good/10.jpg", "bad/1.png", "train/9.png"},
			[]string{"bad/1.png!", "good/2.png", "good/10.jpg"},
		},
		"OK and NG, with kinds": {
			[]string{"OK/1.png", "OK/night/1.png", "NG/1.png", "NG/dent/1.png", "NG/dent/deep/2.TIF", "NG/notes.txt"},
			[]string{"NG/1.png!", "NG/dent/1.png!dent", "NG/dent/deep/2.TIF!dent", "OK/1.png", "OK/night/1.png"},
		},
		"MVTec": {
			[]string{"license.txt", "train/good/0.png", "ground_truth/cut/0_mask.png", "test/good/0.png", "test/cut/0.png", "test/hole/0.png"},
			[]string{"test/cut/0.png!cut", "test/good/0.png", "test/hole/0.png!hole"},
		},
		"kinds beside good": {
			[]string{"good/0.png", "cut/0.png", ".git/0.png", ".hidden.png", "ground_truth/cut/0.png"},
			[]string{"cut/0.png!cut", "good/0.png"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, c.files...)
			set, err := evaluation.ReadDir(dir)
			require.NoError(t, err)
			require.Equal(t, c.want, described(t, dir, set))
		})
	}
}

func TestReadDirRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		files []string
		want  string
	}{
		{[]string{"good/1.png", "bad/1.png", "scratch/1.png"}, "scratch is neither good nor bad: a kind of defect belongs below bad"},
		{[]string{"good/1.png", "bad/1.png", "loose.png"}, "loose.png lies in no folder that tells whether it is good or bad"},
		{[]string{"cut/1.png", "dent/1.png"}, "cut is neither good nor bad"},
		{[]string{"good/", "bad/notes.txt"}, "no images in "},
		{[]string{"notes.txt"}, "no images in "},
	} {
		_, err := evaluation.ReadDir(folder(t, c.files...))
		require.ErrorContains(t, err, c.want)
	}
	_, err := evaluation.ReadDir(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestReadDirFollowsLinks(t *testing.T) {
	t.Parallel()
	archive, dir := folder(t, "1.png"), folder(t, "bad/1.png")
	if err := os.Symlink(archive, filepath.Join(dir, "good")); err != nil {
		t.Skip("no links here: ", err)
	}
	set, err := evaluation.ReadDir(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"bad/1.png!", "good/1.png"}, described(t, dir, set))
}

func TestReadFolders(t *testing.T) {
	t.Parallel()
	dir := folder(t, "a/1.png", "a/sub/2.png", "b/1.png", "b/dent/1.png")
	set, err := evaluation.ReadFolders(filepath.Join(dir, "a"), filepath.Join(dir, "b"))
	require.NoError(t, err)
	require.Equal(t, []string{"a/1.png", "a/sub/2.png", "b/1.png!", "b/dent/1.png!dent"}, described(t, dir, set))

	_, err = evaluation.ReadFolders(dir, filepath.Join(dir, "b"))
	require.ErrorContains(t, err, "is in the set twice", "bad images below good ones")
	_, err = evaluation.ReadFolders(dir, filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = evaluation.ReadFolders(filepath.Join(dir, "none"), dir)
	require.ErrorIs(t, err, os.ErrNotExist)
}
