package evaluation_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/evaluation"
)

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
