// Package tabular writes tables as CSV, JSON lines or Parquet: those of a file, and those of
// what is published. Rows are cells without a format (table.go), which csv.go, json.go and
// parquet.go make bytes of. The same rows make the same bytes.
package tabular

import (
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// The formats.
const (
	CSV     = "csv"
	JSONL   = "jsonl"
	Parquet = "parquet"
	// RFC4180 is CSV with the line ends of that standard, as text/csv has it on the web.
	RFC4180 = "rfc4180"
)

// Column is a column of a table.
type Column struct {
	Name string
	Kind Kind
}

// Kind is what a column's cells hold.
type Kind int

const (
	Text   Kind = iota
	JSON        // text that is JSON
	Date        // a day
	Count       // an integer
	Number      // any number
	Truth       // true or false
)

// Named returns a column of the kind.
func (k Kind) Named(name string) Column { return Column{name, k} }

// Cell is a value. The zero Cell is not known.
type Cell struct {
	Known  bool
	Text   string
	Number float64 // also of dates, in days since 1970, and of truth values, as 0 or 1
}

// OfText is the cell of a text, also of JSON.
func OfText(s string) Cell { return Cell{Known: true, Text: s} }

// OfTextOrNone takes an empty text for one that is not known.
func OfTextOrNone(s string) Cell { return Cell{Known: s != "", Text: s} }

// OfNumber is the cell of a number.
func OfNumber(v float64) Cell { return Cell{Known: true, Number: v} }

// OfCount is the cell of an integer.
func OfCount(n int) Cell { return OfNumber(float64(n)) }

// OfCountOrNone is the cell of an integer, not known where it is nil.
func OfCountOrNone[N int | int64](n *N) Cell {
	if n == nil {
		return Cell{}
	}
	return OfNumber(float64(*n))
}

// OfDate is the cell of a day.
func OfDate(d rollup.Date) Cell { return OfNumber(float64(d)) }

// OfTruth is the cell of a truth value.
func OfTruth(b bool) Cell {
	if b {
		return OfNumber(1)
	}
	return OfNumber(0)
}

// append writes a cell that is known as text.
func (k Kind) append(b []byte, c Cell) []byte {
	switch k {
	case Date:
		return append(b, rollup.Date(c.Number).String()...)
	case Count:
		return strconv.AppendInt(b, rounded(c.Number), 10)
	case Number:
		return strconv.AppendFloat(b, c.Number, 'f', -1, 64)
	case Truth:
		return strconv.AppendBool(b, c.Number != 0)
	}
	return append(b, c.Text...)
}

// rounded makes a count of a value: half away from zero.
func rounded(v float64) int64 { return int64(math.Round(min(v, rollup.MaxValue))) }

// Writer writes the rows of a table, each with a cell per column.
type Writer interface {
	Write(row []Cell) error
	// Close writes what is left. It does not close what is written to.
	Close() error
}

// New returns the writer of a table with a name. The name of an unknown format is an error.
func New(format, name string, columns []Column, w io.Writer) (Writer, error) {
	switch format {
	case CSV, RFC4180:
		return newCSVTable(columns, w, format == RFC4180)
	case JSONL:
		return newJSONTable(columns, w), nil
	case Parquet:
		return newParquetTable(name, columns, w), nil
	}
	return nil, fmt.Errorf("unknown format %q", format)
}
