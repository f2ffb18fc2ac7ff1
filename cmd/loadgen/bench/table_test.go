package bench

import (
	"errors"
	"strings"
	"testing"
)

func TestTablePrints(t *testing.T) {
	table := Table{Size: "small", CPUs: 2, Rows: []Row{
		{"cpu", "CPU per request", "vmagent's", "50.0 µs, vmagent 40.0 µs", 1.25, Least},
		{"start", "start", "1 s", "0.50 s", 0.5, OK},
		{"month", "cold month", "1/20 of theirs", "no such program", 0, Failed},
	}}
	want := `size small, 2 CPUs for all

what             goal            figure                    ratio  
CPU per request  vmagent's       50.0 µs, vmagent 40.0 µs  1.25×  least
start            1 s             0.50 s                    0.50×  ok
cold month       1/20 of theirs  no such program           -      failed
`
	var b strings.Builder
	if n, err := table.WriteTo(&b); b.String() != want || n != int64(len(want)) || err != nil {
		t.Errorf("printed %d bytes, error %v:\n%s\nwant\n%s", n, err, b.String(), want)
	}
	if n := table.Failures(); n != 1 {
		t.Errorf("%d failures", n)
	}
}

type full struct{ error }

func (f full) Write([]byte) (int, error) { return 0, f.error }

func TestTableTellsOfAFailedWrite(t *testing.T) {
	want := errors.New("disk full")
	if n, err := (Table{}).WriteTo(full{want}); n != 0 || !errors.Is(err, want) {
		t.Errorf("%d bytes, error %v", n, err)
	}
}

func TestJudge(t *testing.T) {
	less, more := goal{ratio: 1, least: 1.5}, goal{ratio: 1, least: 0.6, more: true}
	for _, tt := range []struct {
		name  string
		goal  goal
		ratio float64
		want  Verdict
	}{
		{"less, reached", less, 1, OK},
		{"less, the least", less, 1.5, Least},
		{"less, missed", less, 1.51, Missed},
		{"more, reached", more, 1, OK},
		{"more, the least", more, 0.6, Least},
		{"more, missed", more, 0.59, Missed},
		{"no least, reached", within("1 s"), 0.99, OK},
		{"no least, missed", within("1 s"), 1.01, Missed},
		{"more without a least", goal{ratio: 1, more: true}, 0.99, Missed},
	} {
		if got := tt.goal.judge(tt.ratio); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
