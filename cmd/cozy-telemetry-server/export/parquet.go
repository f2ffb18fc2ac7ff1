package export

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
	columns []column
	w       *parquet.GenericWriter[any]
	row     parquet.Row
}

func newParquetTable(name string, columns []column, w io.Writer) *parquetTable {
	group := parquet.Group{}
	for _, c := range columns {
		group[c.name] = parquet.Optional(c.kind.node())
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
	columns []column
}

func (g orderedGroup) Fields() []parquet.Field {
	fields := g.Group.Fields()
	at := make(map[string]int, len(g.columns))
	for i, c := range g.columns {
		at[c.name] = i
	}
	slices.SortFunc(fields, func(a, b parquet.Field) int { return at[a.Name()] - at[b.Name()] })
	return fields
}

func (k columnKind) node() parquet.Node {
	switch k {
	case kindJSON:
		return parquet.JSON()
	case kindDate:
		return parquet.Date()
	case kindCount:
		return parquet.Int(64)
	case kindNumber:
		return parquet.Leaf(parquet.DoubleType)
	case kindTruth:
		return parquet.Leaf(parquet.BooleanType)
	}
	return parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
}

func (k columnKind) value(c cell) parquet.Value {
	switch k {
	case kindDate:
		return parquet.Int32Value(int32(c.number))
	case kindCount:
		return parquet.Int64Value(rounded(c.number))
	case kindNumber:
		return parquet.DoubleValue(c.number)
	case kindTruth:
		return parquet.BooleanValue(c.number != 0)
	}
	return parquet.ByteArrayValue([]byte(c.text))
}

func (t *parquetTable) write(row []cell) error {
	for i, c := range row {
		t.row[i] = parquet.NullValue().Level(0, 0, i)
		if c.known {
			t.row[i] = t.columns[i].kind.value(c).Level(0, 1, i)
		}
	}
	_, err := t.w.WriteRows([]parquet.Row{t.row})
	return err
}

func (t *parquetTable) close() error { return t.w.Close() }
