package hacarustest

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// zipped is an archive of files in pairs of name and content.
func zipped(t *testing.T, files ...string) []byte {
	t.Helper()
	var content bytes.Buffer
	archive := zip.NewWriter(&content)
	for i := 0; i+1 < len(files); i += 2 {
		require.NoError(t, packFile(archive, files[i], []byte(files[i+1])))
	}
	require.NoError(t, archive.Close())
	return content.Bytes()
}

// FuzzUnpack holds that an archive is refused, or that what comes out of it is
// what its entries hold, and no more than an archive may hold.
func FuzzUnpack(f *testing.F) {
	models := []*model{{Model: hacarus.Model{ModelID: "m1"}, training: []upload{newUpload("a.png", []byte("image"))}}}
	packed, err := pack(models)
	require.NoError(f, err)
	f.Add(packed, `[{"model":{"model_id":"m1"},"images":[{"name":"a.png","file":"0/0"}]}]`, "0/0", "image")
	f.Add([]byte("PK\x05\x06"), `[{"images":[{"name":"a","file":"../../etc/passwd"}]}]`, "../../etc/passwd", "x")
	f.Add([]byte{}, `[null,{"images":[{"file":"a"},{"file":"a"}]}]`, "a", "image")
	f.Add(packed[:len(packed)/2], `[{"images":[{"file":"/"},{"file":"."},{"file":""}]}]`, "/", "")
	f.Add(packed, `[{"images":[{"file":"models.json"}]}]`, "models.json", "[]")
	const most = 1 << 20
	f.Fuzz(func(t *testing.T, raw []byte, list, name, content string) {
		check := func(archive []byte, files map[string]string) {
			found, err := unpack(archive, most)
			if err != nil {
				return
			}
			total := 0
			for _, m := range found {
				require.NotNil(t, m)
				for _, u := range m.training {
					total += len(u.content)
					if files != nil {
						require.Contains(t, files, string(u.content))
					}
				}
			}
			require.LessOrEqual(t, total, most)
			again, err := pack(found)
			require.NoError(t, err)
			same, err := unpack(again, 2*most)
			require.NoError(t, err)
			require.Len(t, same, len(found))
			for i := range found {
				require.Equal(t, found[i].training, same[i].training)
			}
		}
		check(raw, nil)
		if strings.HasSuffix(name, "/") {
			return // a folder, which has no content
		}
		check(zipped(t, manifest, list, name, content), map[string]string{content: "", list: ""})
	})
}

// An archive may name one file again and again, and so be far larger than it looks.
func TestUnpackIsBounded(t *testing.T) {
	t.Parallel()
	const images, size = 5, 1 << 10
	list, err := json.Marshal([]exported{{Images: slices.Repeat([]exportedImage{{"a.png", "a"}}, images)}})
	require.NoError(t, err)
	archive := zipped(t, manifest, string(list), "a", string(make([]byte, size)))
	found, err := unpack(archive, len(list)+images*size)
	require.NoError(t, err)
	require.Len(t, found[0].training, images)
	_, err = unpack(archive, len(list)+images*size-1)
	require.Error(t, err)
}
