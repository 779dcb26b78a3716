package reliability

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// downloadOperation is one of those whose response is a file.
type downloadOperation struct {
	id      string
	zip     bool
	content []byte
	cuts    []int // offsets at which the file may break off
	get     func(ctx context.Context, c *hacarus.Client) (*hacarus.Download, error)
}

func downloadOperations(t *testing.T) []downloadOperation {
	t.Helper()
	table := []byte("item_id,name,model_id,label\n" + strings.Repeat("a,a.png,m1,OK\n", 100))
	archive, inner := nestedArchive(t)
	quarters := func(n int) []int { return []int{0, 1, 2, 3, 4, n / 4, n / 2, n * 3 / 4} }
	archiveCuts := append(quarters(len(archive)), inner, len(archive)-22, len(archive)-2, len(archive)-1)
	tableCuts := append(quarters(len(table)), 28, len(table)-14, len(table)-2, len(table)-1)
	return []downloadOperation{
		{"getModelResults", false, table, tableCuts, func(ctx context.Context, c *hacarus.Client) (*hacarus.Download, error) {
			return c.GetModelResults(ctx, "m1")
		}},
		{"exportModelsWithId", true, archive, archiveCuts, func(ctx context.Context, c *hacarus.Client) (*hacarus.Download, error) {
			return c.ExportModels(ctx, "m1")
		}},
		{"getLogs", true, archive, archiveCuts, func(ctx context.Context, c *hacarus.Client) (*hacarus.Download, error) {
			return c.GetLogs(ctx)
		}},
	}
}

// nestedArchive is an archive that holds another one, and the offset at which
// that ends: there, what came so far looks like an archive.
func nestedArchive(t *testing.T) (archive []byte, inner int) {
	t.Helper()
	small := zipOf(t, zip.Store, "models.json", []byte("[]"))
	noise, err := io.ReadAll(pattern(5000))
	require.NoError(t, err)
	archive = zipOf(t, zip.Store, "models.zip", small, "image", noise)
	return archive, bytes.Index(archive, small) + len(small)
}

// zipOf packs pairs of names and contents.
func zipOf(t *testing.T, method uint16, files ...any) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for n := 0; n < len(files); n += 2 {
		file, err := w.CreateHeader(&zip.FileHeader{Name: files[n].(string), Method: method})
		require.NoError(t, err)
		_, err = file.Write(files[n+1].([]byte))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// downloadStage is a service with a file, and a folder to save it in.
type downloadStage struct {
	downloadOperation
	server *hacarustest.Server
	client *hacarus.Client
	root   string // holds nothing but the folder
	path   string // in the folder
}

// before is what stands at a stage's path.
const before = "what was there before"

func newDownloadStage(t *testing.T, op downloadOperation) *downloadStage {
	t.Helper()
	s := &downloadStage{downloadOperation: op, server: newServer(), root: t.TempDir()}
	t.Cleanup(s.server.Close)
	s.client = s.server.Client()
	s.path = filepath.Join(s.root, "folder", "saved")
	require.NoError(t, os.Mkdir(filepath.Dir(s.path), 0o700))
	require.NoError(t, os.WriteFile(s.path, []byte(before), 0o644))
	return s
}

// announced and open are headers of a response of so many bytes: one says how
// many, for the other the file ends with the connection.
func announced(n int) string { return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n", n) }
func open(int) string        { return "HTTP/1.0 200 OK\r\n" }

// respond makes the service send bytes under a header of a file's length, and
// then close the connection.
func (s *downloadStage) respond(header func(int) string, content []byte, more ...string) {
	head := header(len(s.content)) + "Content-Type: application/octet-stream\r\n" + strings.Join(more, "")
	s.server.Inject(s.id, hacarustest.Raw(append([]byte(head+"\r\n"), content...)))
}

// save downloads to a path.
func (s *downloadStage) save(t *testing.T, path string) error {
	t.Helper()
	d, err := s.get(t.Context(), s.client)
	if err != nil {
		return err
	}
	return d.SaveFile(path)
}

// requireFiles checks what all of the stage's files hold, by their path from its root.
func (s *downloadStage) requireFiles(t *testing.T, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	require.NoError(t, fs.WalkDir(os.DirFS(s.root), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			got[path] = "a link"
			return nil
		}
		content, err := os.ReadFile(filepath.Join(s.root, path))
		got[path] = string(content)
		return err
	}))
	require.Equal(t, want, got)
}

func (s *downloadStage) requireUnchanged(t *testing.T) {
	t.Helper()
	s.requireFiles(t, map[string]string{"folder/saved": before})
}

func (s *downloadStage) requireSaved(t *testing.T) {
	t.Helper()
	s.requireFiles(t, map[string]string{"folder/saved": string(s.content)})
}

// requireCut checks the error of a file that broke off.
func (s *downloadStage) requireCut(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, hacarus.ErrDecode)
	requireTyped(t, operation{id: s.id}, err, s.server.Executions(s.id))
	s.requireUnchanged(t)
}

