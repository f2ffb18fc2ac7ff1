package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// column is a column of a table.
type column struct {
	name string
	kind columnKind
}

// columnKind is what a column's cells hold.
type columnKind int

const (
	kindText   columnKind = iota
	kindJSON              // text that is JSON
	kindDate              // a day
	kindCount             // an integer
	kindNumber            // any number
	kindTruth             // true or false
)

// cell is a value. The zero cell is not known.
type cell struct {
	known  bool
	text   string
	number float64 // also of dates, in days since 1970, and of truth values, as 0 or 1
}

func textCell(s string) cell      { return cell{known: true, text: s} }
func numberCell(v float64) cell   { return cell{known: true, number: v} }
func countCell(n int) cell        { return numberCell(float64(n)) }
func dateCell(d rollup.Date) cell { return numberCell(float64(d)) }

func truthCell(b bool) cell {
	if b {
		return numberCell(1)
	}
	return numberCell(0)
}

// textOrNone takes an empty text for one that is not known.
func textOrNone(s string) cell { return cell{known: s != "", text: s} }

// append writes a cell that is known as text.
func (k columnKind) append(b []byte, c cell) []byte {
	switch k {
	case kindDate:
		return append(b, rollup.Date(c.number).String()...)
	case kindCount:
		return strconv.AppendInt(b, rounded(c.number), 10)
	case kindNumber:
		return strconv.AppendFloat(b, c.number, 'f', -1, 64)
	case kindTruth:
		return strconv.AppendBool(b, c.number != 0)
	}
	return append(b, c.text...)
}

// tableWriter writes the rows of a table, each with a cell per column.
type tableWriter interface {
	write(row []cell) error
	// close writes what is left. It does not close what is written to.
	close() error
}

func newTableWriter(format, name string, columns []column, w io.Writer) (tableWriter, error) {
	switch format {
	case "csv":
		return newCSVTable(columns, w)
	case "jsonl":
		return &jsonTable{columns: columns, w: bufio.NewWriterSize(w, 64<<10)}, nil
	case "parquet":
		return newParquetTable(name, columns, w), nil
	}
	return nil, fmt.Errorf("unknown format %q", format)
}

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

// jsonTable writes an object per line, with all columns in order; null is not
// known.
type jsonTable struct {
	columns []column
	w       *bufio.Writer
	line    []byte
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
