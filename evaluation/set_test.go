package evaluation_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
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

func TestReadCSV(t *testing.T) {
	t.Parallel()
	want := []string{"a 1.png", "sub/b.png!dent", "c.png!", "../d.png"}
	for name, table := range map[string]string{
		"commas":            "file,label,kind\na 1.png,good,\nsub/b.png,bad,dent\nc.png,NG,\n../d.png,OK,\n",
		"of a spreadsheet":  "\ufeffFile;Label;Kind\r\n\"a 1.png\";GOOD;\r\nsub/b.png;Bad;dent\r\nc.png;ng;\r\n./../d.png;ok;\r\n",
		"tabs, other order": "kind\tby\tlabel\tfile\n\tAoi\tgood\ta 1.png\ndent\tAoi\tbad\tsub/b.png\n\tAoi\tbad\tc.png\n\tAoi\tgood\t../d.png\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "labels.csv")
			require.NoError(t, os.WriteFile(path, []byte(table), 0o600))
			set, err := evaluation.ReadCSV(path)
			require.NoError(t, err)
			require.Equal(t, want, described(t, filepath.Dir(path), set))
		})
	}
}

func TestReadCSVWithoutKinds(t *testing.T) {
	t.Parallel()
	elsewhere := filepath.Join(t.TempDir(), "1.png")
	path := filepath.Join(t.TempDir(), "labels.csv")
	require.NoError(t, os.WriteFile(path, []byte("file,label\n"+elsewhere+",bad\n"), 0o600))
	set, err := evaluation.ReadCSV(path)
	require.NoError(t, err)
	require.Equal(t, evaluation.Set{{File: elsewhere, Bad: true}}, set)
}

func TestReadCSVRefuses(t *testing.T) {
	t.Parallel()
	for table, want := range map[string]string{
		"":                                   "labels.csv: it is empty",
		"name,label\na,good\n":               `the first line names the columns ["name" "label"], it needs "file" and "label"`,
		"file,label\n":                       "no images in",
		"file,label\na.png,fine\n":           `line 2: the label "fine" is none of good, OK, bad and NG`,
		"file,label\na,good\n\nb,\n":         `line 4: the label "" is none of good, OK, bad and NG`,
		"file,label\n ,good\n":               "line 2: an image without a name",
		"file,label,kind\na,good,dent\n":     `line 2: "a" is good, and has a defect of the kind "dent"`,
		"file,label\na,good\n./a,bad\n":      "is in the set twice",
		"file,label\na\n":                    "wrong number of fields",
		"file,label\n\"a,good\n":             `extraneous or missing " in quoted-field`,
		"file,label\n\x8f\xad.png,good\n":    "this is not UTF-8: save the table as CSV UTF-8",
		"\xff\xfef\x00i\x00l\x00e\x00,\x00l": "this is not UTF-8",
	} {
		path := filepath.Join(t.TempDir(), "labels.csv")
		require.NoError(t, os.WriteFile(path, []byte(table), 0o600))
		_, err := evaluation.ReadCSV(path)
		require.ErrorContains(t, err, want)
	}
	_, err := evaluation.ReadCSV(filepath.Join(t.TempDir(), "none.csv"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// What Inspect is given and what comes back are the same images, whatever the
// inspection calls them.
func TestResultOf(t *testing.T) {
	t.Parallel()
	set := evaluation.Set{{File: "good/1.png"}, {File: "bad/1.png", Bad: true, Kind: "dent"}}
	files := set.Files()
	require.Equal(t, []string{"1.png", "1.png"}, []string{files[0].Name, files[1].Name})

	item := &hacarus.Item{Assessments: []hacarus.Assessment{{Label: hacarus.LabelNG, AnomalyScore: "0.75"}}}
	outcome := &hacarus.Inspection{File: "1.png", Tag: files[1].Tag, Item: item, Verdict: hacarus.VerdictNG}
	require.Equal(t, evaluation.Result{File: "bad/1.png", Repeat: 2, Verdict: hacarus.VerdictNG, Score: new(0.75)}, evaluation.ResultOf(outcome, 2))

	failed := &hacarus.Inspection{File: "elsewhere.png", Tag: "lot 7", Verdict: hacarus.VerdictUnknown, Err: hacarus.ErrNoAssessment}
	require.Equal(t, evaluation.Result{File: "elsewhere.png", Verdict: hacarus.VerdictUnknown, Err: hacarus.ErrNoAssessment}, evaluation.ResultOf(failed, 0))
}

// A table is a set that can be evaluated, or an error.
func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("file,label,kind\na.png,good,\nb.png,NG,dent\n"))
	f.Add([]byte("\ufeffFile;Label\r\n\"a;\n.png\";ok\r\n"))
	f.Add([]byte("label\tfile\nbad\t/tmp/../a\n"))
	f.Fuzz(func(t *testing.T, table []byte) {
		path := filepath.Join(t.TempDir(), "labels.csv")
		if err := os.WriteFile(path, table, 0o600); err != nil {
			t.Fatal(err)
		}
		set, err := evaluation.ReadCSV(path)
		if err != nil {
			return
		}
		if _, err := evaluation.Evaluate(set, nil); err != nil {
			t.Errorf("%q: %v", table, err)
		}
	})
}
