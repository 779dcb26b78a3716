package output

import (
	"bytes"
	"errors"
	"iter"
)

// List is a list of results. Close it.
type List struct {
	o       *Writer
	columns []Column
	rows    [][]Cell // of a table, whose widths the last row may decide
	begun   bool
}

// Add adds a result, with the cells that show it.
func (l *List) Add(value any, row ...Cell) error {
	begun := l.begun
	l.begun = true
	switch l.o.format {
	case JSON:
		raw, err := Marshal(value)
		if err != nil {
			return err
		}
		separator := ",\n  "
		if !begun {
			separator = "[\n  "
		}
		_, err = l.o.Write(append([]byte(separator), bytes.TrimSpace(raw)...))
		return err
	case JSONL:
		return l.o.line(value)
	case CSV:
		if begun {
			return l.o.csv(nil, [][]Cell{row})
		}
		return l.o.csv(l.columns, [][]Cell{row})
	}
	l.rows = append(l.rows, row)
	return nil
}

// End ends a list that something has ended. Where an error did, and no result was
// there before, there is no list: see [Writer.Failure].
func (l *List) End(err error) error {
	if err != nil && !l.begun {
		return nil
	}
	return l.Close()
}

// Close ends the list. A list without results is one too.
func (l *List) Close() error {
	switch l.o.format {
	case JSON:
		end := "\n]\n"
		if !l.begun {
			end = "[]\n"
		}
		_, err := l.o.Write([]byte(end))
		return err
	case CSV:
		if !l.begun {
			return l.o.csv(l.columns, nil)
		}
	case Table:
		if l.begun {
			return l.o.table(l.columns, l.rows)
		}
	}
	return nil
}

// All writes a list of what a range yields. What came before an error is written,
// as a whole list.
func All[T any](o *Writer, columns []Column, results iter.Seq2[T, error], cells func(T) []Cell) error {
	list := o.List(columns)
	for result, err := range results {
		if err == nil {
			err = list.Add(result, cells(result)...)
		}
		if err != nil {
			return errors.Join(err, list.end())
		}
	}
	return list.Close()
}

// end closes a list that has begun.
func (l *List) end() error {
	if !l.begun {
		return nil
	}
	return l.Close()
}
