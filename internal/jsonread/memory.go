package jsonread

import (
	"strings"
	"unicode/utf8"
)

// memory is where a cursor stores what is read. A document may contain tens of
// thousands of strings, numbers and short lists; an allocation for each would
// take longer than reading them.
type memory struct {
	// Strings and ids that come again and again: a status, a label, a model's id.
	strings, ids recent
	shared       strings.Builder // holds several strings
	floats       slab[float64]
	ints         slab[int]
	rooms        []emptier // a *room for each type that lists were read of
}

// emptier is a room of any type.
type emptier interface{ empty() }

// reset leaves nothing of what was read, only the room that it took.
func (c *Cursor) reset() {
	for _, r := range c.rooms {
		r.empty()
	}
	*c = Cursor{unescaped: c.unescaped, memory: memory{rooms: c.rooms}}
}

// recent caches strings, each in the slot that its bytes determine.
type recent [32]string

// maxCached is the maximum length of a string that is cached.
const maxCached = 64

// slot returns the cache slot of a non-empty string.
func (r *recent) slot(s []byte) *string {
	n := len(s)
	return &r[(31*n+int(s[0])+7*int(s[n-1])+3*int(s[n/2]))%len(r)]
}

// Intern converts bytes to a string, with U+FFFD in place of each byte that is
// not UTF-8. The string may share memory with other strings of the document.
func (c *Cursor) Intern(s []byte) string {
	if len(s) == 0 {
		return ""
	}
	if len(s) > maxCached {
		return c.share(s)
	}
	slot := c.strings.slot(s)
	if *slot != string(s) {
		*slot = c.share(s)
	}
	return *slot
}

// InternID converts bytes to a string without changing them. Unlike the result
// of [Cursor.Intern], it shares memory only with equal ids: programs keep ids
// by the million and should not keep anything else in memory with them.
func (c *Cursor) InternID(id []byte) string {
	if len(id) == 0 || len(id) > maxCached {
		return string(id)
	}
	slot := c.ids.slot(id)
	if *slot != string(id) {
		*slot = string(id)
	}
	return *slot
}

// leastNumbers is the minimum of numbers that are allocated together.
const leastNumbers = 4

// NewFloat returns a pointer to a new float64.
func (c *Cursor) NewFloat(f float64) *float64 {
	place := &c.floats.take(1, leastNumbers)[0]
	*place = f
	return place
}

// NewInt returns a pointer to a new int.
func (c *Cursor) NewInt(i int) *int {
	place := &c.ints.take(1, leastNumbers)[0]
	*place = i
	return place
}

// share copies a string to memory that it shares with others.
func (c *Cursor) share(s []byte) string {
	const least, most = 64, 1024
	if !utf8.Valid(s) {
		return repaired(s)
	}
	if len(s) > most/4 {
		return string(s)
	}
	if c.shared.Cap()-c.shared.Len() < len(s) {
		size := min(max(2*c.shared.Cap(), least), most)
		c.shared.Reset() // which leaves what it holds to its strings
		c.shared.Grow(max(size, len(s)))
	}
	from := c.shared.Len()
	c.shared.Write(s)
	return c.shared.String()[from:]
}

// slab allocates from small arrays, because one element in use keeps its whole
// array alive. The first arrays are smaller still.
type slab[T any] struct {
	free []T
	size int // of the last array
}

// take returns n elements that nobody else has, all of them zero. An array that
// has to be made for them has at least the given size.
func (s *slab[T]) take(n, least int) []T {
	const most = 32
	if n > most {
		return make([]T, n)
	}
	if n > len(s.free) {
		s.size = max(n, min(max(2*s.size, least), most))
		s.free = make([]T, s.size)
	}
	taken := s.free[:n:n]
	s.free = s.free[n:]
	return taken
}

// room is the memory into which a list is read while its length is not known.
// One room serves the lists of a type one after the other; a list inside of an
// element of its own type gets another one.
type room[T any] struct {
	elements []T
	slab     slab[T]
	taken    bool
}

// roomOf finds a room for a list of T, or makes one.
func roomOf[T any](c *Cursor) *room[T] {
	for _, candidate := range c.rooms {
		if r, ok := candidate.(*room[T]); ok && !r.taken {
			return r
		}
	}
	r := new(room[T])
	c.rooms = append(c.rooms, r)
	return r
}

// next is the place of the next element.
func (r *room[T]) next() *T {
	var element T
	r.elements = append(r.elements, element)
	return &r.elements[len(r.elements)-1]
}

// list returns what was read, and empties the room.
func (r *room[T]) list() []T {
	if len(r.elements) == 0 {
		return []T{} // of a slab it would keep an array alive
	}
	list := r.slab.take(len(r.elements), 0)
	copy(list, r.elements)
	clear(r.elements)
	r.elements = r.elements[:0]
	return list
}

// empty drops what the room holds for lists to come. It keeps the room itself,
// unless a list was longer than pages are.
func (r *room[T]) empty() {
	const most = 2048
	kept := r.elements[:0]
	if cap(kept) > most {
		kept = nil
	}
	*r = room[T]{elements: kept}
}
