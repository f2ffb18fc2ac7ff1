package export

import (
	"bufio"
	"encoding/json"
	"io"
	"strconv"
)

// jsonTable writes an object per line, with all columns in order; null is not
// known.
type jsonTable struct {
	columns []column
	w       *bufio.Writer
	line    []byte
}

func newJSONTable(columns []column, w io.Writer) *jsonTable {
	return &jsonTable{columns: columns, w: bufio.NewWriterSize(w, 64<<10)}
}

func (t *jsonTable) write(row []cell) error {
	t.line = append(t.line[:0], '{')
	for i, c := range row {
		if i > 0 {
			t.line = append(t.line, ',')
		}
		t.line = strconv.AppendQuote(t.line, t.columns[i].name)
		t.line = append(t.line, ':')
		var err error
		if t.line, err = appendJSON(t.line, t.columns[i].kind, c); err != nil {
			return err
		}
	}
	t.line = append(t.line, "}\n"...)
	_, err := t.w.Write(t.line)
	return err
}

func appendJSON(b []byte, kind columnKind, c cell) ([]byte, error) {
	switch {
	case !c.known:
		return append(b, "null"...), nil
	case kind == kindText:
		text, err := json.Marshal(c.text)
		return append(b, text...), err
	case kind == kindDate:
		b = append(b, '"')
		return append(kind.append(b, c), '"'), nil
	}
	return kind.append(b, c), nil
}

func (t *jsonTable) close() error { return t.w.Flush() }
