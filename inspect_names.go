package hacarus

import (
	"crypto/sha256"
	"encoding/hex"
	"hash/maphash"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/hacarus/hacarus-check-go/internal/journal"
	"github.com/hacarus/hacarus-check-go/internal/wire"
)

const (
	// safePrefix begins every safe name; a number may stand before its dash.
	safePrefix = "safe"
	// maxSafeID bounds the item ids made from safe names, in bytes.
	maxSafeID = 200
	// cutTail is the length of what ends an id that was cut: "__" and a part of the
	// name's sum.
	cutTail = len("__") + 16
)

// SafeName returns the name under which [Client.Inspect] and [Client.Upload]
// upload a file: a name that the service accepts, and from which it makes an
// item id that still tells the original name. The service is known to refuse
// spaces and more than one dot; how it treats names that are not ASCII is not
// known.
//
// A name that consists of ASCII letters, digits, "-" and "_", with at most one
// dot in front of an extension of letters and digits, stays unchanged, and so
// does a name that SafeName returned; a name that only looks like one of these,
// such as "safe-_0", does not. Any other name becomes "safe-", the whole
// name with its other characters as hexadecimal UTF-8 between underscores, and
// the extension:
//
//	検査1.jpg  →  safe-_e6a49ce69fbb_1_2e_jpg.jpg
//
// [OriginalName] turns it back into the original name; it also accepts the item
// id, which lacks the extension. If the result would give an id of more than
// 200 bytes, it is cut and ends with "__" and part of its SHA-256. Such a name
// cannot be turned back.
func SafeName(name string) string {
	if _, ok := OriginalName(name); plainName(name) && (ok || isCut(name)) {
		return name
	}
	return safeName(name, 1)
}

// OriginalName returns the name that was passed to [SafeName]. It accepts the
// result of SafeName and the item id made from that. It also accepts the names
// that [Client.Inspect] gives to the second and later files of one name, which
// begin with "safe2-", "safe3-" and so on. Any other plain name is returned
// unchanged; an item id made from a plain name lacks its extension. It returns
// false if the name cannot be turned back.
func OriginalName(safe string) (string, bool) {
	stem, _, dotted := strings.Cut(safe, ".")
	ordinal, escaped, encoded := cutSafePrefix(stem)
	if name, ok := unescapeName(escaped); encoded && ok && name != "" {
		if made := safeName(name, ordinal); made == safe || !dotted && wire.ItemID(made) == stem {
			return name, true
		}
	}
	if !plainName(safe) || encoded && strings.Contains(escaped, "_") { // cut, or not made by SafeName
		return "", false
	}
	return safe, true
}

// isCut reports whether a safe name was cut because it was too long.
func isCut(safe string) bool {
	id := wire.ItemID(safe)
	return len(id) == maxSafeID && strings.HasPrefix(id[maxSafeID-cutTail:], "__")
}

// plainName reports whether the service accepts a name unchanged.
func plainName(name string) bool {
	stem, extension, dotted := strings.Cut(name, ".")
	plain := func(r rune) bool { return letterOrDigit(r) || r == '-' || r == '_' }
	return stem != "" && len(stem) <= maxSafeID && all(stem, plain) &&
		(!dotted || extension != "" && all(extension, letterOrDigit))
}

func letterOrDigit(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

func all(text string, holds func(rune) bool) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !holds(r) })
}

// safeName returns the safe name of the n-th file with a name.
func safeName(name string, n int) string {
	prefix := safePrefix
	if n > 1 {
		prefix += strconv.Itoa(n)
	}
	id := prefix + "-" + escapeName(name)
	if len(id) > maxSafeID {
		sum := sha256.Sum256([]byte(id))
		id = id[:maxSafeID-cutTail] + "__" + hex.EncodeToString(sum[:])[:cutTail-len("__")]
	}
	extension := path.Ext(name)
	if len(extension) < 2 || len(extension) > 9 || !all(extension[1:], letterOrDigit) {
		extension = ""
	}
	return id + extension
}

// cutSafePrefix removes "safe-" or "safe2-" from an id.
func cutSafePrefix(id string) (n int, escaped string, ok bool) {
	digits, escaped, found := strings.Cut(strings.TrimPrefix(id, safePrefix), "-")
	if !found || !strings.HasPrefix(id, safePrefix) {
		return 0, "", false
	}
	if digits == "" {
		return 1, escaped, true
	}
	n, err := strconv.Atoi(digits)
	return n, escaped, err == nil
}

