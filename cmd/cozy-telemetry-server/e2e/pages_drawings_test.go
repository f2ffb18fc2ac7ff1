package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// checkDrawings holds every chart of a page against the table beside it, which axe-core does
// not ask for: the same rows with the same figures, named for those who can't see it, with
// its unit.
func checkDrawings(t *testing.T, what string, s sight) {
	t.Helper()
	charts := 0
	for id, d := range s.Figures {
		charts += d.Charts
		if len(d.Rows) == 0 || len(d.Heads) != len(d.Rows[0]) {
			t.Errorf("%s: %s has no table", what, id)
			continue
		}
		if d.Charts == 0 {
			continue
		}
		if d.Charts != 1 || d.Nameless || d.Axis == "" || d.CSV == "" {
			t.Errorf("%s: %s has %d charts, nameless %v, axis %q, CSV %q", what, id, d.Charts, d.Nameless, d.Axis, d.CSV)
		}
		if len(d.Months) > 0 {
			equal(t, what+": "+id, marks(d.Months), monthsOfTable(d))
		} else {
			checkBars(t, what+": "+id, d)
		}
	}
	if charts < 2 {
		t.Errorf("%s: %d charts", what, charts)
	}
}

// checkBars holds bars against the first rows of their table: zeros need no bar, and the
// chart says how many it leaves out.
func checkBars(t *testing.T, what string, d drawing) {
	t.Helper()
	var want [][]*string
	left := 0
	for _, row := range d.Rows {
		switch {
		case row[1] == nil || *row[1] == "0":
		case *row[0] != "other" && len(want) >= 20:
			left++
		default:
			want = append(want, row[:2])
		}
	}
	var got [][]*string
	for _, b := range d.Bars {
		got = append(got, []*string{&b.Label, b.Values[0]})
	}
	equal(t, what, got, want)
	if says := strings.Contains(d.Note, "more in the table"); says != (left > 0) {
		t.Errorf("%s: %d rows are left out, and it says %q", what, left, d.Note)
	}
}

// monthsOfTable are the values of a table of months, the oldest first. A chart of one series
// has no second value, and it begins with the first month of which anything is known.
func monthsOfTable(d drawing) (values [][]*string) {
	for _, row := range slices.Backward(d.Rows) {
		pair := []*string{row[1], nil}
		if d.Heads[2] == "Confirmed" {
			pair[1] = row[2]
		}
		if len(values) > 0 || pair[0] != nil || pair[1] != nil {
			values = append(values, pair)
		}
	}
	return values
}

func marks(all []mark) (values [][]*string) {
	for _, m := range all {
		values = append(values, m.Values[:])
	}
	return values
}

// cut returns some columns of a table.
func cut(d drawing, columns ...int) (rows [][]*string) {
	for _, row := range d.Rows {
		var some []*string
		for _, c := range columns {
			if c < len(row) {
				some = append(some, row[c])
			}
		}
		rows = append(rows, some)
	}
	return rows
}

// texts are values as a table has them, nil for what is not known.
func texts(values ...any) (row []*string) {
	for _, v := range values {
		if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer {
			if r.IsNil() {
				row = append(row, nil)
				continue
			}
			v = r.Elem().Interface()
		}
		text := fmt.Sprint(v)
		if f, ok := v.(float64); ok {
			text = strconv.FormatFloat(f, 'f', -1, 64)
		}
		row = append(row, &text)
	}
	return row
}

// equal compares what has pointers, and shows what they point to.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	g, errG := json.Marshal(got)
	w, errW := json.Marshal(want)
	if err := errors.Join(errG, errW); err != nil {
		t.Fatal(err)
	}
	if string(g) != string(w) {
		t.Errorf("%s: got\n%s, want\n%s", what, g, w)
	}
}

func number(n *int64) string {
	if n == nil {
		return "not known"
	}
	return fmt.Sprint(*n)
}