// downloadCase is one way in which saving a file is hard.
type downloadCase struct {
	name  string
	check func(t *testing.T, s *downloadStage)
}

func downloadCases() []downloadCase {
	var cases []downloadCase
	for n := range 12 {
		cases = append(cases, downloadCase{fmt.Sprint("cut ", n), func(t *testing.T, s *downloadStage) {
			t.Helper()
			require.Len(t, s.cuts, 12)
			s.respond(announced, s.content[:s.cuts[n]])
			err := s.save(t, s.path)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			s.requireCut(t, err)
		}})
	}
	return append(cases,
		downloadCase{"length not announced", func(t *testing.T, s *downloadStage) {
			t.Helper()
			s.respond(open, s.content)
			require.NoError(t, s.save(t, s.path))
			s.requireSaved(t)
		}},
		downloadCase{"length not announced, cut", cutWithoutLength},
		downloadCase{"file exists", func(t *testing.T, s *downloadStage) {
			t.Helper()
			require.NoError(t, os.WriteFile(s.path, bytes.Repeat([]byte(before), 1000), 0o644))
			s.respond(announced, s.content)
			require.NoError(t, s.save(t, s.path))
			s.requireSaved(t)
		}},
		downloadCase{"folder not writable", func(t *testing.T, s *downloadStage) {
			t.Helper()
			s.respond(announced, s.content)
			require.Error(t, s.save(t, filepath.Join(closedFolder(t), "saved")))
			s.requireUnchanged(t)
		}},
		downloadCase{"symbolic link", func(t *testing.T, s *downloadStage) {
			t.Helper()
			precious := filepath.Join(s.root, "precious")
			require.NoError(t, os.WriteFile(precious, []byte(before), 0o600))
			require.NoError(t, os.Remove(s.path))
			require.NoError(t, os.Symlink(precious, s.path))
			s.respond(announced, s.content[:10])
			require.Error(t, s.save(t, s.path))
			s.requireFiles(t, map[string]string{"folder/saved": "a link", "precious": before})
			s.respond(announced, s.content)
			require.NoError(t, s.save(t, s.path))
			s.requireFiles(t, map[string]string{"folder/saved": string(s.content), "precious": before})
		}},
		downloadCase{"hostile names", hostileNames},
		downloadCase{"bomb", func(t *testing.T, s *downloadStage) {
			t.Helper()
			s.server.Inject(s.id, hacarustest.GzipBomb(1<<30))
			s.requireCut(t, s.save(t, s.path))
		}},
	)
}

// cutWithoutLength: HTTP cannot tell it, but an archive without its end is
// none. Of a table, Size says that nobody knows.
func cutWithoutLength(t *testing.T, s *downloadStage) {
	t.Helper()
	for _, cut := range s.cuts {
		s.respond(open, s.content[:cut])
		if s.zip || cut == 0 {
			s.requireCut(t, s.save(t, s.path))
			continue
		}
		d, err := s.get(t.Context(), s.client)
		require.NoError(t, err)
		require.EqualValues(t, -1, d.Size)
		require.NoError(t, d.SaveFile(s.path))
		s.requireFiles(t, map[string]string{"folder/saved": string(s.content[:cut])})
	}
}

// closedFolder is one that takes no file; where nothing is forbidden to the
// user, it is no folder at all.
func closedFolder(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "closed")
	require.NoError(t, os.Mkdir(folder, 0o500))
	made, err := os.CreateTemp(folder, "")
	if err != nil {
		return folder
	}
	require.NoError(t, made.Close())
	return made.Name()
}

// hostileNames: where the service says that a file is called so, it is saved
// where the caller says.
func hostileNames(t *testing.T, s *downloadStage) {
	t.Helper()
	for _, name := range []string{
		"../../precious", "/etc/cron.d/x", `..\..\win.ini`, `C:\boot.ini`, "..", "saved/../../x", "~/.profile", "a\x00b",
	} {
		s.respond(announced, s.content, fmt.Sprintf("Content-Disposition: attachment; filename=%q\r\n", name))
		d, err := s.get(t.Context(), s.client)
		require.NoError(t, err)
		require.NotContains(t, d.Filename, "/")
		require.NotContains(t, d.Filename, `\`)
		require.NotEqual(t, "..", d.Filename)
		require.NoError(t, d.SaveFile(s.path))
		s.requireSaved(t)
	}
}

// S6: files that break off, and places that take none.
func TestSuiteDownloads(t *testing.T) {
	t.Parallel()
	cases := downloadCases()
	requireCount(t, 19, len(cases))
	s6 := part{name: "S6", what: "downloads that break off, and places that take no file"}
	t.Run("all", func(t *testing.T) {
		for _, op := range downloadOperations(t) {
			for _, c := range cases {
				t.Run(op.id+"/"+c.name, func(t *testing.T) {
					s6.count(t)
					t.Parallel()
					c.check(t, newDownloadStage(t, op))
				})
			}
		}
	})
	s6.done(t)
}
