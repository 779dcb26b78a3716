package watch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// entriesByFile are the record's, by the file's name.
func (w *watching) entriesByFile(t *testing.T) map[string]record.Entry {
	t.Helper()
	byFile := map[string]record.Entry{}
	for _, e := range w.entries(t) {
		byFile[e.File] = e
	}
	return byFile
}

// Lot and serial number come from the file beside an image, which goes along with it.
// An image does not wait for it for ever.
func TestSidecars(t *testing.T) {
	t.Parallel()
	for _, move := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWatching(t)
			w.opts.move, w.opts.SidecarWait = move, 10*time.Second
			bad := picture(t, 0xff)
			w.write(t, "a.png", bad)
			w.write(t, "a.png.json", []byte("\ufeff"+`{"lot": "L7", "serial": 12, "more": [1]}`))
			w.write(t, "b.png", picture(t, 0xfe))
			w.write(t, "b.json", []byte(`{"Lot"`)) // half of it
			time.AfterFunc(1500*time.Millisecond, func() { w.write(t, "b.json", []byte(`{"Lot": "L8"}`)) })
			w.write(t, "c.png", picture(t, 0xfd))
			w.write(t, "d.png", []byte("no image"))
			w.write(t, "d.png.json", []byte(`no JSON`))
			w.watch(t, time.Minute)

			entries := w.entriesByFile(t)
			require.Equal(t, []string{"L7", "12", "a.png.json", ""}, told(entries["a.png"]))
			require.Equal(t, []string{"L8", "", "b.json", ""}, told(entries["b.png"]))
			require.Equal(t, []string{"", "", "", "no sidecar came within 10s"}, told(entries["c.png"]))
			require.Contains(t, entries["d.png"].Note, "the sidecar d.png.json is no JSON object")
			require.Less(t, entries["a.png"].Time.Sub(entries["c.png"].Time), -5*time.Second, "it has not waited")

			require.Equal(t, []string{"a.png", "a.png.json", "b.json", "b.png", "c.png"}, testkit.Names(t, w.opts.ng))
			require.Equal(t, []string{"d.png", "d.png.json", "d.png.txt"}, testkit.Names(t, w.opts.failed))
			left := 7
			if move {
				left = 0
			}
			require.Len(t, testkit.Names(t, w.opts.Dir), left)
		})
	}
}

func told(e record.Entry) []string { return []string{e.Lot, e.Serial, e.Sidecar, e.Note} }

// A sidecar that tells of the next image by now stays with that.
func TestSidecarsOfReplacedImages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t, hacarustest.WithPredictionTime(5*time.Second))
		w.opts.move, w.opts.SidecarWait = true, 10*time.Second
		w.write(t, "latest.png", picture(t, 0xff))
		w.write(t, "latest.json", []byte(`{"serial": "1"}`))
		time.AfterFunc(4*time.Second, func() { w.write(t, "latest.json", []byte(`{"serial": "2"}`)) })
		time.AfterFunc(20*time.Second, func() { w.write(t, "latest.png", append(picture(t, 0xff), "longer"...)) })
		w.watch(t, time.Minute)
		entries := w.entries(t)
		require.Len(t, entries, 2)
		require.Equal(t, []string{"1", "2"}, []string{entries[0].Serial, entries[1].Serial})
		require.Empty(t, testkit.Names(t, w.opts.Dir))
		require.Len(t, testkit.Names(t, w.opts.ng), 3)
		require.Equal(t, `{"serial": "2"}`, string(read(t, strings.TrimSuffix(entries[1].To, ".png")+".json")))
	})
}

// What was decided before a crash is done after it, with the sidecar, however far
// it had come.
func TestSidecarsAfterACrash(t *testing.T) {
	t.Parallel()
	for name, crashed := range map[string]func(w *watching, e record.Entry) error{
		"nothing done": func(*watching, record.Entry) error { return nil },
		"sidecar gone": func(w *watching, e record.Entry) error {
			return os.Rename(filepath.Join(w.opts.Dir, e.Sidecar), e.To+".json")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWatching(t)
				w.opts.move, w.opts.SidecarWait = true, 10*time.Second
				w.write(t, "a.png", picture(t, 0xff))
				w.write(t, "a.png.json", []byte(`{"serial": "1"}`))
				time.AfterFunc(time.Second, func() { assert.NoError(t, os.RemoveAll(w.opts.ng)) })
				w.watch(t, 10*time.Second) // can put nothing aside
				require.Len(t, testkit.Names(t, w.opts.Dir), 2)
				require.NoError(t, os.MkdirAll(w.opts.ng, 0o700))
				require.NoError(t, crashed(w, w.entries(t)[0]))
				w.watch(t, 10*time.Second)
				require.Equal(t, []string{"a.png", "a.png.json"}, testkit.Names(t, w.opts.ng))
				require.Empty(t, testkit.Names(t, w.opts.Dir))
				require.Len(t, w.entries(t), 1)
			})
		})
	}
}

// A sidecar that stays beside an image tells nothing of the next one under the name,
// whether or not the program was started again in between.
func TestSidecarsThatStay(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWatching(t)
			w.opts.SidecarWait = 10 * time.Second
			w.write(t, "latest.png", picture(t, 0))
			w.write(t, "latest.json", []byte(`{"lot": "L1", "serial": "1"}`))
			if again {
				w.watch(t, 10*time.Second)
			}
			time.AfterFunc(10*time.Second, func() { w.write(t, "latest.png", append(picture(t, 0), "the next"...)) })
			time.AfterFunc(time.Minute, func() {
				w.write(t, "latest.png", append(picture(t, 0), "the third"...))
				w.write(t, "latest.json", []byte(`{"lot": "L1", "serial": "3"}`))
			})
			w.watch(t, 2*time.Minute)
			entries := w.entries(t)
			require.Len(t, entries, 3)
			require.Equal(t, []string{"L1", "1", "latest.json", ""}, told(entries[0]))
			require.Equal(t, []string{"", "", "", "no sidecar came within 10s"}, told(entries[1]))
			require.Equal(t, []string{"L1", "3", "latest.json", ""}, told(entries[2]))
		})
	}
}
