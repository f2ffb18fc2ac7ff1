package export

import (
	"encoding/csv"
	"io"
)

// csvTable writes a head line, and cells that are not known as nothing.
type csvTable struct {
	columns []column
	w       *csv.Writer
	fields  []string
}

func newCSVTable(columns []column, w io.Writer) (*csvTable, error) {
	t := &csvTable{columns, csv.NewWriter(w), make([]string, len(columns))}
	for i, c := range columns {
		t.fields[i] = c.name
	}
	return t, t.w.Write(t.fields)
}

func (t *csvTable) write(row []cell) error {
	for i, c := range row {
		t.fields[i] = ""
		if c.known {
			t.fields[i] = string(t.columns[i].kind.append(nil, c))
		}
	}
	return t.w.Write(t.fields)
}

func (t *csvTable) close() error {
	t.w.Flush()
	return t.w.Error()
}
