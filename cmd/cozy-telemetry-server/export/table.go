package export

import (
	"fmt"
	"io"
	"math"
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

// rounded makes a count of a value: half away from zero.
func rounded(v float64) int64 { return int64(math.Round(min(v, rollup.MaxValue))) }

// tableWriter writes the rows of a table, each with a cell per column.
type tableWriter interface {
	write(row []cell) error
	// close writes what is left. It does not close what is written to.
	close() error
}

func newTableWriter(format, name string, columns []column, w io.Writer) (tableWriter, error) {
	switch format {
	case CSV:
		return newCSVTable(columns, w)
	case JSONL:
		return newJSONTable(columns, w), nil
	case Parquet:
		return newParquetTable(name, columns, w), nil
	}
	return nil, fmt.Errorf("unknown format %q", format)
}
