package tabular

import (
	"encoding/csv"
	"io"
	"strings"
	"unicode/utf8"
)

// csvTable writes a head line, and cells that are not known as nothing. Text that a
// spreadsheet would take for a formula, for it is what a cluster says, gets an
// apostrophe before it.
type csvTable struct {
	columns []Column
	w       *csv.Writer
	fields  []string
}

func newCSVTable(columns []Column, w io.Writer, crlf bool) (*csvTable, error) {
	t := &csvTable{columns, csv.NewWriter(w), make([]string, len(columns))}
	t.w.UseCRLF = crlf
	for i, c := range columns {
		t.fields[i] = c.Name
	}
	return t, t.w.Write(t.fields)
}

func (t *csvTable) Write(row []Cell) error {
	for i, c := range row {
		t.fields[i] = ""
		if c.Known {
			t.fields[i] = string(t.columns[i].Kind.append(nil, c))
		}
		if t.columns[i].Kind == Text && isFormula(t.fields[i]) {
			t.fields[i] = "'" + t.fields[i]
		}
	}
	return t.w.Write(t.fields)
}

// isFormula tells whether a text begins as a formula does, in narrow or wide letters,
// or with white space that a spreadsheet drops before it looks.
func isFormula(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	return strings.ContainsRune("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20", first)
}

func (t *csvTable) Close() error {
	t.w.Flush()
	return t.w.Error()
}
