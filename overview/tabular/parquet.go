package tabular

import (
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// rowsPerGroup bounds the rows that are kept in memory until they are written.
const rowsPerGroup = 50_000

// parquetTable writes Parquet: a column for each, all of which may be null.
type parquetTable struct {
	columns []Column
	w       *parquet.GenericWriter[any]
	row     parquet.Row
}

func newParquetTable(name string, columns []Column, w io.Writer) *parquetTable {
	group := parquet.Group{}
	for _, c := range columns {
		group[c.Name] = parquet.Optional(c.Kind.node())
	}
	schema := parquet.NewSchema(name, orderedGroup{group, columns})
	return &parquetTable{
		columns: columns,
		row:     make(parquet.Row, len(columns)),
		w: parquet.NewGenericWriter[any](w, schema,
			parquet.Compression(&zstd.Codec{}), parquet.MaxRowsPerRowGroup(rowsPerGroup)),
	}
}

// orderedGroup is a group whose fields stand in the order of the columns, not of
// their names.
type orderedGroup struct {
	parquet.Group
	columns []Column
}

func (g orderedGroup) Fields() []parquet.Field {
	fields := g.Group.Fields()
	at := make(map[string]int, len(g.columns))
	for i, c := range g.columns {
		at[c.Name] = i
	}
	slices.SortFunc(fields, func(a, b parquet.Field) int { return at[a.Name()] - at[b.Name()] })
	return fields
}

func (k Kind) node() parquet.Node {
	switch k {
	case JSON:
		return parquet.JSON()
	case Date:
		return parquet.Date()
	case Count:
		return parquet.Int(64)
	case Number:
		return parquet.Leaf(parquet.DoubleType)
	case Truth:
		return parquet.Leaf(parquet.BooleanType)
	}
	return parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
}

func (k Kind) value(c Cell) parquet.Value {
	switch k {
	case Date:
		return parquet.Int32Value(int32(c.Number))
	case Count:
		return parquet.Int64Value(rounded(c.Number))
	case Number:
		return parquet.DoubleValue(c.Number)
	case Truth:
		return parquet.BooleanValue(c.Number != 0)
	}
	return parquet.ByteArrayValue([]byte(c.Text))
}

func (t *parquetTable) Write(row []Cell) error {
	for i, c := range row {
		t.row[i] = parquet.NullValue().Level(0, 0, i)
		if c.Known {
			t.row[i] = t.columns[i].Kind.value(c).Level(0, 1, i)
		}
	}
	_, err := t.w.WriteRows([]parquet.Row{t.row})
	return err
}

func (t *parquetTable) Close() error { return t.w.Close() }
