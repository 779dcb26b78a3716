package hacarus

import (
	"bytes"
	"fmt"
	"reflect"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func decodePage(t *testing.T, raw []byte) *ItemsPage {
	t.Helper()
	page, err := decodeEnvelope(raw, decodeItemsPage(ItemTypePrediction))
	require.NoError(t, err)
	return page
}

// What was decoded is the caller's: its lists and numbers lie side by side, and
// changing one must not change another.
func TestDecodedValuesAreApart(t *testing.T) {
	t.Parallel()
	raw := itemsPage(t, 50)
	changed, same := decodePage(t, raw), decodePage(t, raw)
	for i := range changed.Items {
		item := &changed.Items[i]
		item.Images = append(item.Images, ImageMeta{URL: "another"})[:len(item.Images)]
		item.Assessments = append(item.Assessments, Assessment{ModelID: "another"})[:len(item.Assessments)]
		for k := range item.Assessments {
			a := &item.Assessments[k]
			a.Annotations = append(a.Annotations, Annotation{Notes: "another"})[:len(a.Annotations)]
			a.Images = append(a.Images, ImageMeta{URL: "another"})[:len(a.Images)]
		}
	}
	require.True(t, reflect.DeepEqual(same, changed), "appending to one list changed another")

	seen := map[any]bool{}
	for _, item := range changed.Items {
		for _, assessment := range item.Assessments {
			for _, a := range assessment.Annotations {
				for _, place := range []any{a.XMin, a.XMax, a.YMin, a.YMax, a.Label} {
					require.False(t, seen[place], "two numbers at one place")
					seen[place] = true
				}
			}
		}
	}
}

// An answer that breaks off in the middle of a list leaves nothing to the next one.
func TestDecodeAfterAFailure(t *testing.T) {
	t.Parallel()
	raw := bytes.TrimSpace(itemsPage(t, 3))
	want := decodePage(t, raw)
	for end := range raw {
		_, err := decodeEnvelope(raw[:end], decodeItemsPage(ItemTypePrediction))
		require.ErrorIs(t, err, ErrDecode)
	}
	require.Equal(t, want, decodePage(t, raw))
}

// What waits for the next answer holds nothing of the last one.
func TestDecodingsKeepNothing(t *testing.T) {
	t.Parallel()
	var d decoding
	d.text = itemsPage(t, 10)
	var page ItemsPage
	require.NoError(t, d.object(func(d *decoding, _ []byte) error { return decodeItemsPage(ItemTypePrediction)(d, &page) }))
	require.Len(t, page.Items, 10)
	d.reset()
	require.NotZero(t, cap(d.items.room))
	for _, room := range []any{d.items.room, d.images.room, d.verdicts.room, d.boxes.room} {
		whole := reflect.ValueOf(room)
		whole = whole.Slice(0, whole.Cap())
		for i := range whole.Len() {
			require.True(t, whole.Index(i).IsZero())
		}
	}
	d.items.room, d.images.room, d.verdicts.room, d.boxes.room, d.unescaped = nil, nil, nil, nil, nil
	require.Equal(t, decoding{}, d)
}

// A program may keep the ids of a million items, and nothing else of them.
func TestIDsKeepNothingElse(t *testing.T) { //nolint:paralleltest // watches the process's heap
	if raceEnabled {
		t.Skip("the race detector takes memory too")
	}
	const pages, items = 20, 1000
	live := func() int64 {
		runtime.GC()
		runtime.GC()
		return heap()
	}
	raw := itemsPage(t, items)
	ids := make([]string, 0, pages*items)
	decodePage(t, raw)
	before := live()
	for range pages {
		for _, item := range decodePage(t, raw).Items {
			ids = append(ids, item.ItemID)
		}
	}
	kept := live() - before
	require.Less(t, kept, int64(2*len(fmt.Sprint(ids))), "the ids keep %d bytes", kept)
}