// escapeName writes sequences of bytes other than letters, digits and "-" as
// hexadecimal digits between underscores.
func escapeName(name string) string {
	var b strings.Builder
	escaping := false
	for _, c := range []byte(name) {
		if keep := letterOrDigit(rune(c)) || c == '-'; keep == escaping {
			b.WriteByte('_') // opens or closes a run
			escaping = !keep
		}
		if escaping {
			b.WriteString(hex.EncodeToString([]byte{c}))
		} else {
			b.WriteByte(c)
		}
	}
	if escaping {
		b.WriteByte('_')
	}
	return b.String()
}

func unescapeName(escaped string) (string, bool) {
	parts := strings.Split(escaped, "_")
	for n, part := range parts {
		if n%2 == 0 {
			continue
		}
		raw, err := hex.DecodeString(part)
		if err != nil {
			return "", false
		}
		parts[n] = string(raw)
	}
	return strings.Join(parts, ""), len(parts)%2 == 1
}

// namer gives the files of a run names of which no two make the same item.
type namer struct {
	seed maphash.Seed
	// wanted are the sorted hashes of the ids that follow from the files' own
	// names. It is nil if the files come one by one, so that nobody knows which ids
	// will be wanted.
	wanted []uint64
	taken  map[uint64]bool     // hashes of the ids that were given, as far as they may come again
	copies map[journal.Key]int // of files of one name and content, those met; or a one for each under way
}

// newNamer finds the files that would share an id. It keeps eight bytes for
// each file.
func newNamer(files []File) *namer {
	n := newOpenNamer()
	n.wanted = make([]uint64, len(files))
	for i, f := range files {
		n.wanted[i] = n.hash(wire.ItemID(SafeName(f.Name)))
	}
	slices.Sort(n.wanted)
	return n
}

// newOpenNamer returns a namer for files that are not known in advance.
func newOpenNamer() *namer {
	return &namer{seed: maphash.MakeSeed(), taken: map[uint64]bool{}, copies: map[journal.Key]int{}}
}

// hash is equal for ids that differ only in case, because it is not known
// whether A and a are two items.
func (n *namer) hash(id string) uint64 { return maphash.String(n.seed, strings.ToLower(id)) }

// wanting counts, up to two, the files whose own names make an id.
func (n *namer) wanting(id uint64) int {
	at, found := slices.BinarySearch(n.wanted, id)
	switch {
	case !found:
		return 0
	case at+1 < len(n.wanted) && n.wanted[at+1] == id:
		return 2
	}
	return 1
}

// isShared reports whether several files have, or may have, this file's id.
func (n *namer) isShared(name string) bool {
	return n.wanted == nil || n.wanting(n.hash(wire.ItemID(SafeName(name)))) > 1
}

// name returns the first free name for a file: its own, its safe name, or that
// with a number. Ids of earlier runs are taken, too.
func (n *namer) name(name string, taken func(folded string) bool) string {
	number := firstTrue(func(number int) bool {
		id := wire.ItemID(numbered(name, number))
		hash := n.hash(id)
		free := !n.taken[hash] && (number == 0 || n.wanting(hash) == 0) // what another file is called is left to it
		return free && !taken(strings.ToLower(id))
	})
	given := numbered(name, number)
	if n.isShared(name) {
		n.taken[n.hash(wire.ItemID(given))] = true
	}
	return given
}

// numbered returns the name of a file that comes after others with the same
// name.
func numbered(name string, number int) string {
	if number == 0 {
		return SafeName(name)
	}
	return safeName(name, number)
}

// firstTrue returns a number for which holds is true, while it is false for the
// number before. It takes few steps, even if a camera has used one name for
// years.
func firstTrue(holds func(int) bool) int {
	if holds(0) {
		return 0
	}
	not, does := 0, 1
	for ; !holds(does); does *= 2 {
		not = does
	}
	return not + 1 + sort.Search(does-not-1, func(n int) bool { return holds(not + 1 + n) })
}

// ordinal returns the position of a file among those with its name and content:
// among all of them if they are known, otherwise among those under way.
func (n *namer) ordinal(name string, sum [32]byte) (nth int) {
	key := journal.Key{Name: name, Sum: sum}
	if !n.isShared(name) {
		return 0
	}
	if n.wanted != nil {
		nth = n.copies[key]
		n.copies[key]++
		return nth
	}
	for key.Nth = 0; n.copies[key] > 0; key.Nth++ {
	}
	n.copies[key] = 1
	return key.Nth
}

// release forgets a file that is no longer under way, if files come one by one.
// The journal knows its id.
func (n *namer) release(key journal.Key, id string) {
	if n.wanted == nil {
		delete(n.copies, key)
		delete(n.taken, n.hash(id))
	}
}
