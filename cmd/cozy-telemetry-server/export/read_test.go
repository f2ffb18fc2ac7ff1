package export

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// readCSV returns a table's rows by column; a cell that is not known is not there.
func readCSV(t *testing.T, content []byte) (columns []string, rows []map[string]string) {
	t.Helper()
	all, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil || len(all) == 0 {
		t.Fatal(err, "or no head line")
	}
	for _, fields := range all[1:] {
		row := map[string]string{}
		for i, f := range fields {
			if f != "" {
				row[all[0][i]] = f
			}
		}
		rows = append(rows, row)
	}
	return all[0], rows
}

// readJSONL does the same for lines of JSON.
func readJSONL(t *testing.T, content []byte) (rows []map[string]string) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		cells := map[string]json.RawMessage{}
		if err := json.Unmarshal(lines.Bytes(), &cells); err != nil {
			t.Fatal(err)
		}
		row := map[string]string{}
		for name, c := range cells {
			var text string
			switch {
			case string(c) == "null":
				continue
			case json.Unmarshal(c, &text) != nil:
				text = string(c)
			}
			row[name] = text
		}
		rows = append(rows, row)
	}
	return rows
}

// readParquet does the same for Parquet.
func readParquet(t *testing.T, content []byte) (columns []string, rows []map[string]string) {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range f.Schema().Columns() {
		columns = append(columns, c[0])
	}
	for _, group := range f.RowGroups() {
		r := group.Rows()
		buffer := make([]parquet.Row, 100)
		for {
			n, err := r.ReadRows(buffer)
			for _, cells := range buffer[:n] {
				rows = append(rows, parquetRow(f.Schema(), columns, cells))
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		r.Close()
	}
	return columns, rows
}

func parquetRow(schema *parquet.Schema, columns []string, cells parquet.Row) map[string]string {
	row := map[string]string{}
	for i, v := range cells {
		switch {
		case v.IsNull():
			continue
		case schema.Fields()[i].Type().String() == "DATE":
			row[columns[i]] = rollup.Date(v.Int32()).String()
		case v.Kind() == parquet.Double:
			row[columns[i]] = strconv.FormatFloat(v.Double(), 'f', -1, 64)
		default:
			row[columns[i]] = v.String()
		}
	}
	return row
}
