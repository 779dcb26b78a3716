package jsonread

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

// tree is a list of its own type, and holds everything that a cursor allocates.
type tree struct {
	Name, ID string
	Number   *float64
	Count    *int
	Children []tree
}

func readTree(c *Cursor, v *tree) error {
	return c.NullableObject(func(key []byte) error {
		switch string(key) {
		case "name":
			raw, err := c.StringBytes()
			v.Name = c.Intern(raw)
			return err
		case "id":
			raw, err := c.StringBytes()
			v.ID = c.InternID(raw)
			return err
		case "number":
			raw, err := c.Number()
			if err != nil {
				return err
			}
			f, err := ParseFloat(raw)
			v.Number = c.NewFloat(f)
			return err
		case "count":
			raw, err := c.Number()
			if err != nil {
				return err
			}
			i, err := ParseInt(raw)
			v.Count = c.NewInt(int(i))
			return err
		case "children":
			return List(c, &v.Children, readTree)
		}
		return c.Skip()
	})
}

const trees = `[{"name":"a","children":[{"name":"b","id":"1","children":[{"name":"\u0063"},{}]},{"name":"d","number":0.5}]},` +
	`{"name":"a","children":[],"count":7},{"children":null},null]`

// A list may hold lists of its own type, at any depth.
func TestListOfLists(t *testing.T) {
	t.Parallel()
	var got []tree
	require.NoError(t, Document([]byte(trees), func(c *Cursor) error { return List(c, &got, readTree) }))
	require.Equal(t, []tree{
		{Name: "a", Children: []tree{
			{Name: "b", ID: "1", Children: []tree{{Name: "c"}, {}}},
			{Name: "d", Number: new(0.5)},
		}},
		{Name: "a", Children: []tree{}, Count: new(7)},
		{},
		{},
	}, got)
}

func TestListOfNull(t *testing.T) {
	t.Parallel()
	got := []tree{}
	require.NoError(t, Document([]byte(`null`), func(c *Cursor) error { return List(c, &got, readTree) }))
	require.Equal(t, []tree{}, got, "null leaves what is there")
	require.Error(t, Document([]byte(`{}`), func(c *Cursor) error { return List(c, &got, readTree) }))
}

// A cursor that waits for the next document holds nothing of the last one but
// room, whether or not all of that could be read.
func TestCursorsKeepNothing(t *testing.T) {
	t.Parallel()
	for end := range len(trees) + 1 {
		c := Cursor{document: []byte(trees[:end])}
		var got []tree
		require.Equal(t, end < len(trees), List(&c, &got, readTree) != nil)
		c.reset()
		for _, kept := range c.rooms {
			r := kept.(*room[tree])
			whole := r.elements[:cap(r.elements)]
			require.Empty(t, r.elements)
			for _, element := range whole {
				require.True(t, reflect.ValueOf(element).IsZero())
			}
			r.elements = nil
			require.Equal(t, &room[tree]{}, r)
		}
		if end == len(trees) {
			require.Len(t, c.rooms, 3, "one for each depth")
		}
		c.rooms, c.unescaped = nil, nil
		require.Equal(t, Cursor{}, c)
	}
}

// A document that is longer than pages are leaves no room of its size behind.
func TestCursorsKeepNoGreatRoom(t *testing.T) {
	t.Parallel()
	c := Cursor{document: append(make([]byte, 0, 1<<20), '[')}
	for range 10_000 {
		c.document = append(c.document, `{},`...)
	}
	c.document = append(c.document, `{}]`...)
	var got []tree
	require.NoError(t, List(&c, &got, readTree))
	require.Len(t, got, 10_001)
	c.reset()
	require.Equal(t, []emptier{&room[tree]{}}, c.rooms)
}
