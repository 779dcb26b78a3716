package hacarus

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// memory is where a decoding puts what it reads. A page of items holds tens of
// thousands of strings, numbers and short lists: an allocation for each would
// take longer than reading them.
type memory struct {
	// Texts and ids that come again: statuses, labels, a model's id.
	texts, ids repeated
	shared     strings.Builder // holds several texts
	floats     slab[float64]
	ints       slab[int]
	items      lists[Item]
	images     lists[ImageMeta]
	verdicts   lists[Assessment]
	boxes      lists[Annotation]
}

// decodings holds what decodings have room in, between calls.
var decodings = sync.Pool{New: func() any { return new(decoding) }}

// reset leaves nothing of what was read but the room.
func (d *decoding) reset() {
	*d = decoding{unescaped: d.unescaped, memory: memory{
		items:    d.items.emptied(),
		images:   d.images.emptied(),
		verdicts: d.verdicts.emptied(),
		boxes:    d.boxes.emptied(),
	}}
}

// repeated holds strings, each at a place that its bytes say.
type repeated [32]string

// longest is how long a string may be to have a place.
const longest = 64

// place is where a text that is not empty is, or should be put.
func (r *repeated) place(text []byte) *string {
	n := len(text)
	return &r[(31*n+int(text[0])+7*int(text[n-1])+3*int(text[n/2]))%len(r)]
}

// copied is a text as a string. It shares memory with other texts.
func (m *memory) copied(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	if len(text) > longest {
		return m.share(text)
	}
	place := m.texts.place(text)
	if *place != string(text) {
		*place = m.share(text)
	}
	return *place
}

// copiedID is an id as a string. Ids are what programs keep, by the million, so
// they keep nothing else in memory.
func (m *memory) copiedID(id []byte) string {
	if len(id) == 0 || len(id) > longest {
		return string(id)
	}
	place := m.ids.place(id)
	if *place != string(id) {
		*place = string(id)
	}
	return *place
}

// share copies a text to where others are.
func (m *memory) share(text []byte) string {
	const least, most = 64, 1024
	if !utf8.Valid(text) {
		return valid(text)
	}
	if len(text) > most/4 {
		return string(text)
	}
	if m.shared.Cap()-m.shared.Len() < len(text) {
		size := min(max(2*m.shared.Cap(), least), most)
		m.shared.Reset() // which leaves what it holds to its strings
		m.shared.Grow(max(size, len(text)))
	}
	from := m.shared.Len()
	m.shared.Write(text)
	return m.shared.String()[from:]
}

// slab hands out places in arrays. A place that is kept keeps its array in
// memory, so they are small, and begin smaller still.
type slab[T any] struct {
	free []T
	size int // of the last array
}

// take returns n places that nobody else has, all of them zero.
func (s *slab[T]) take(n int) []T {
	const least, most = 4, 32
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

// lists makes lists whose length is not known until they are read. They are
// read into room, one after the other: no element holds a list of its own kind.
type lists[T any] struct {
	room []T
	slab slab[T]
}

// next is the place of the next element.
func (l *lists[T]) next() *T {
	var element T
	l.room = append(l.room, element)
	return &l.room[len(l.room)-1]
}

// list returns what was read since the last list.
func (l *lists[T]) list() []T {
	if len(l.room) == 0 {
		return []T{}
	}
	list := l.slab.take(len(l.room))
	copy(list, l.room)
	clear(l.room)
	l.room = l.room[:0]
	return list
}

// emptied keeps the room, unless an answer was larger than pages are.
func (l *lists[T]) emptied() lists[T] {
	const most = 2048
	if cap(l.room) > most {
		return lists[T]{}
	}
	return lists[T]{room: l.room}
}
