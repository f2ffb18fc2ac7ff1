package tabular

import (
	"bufio"
	"encoding/json"
	"io"
	"strconv"
)

// jsonTable writes an object per line, with all columns in order; null is not
// known.
type jsonTable struct {
	columns []Column
	w       *bufio.Writer
	line    []byte
}

func newJSONTable(columns []Column, w io.Writer) *jsonTable {
	return &jsonTable{columns: columns, w: bufio.NewWriterSize(w, 64<<10)}
}

func (t *jsonTable) Write(row []Cell) error {
	t.line = append(t.line[:0], '{')
	for i, c := range row {
		if i > 0 {
			t.line = append(t.line, ',')
		}
		t.line = strconv.AppendQuote(t.line, t.columns[i].Name)
		t.line = append(t.line, ':')
		var err error
		if t.line, err = appendJSON(t.line, t.columns[i].Kind, c); err != nil {
			return err
		}
	}
	t.line = append(t.line, "}\n"...)
	_, err := t.w.Write(t.line)
	return err
}

func appendJSON(b []byte, kind Kind, c Cell) ([]byte, error) {
	switch {
	case !c.Known:
		return append(b, "null"...), nil
	case kind == Text:
		text, err := json.Marshal(c.Text)
		return append(b, text...), err
	case kind == Date:
		b = append(b, '"')
		return append(kind.append(b, c), '"'), nil
	}
	return kind.append(b, c), nil
}

func (t *jsonTable) Close() error { return t.w.Flush() }
