package hacarus

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// folderOf makes a folder of files with these names.
func folderOf(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600))
	}
	return dir
}

func namesOf(files []File) []string {
	names := []string{}
	for _, f := range files {
		names = append(names, f.Name)
	}
	return names
}

func TestFilesFromDir(t *testing.T) {
	t.Parallel()
	all := []string{
		"plate-10.png", "plate-2.png", "plate-1.JPG", "検査 3.tiff", "b.jpeg", "a.tif", "[7].png", "plate-2.bmp",
		"notes.txt", "Thumbs.db", "png", ".hidden.png", "._plate-2.png", ".png",
	}
	for name, test := range map[string]struct {
		patterns []string
		want     []string
	}{
		"images":           {nil, []string{"[7].png", "a.tif", "b.jpeg", "plate-1.JPG", "plate-2.png", "plate-10.png", "検査 3.tiff"}},
		"a pattern":        {[]string{"plate-*.png"}, []string{"plate-2.png", "plate-10.png"}},
		"several patterns": {[]string{"*.bmp", "plate-2.*", "*.txt"}, []string{"notes.txt", "plate-2.bmp", "plate-2.png"}},
		"all":              {[]string{"*"}, []string{"Thumbs.db", "[7].png", "a.tif", "b.jpeg", "notes.txt", "plate-1.JPG", "plate-2.bmp", "plate-2.png", "plate-10.png", "png", "検査 3.tiff"}},
		"dot files":        {[]string{".*"}, []string{}},
		"nothing":          {[]string{"*.gif"}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, err := FilesFromDir(folderOf(t, all...), test.patterns...)
			require.NoError(t, err)
			require.NotNil(t, files)
			require.Equal(t, test.want, namesOf(files))
		})
	}
	t.Run("content", func(t *testing.T) {
		t.Parallel()
		files, err := FilesFromDir(folderOf(t, "b.png", "a.png"))
		require.NoError(t, err)
		content, err := files[1].Open()
		require.NoError(t, err)
		defer content.Close()
		raw, err := io.ReadAll(content)
		require.NoError(t, err)
		require.Equal(t, "b.png", string(raw))
	})
}

// TestFilesFromDirAreRegular: folders are not looked into, however they are named,
// and links count as what they lead to.
func TestFilesFromDirAreRegular(t *testing.T) {
	t.Parallel()
	dir, elsewhere := folderOf(t, "a.png"), folderOf(t, "b.png")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder.png"), 0o700))
	for link, target := range map[string]string{
		"link.png": filepath.Join(elsewhere, "b.png"), "tofolder.png": elsewhere, "nowhere.png": filepath.Join(elsewhere, "none"),
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Skip("no links here:", err)
		}
	}
	files, err := FilesFromDir(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"a.png", "link.png"}, namesOf(files))
}

func TestFilesFromDirRefuses(t *testing.T) {
	t.Parallel()
	dir := folderOf(t, "a.png")
	for name, test := range map[string]struct {
		dir     string
		pattern string
		cause   error
	}{
		"a missing folder":        {filepath.Join(dir, "none"), "*", fs.ErrNotExist},
		"no folder":               {"", "*", fs.ErrNotExist},
		"a file":                  {filepath.Join(dir, "a.png"), "*", nil},
		"a malformed pattern":     {dir, "[", filepath.ErrBadPattern},
		"one that ends too early": {dir, "a.png[", filepath.ErrBadPattern},
		"a path as pattern":       {dir, "sub/*.png", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, err := FilesFromDir(test.dir, "*.png", test.pattern)
			require.ErrorIs(t, err, ErrInvalidArgument)
			if test.cause != nil {
				require.ErrorIs(t, err, test.cause)
			}
			require.Nil(t, files)
		})
	}
}

// TestNaturalOrder: the order of people who count, and the same whatever the
// order of the folder was.
func TestNaturalOrder(t *testing.T) {
	t.Parallel()
	for _, want := range [][]string{
		{"plate-1", "plate-2", "plate-10", "plate-100"},
		{"01", "1", "02", "2", "010", "10"},
		{"a", "a1", "a1b", "a1b2", "a1b10", "a2", "b"},
		{"", "0", "00", "1.png", "9", "12345678901234567890123", "12345678901234567890124", "a"},
		{"2024-01-02_9.png", "2024-01-02_10.png", "2024-02-01_1.png", "2024-10-01_1.png"},
		{"検査2.png", "検査10.png"},
		{"1a", "1b", "a"},
	} {
		sorted := slices.Clone(want)
		slices.Sort(sorted)
		slices.Reverse(sorted)
		slices.SortFunc(sorted, compareNatural)
		for i, a := range want {
			for j, b := range want {
				require.Equal(t, sign(i-j), sign(compareNatural(a, b)), "%q, %q", a, b)
			}
		}
		require.Equal(t, want, sorted)
	}
}

func sign(n int) int { return min(max(n, -1), 1) }
