package hacarus

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/journal"
	"github.com/hacarus/hacarus-check-go/internal/wire"
)

func TestSafeName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"plate-0001.jpg":               "plate-0001.jpg",
		"IMG_1.JPG":                    "IMG_1.JPG",
		"noextension":                  "noextension",
		"safety.png":                   "safety.png",
		"検査1.jpg":                      "safe-_e6a49ce69fbb_1_2e_jpg.jpg",
		"a b.png":                      "safe-a_20_b_2e_png.png",
		"NewItem invalid.name.png":     "safe-NewItem_20_invalid_2e_name_2e_png.png",
		"2019-05-24 at 3.27.11 PM.png": "safe-2019-05-24_20_at_20_3_2e_27_2e_11_20_PM_2e_png.png",
		"safe-a.png":                   "safe-a.png",
		"safe2-a.png":                  "safe2-a.png",
		"tail.":                        "safe-tail_2e_",
		".hidden":                      "safe-_2e_hidden.hidden",
		"..":                           "safe-_2e2e_",
		"line1/a.jpg":                  "safe-line1_2f_a_2e_jpg.jpg",
		"a.検査":                         "safe-a_2ee6a49ce69fbb_",
		"\xff\x00.png":                 "safe-_ff002e_png.png",
	} {
		safe := SafeName(name)
		require.Equal(t, want, safe)
		require.Equal(t, safe, SafeName(name))
		original, ok := OriginalName(safe)
		require.True(t, ok, name)
		require.Equal(t, name, original)
		if safe != name {
			original, ok = OriginalName(wire.ItemID(safe))
			require.True(t, ok, name)
			require.Equal(t, name, original, "the id alone tells it")
			require.NoError(t, checkID("item_id", wire.ItemID(safe)))
		}
	}
}

func TestSafeNameOfLongNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for n := range 3 {
		safe := SafeName(strings.Repeat("検", 80) + fmt.Sprint(n) + ".jpg")
		require.Len(t, wire.ItemID(safe), maxSafeID)
		require.True(t, strings.HasSuffix(safe, ".jpg"))
		require.False(t, seen[safe])
		seen[safe] = true
		_, ok := OriginalName(safe)
		require.False(t, ok)
	}
	require.True(t, strings.HasPrefix(SafeName(strings.Repeat("a", 300)+".jpg"), "safe-a"))
}

func TestOriginalNameRefuses(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "a b", "検", "safe-_", "safe-_zz_", "safe-__", "safe-a_61_", "safe-_E6_", "safe1-a_20_", "safe-a_20_b_20"} {
		original, ok := OriginalName(name)
		require.False(t, ok, name)
		require.Empty(t, original)
	}
}

// A name is not made safe twice, such as that of a file in a spool.
func TestSafeNameStays(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"safe-x.jpg", "検査1.jpg", "a b.png", "safe2-a_2e_png.png", "safe-_.png", strings.Repeat("検", 99), "safe-a"} {
		require.Equal(t, SafeName(name), SafeName(SafeName(name)), name)
	}
	for name, want := range map[string]string{"safe-x.jpg": "safe-x.jpg", SafeName("a b.png"): "a b.png", "safe2-a_2e_png.png": "a.png", "safe-_0": "safe-_0", "safe-_.png": "safe-_.png"} {
		original, ok := OriginalName(SafeName(name))
		require.True(t, ok)
		require.Equal(t, want, original)
	}
}

func FuzzSafeName(f *testing.F) {
	for _, name := range []string{"検査1.jpg", "a b.png", "", "safe-", "_", "a__b", "\xff", "..", "a.b.c"} {
		f.Add(name, 2)
	}
	f.Fuzz(func(t *testing.T, name string, n int) {
		for _, safe := range []string{SafeName(name), safeName(name, max(n, 1))} {
			id := wire.ItemID(safe)
			require.LessOrEqual(t, len(id), maxSafeID)
			require.False(t, strings.ContainsAny(id, " ./\\"), safe)
			if original, ok := OriginalName(name); name == "" || ok && original != name {
				continue // it is a safe name already, and is not made safe twice
			}
			if original, ok := OriginalName(safe); ok {
				require.Equal(t, name, original)
			} else {
				require.Contains(t, safe, "__", "only cut names cannot be turned back")
			}
		}
	})
}

// No two files get one id, nor one that an earlier run has used, and a file
// that is alone in its name keeps it.
func TestNamer(t *testing.T) {
	t.Parallel()
	var files []File
	for _, name := range []string{"a.jpg", "b.jpg", "a.png", "a.jpg", "検.jpg", "検.jpg", "c.jpg", "a.jpg", "old.jpg"} {
		files = append(files, File{Name: name})
	}
	n := newNamer(files)
	old := func(id string) bool { return id == "old" || id == "safe-old_2e_jpg" || id == "safe-a_2e_jpg" }
	var got []string
	for _, f := range files {
		got = append(got, n.name(f.Name, old))
	}
	require.Equal(t, []string{
		"a.jpg", "b.jpg", "safe-a_2e_png.png", "safe2-a_2e_jpg.jpg", SafeName("検.jpg"),
		safeName("検.jpg", 2), "c.jpg", "safe3-a_2e_jpg.jpg", "safe2-old_2e_jpg.jpg",
	}, got)
	require.Len(t, n.taken, 6, "only what collides is kept")
}

// Nothing says that a service tells A from a.
func TestNamerFoldsCase(t *testing.T) {
	t.Parallel()
	n := newNamer([]File{{Name: "A.png"}, {Name: "a.png"}, {Name: "B.png"}, {Name: "old.png"}})
	old := func(folded string) bool { return folded == "old" }
	require.Equal(t, "A.png", n.name("A.png", old))
	require.Equal(t, "safe-a_2e_png.png", n.name("a.png", old))
	require.Equal(t, "B.png", n.name("B.png", old))
	require.Equal(t, "safe-OLD_2e_png.png", n.name("OLD.png", old))
}

// What a file is called by its user is its own, also where it looks like what
// another one of a name would be given, and whichever comes first.
func TestNamerLeavesNames(t *testing.T) {
	t.Parallel()
	names := []string{"PLATE.PNG", "plate.png", "safe-PLATE_2e_png.png", "safe2-plate_2e_png.png", "Plate.png", "safe3-PLATE_2e_PNG.png"}
	never := func(string) bool { return false }
	for range 100 {
		rand.Shuffle(len(names), func(i, k int) { names[i], names[k] = names[k], names[i] })
		var files []File
		for _, name := range names {
			files = append(files, File{Name: name})
		}
		for order, n := range map[string]*namer{"known": newNamer(files), "open": newOpenNamer()} {
			given := map[string]string{}
			for _, f := range files {
				folded := strings.ToLower(wire.ItemID(n.name(f.Name, never)))
				require.Empty(t, given[folded], "%s: %q and %q of %q", order, f.Name, given[folded], names)
				given[folded] = f.Name
			}
		}
	}
}

// A camera may use one name for years.
func TestNamerOfOneName(t *testing.T) {
	t.Parallel()
	n := newOpenNamer()
	earlier, tries := map[string]bool{}, 0
	for number := range 5000 {
		name := n.name("latest.jpg", func(folded string) bool { tries++; return earlier[folded] })
		require.Equal(t, numbered("latest.jpg", number), name)
		earlier[wire.ItemID(name)] = true
		n.release(journal.Key{}, wire.ItemID(name))
	}
	require.Less(t, tries, 5000*26, "few of the names that are taken are tried")
}
