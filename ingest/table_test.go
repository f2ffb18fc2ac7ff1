package ingest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// flood is a body of n series that no other flood has.
func flood(number, n int) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "cozy_nodes_count{kernel=\"%d.%d\"} 1\n", number, i)
	}
	return []byte(b.String())
}

func (t *table) totals() (entries, bytes int) {
	for _, m := range []map[string]*series{t.young, t.old} {
		entries += len(m)
		for _, e := range m {
			bytes += e.size()
		}
	}
	return entries, bytes
}

// mustParse parses a body that is good.
func mustParse(t *testing.T, p *Parser, body []byte) {
	t.Helper()
	if _, _, err := p.Parse(nil, body); err != nil {
		t.Fatal(err)
	}
}

func TestTableIsBounded(t *testing.T) {
	tests := map[string]struct{ entries, bytes int }{
		"entries": {entries: 200, bytes: 1 << 30},
		"bytes":   {entries: 1 << 30, bytes: 40_000},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := NewParser(Limits{}, 1)
			p.table = newTable(tt.entries, tt.bytes)
			for i := range 20 {
				mustParse(t, p, flood(i, 90))
				entries, bytes := p.table.totals()
				if entries > tt.entries || bytes > tt.bytes {
					t.Fatalf("%d entries of %d bytes, want at most %d of %d", entries, bytes, tt.entries, tt.bytes)
				}
				if entries < 90 {
					t.Fatalf("only %d entries are kept", entries)
				}
			}
		})
	}
}

// Series in use survive a flood of new ones: they are not parsed again.
func TestTableKeepsWhatIsInUse(t *testing.T) {
	p := NewParser(Limits{}, 1)
	p.table = newTable(400, 1<<20)
	mustParse(t, p, fullReport(t))
	spelling := []byte(`cozy_package_info{name="cozystack.nats",variant="default"}`)
	first, _ := p.table.get(spelling)
	if first == nil {
		t.Fatal("a series was not remembered")
	}
	for i := range 20 {
		mustParse(t, p, flood(i, 100))
		mustParse(t, p, fullReport(t))
	}
	if p.table.generation.Load() < 5 {
		t.Fatal("the flood was too small to make the table forget")
	}
	if now, _ := p.table.get(spelling); now != first {
		t.Error("a series in use was forgotten")
	}
	if gone, _ := p.table.get([]byte(`cozy_nodes_count{kernel="0.0"}`)); gone != nil {
		t.Error("a series of the first flood is still remembered")
	}
}

func TestTableRemembersOnlyWhatWasTaken(t *testing.T) {
	long := `cozy_a{x="` + strings.Repeat("x", 900) + `",y="` + strings.Repeat("y", 900) + `"}`
	p := NewParser(Limits{}, 1)
	if _, _, err := p.Parse(nil, []byte("cozy_a 1\noops\n")); err == nil {
		t.Fatal("a bad line is taken")
	}
	mustParse(t, p, []byte(long+" 1\n{\"cozy_b\"} 1\ncozy_c+1\n"))
	if entries, _ := p.table.totals(); entries != 0 {
		t.Errorf("%d series are remembered", entries)
	}
	mustParse(t, p, []byte("cozy_a 1\n cozy_a  2\ncozy_a\t3 5\n"))
	if entries, _ := p.table.totals(); entries != 1 {
		t.Errorf("%d series are remembered, want 1", entries)
	}
}

// Guesses must not keep in memory what the table has forgotten.
func TestGuessesAreForgottenWithTheTable(t *testing.T) {
	p := NewParser(Limits{}, 1)
	p.table = newTable(100, 1<<20)
	s := newScanner(p)
	read := func(body []byte) {
		s.begin(nil, func(string) {})
		if err := s.scan(body); err != nil {
			t.Fatal(err)
		}
		p.table.add(s.fresh)
		s.end()
	}
	read(flood(0, 30))
	read(flood(1, 30))
	read([]byte("cozy_a 1\n"))
	guesses := 0
	for _, e := range s.next {
		if e != nil {
			guesses++
		}
	}
	if p.table.generation.Load() != 1 || guesses != 1 {
		t.Errorf("%d guesses in generation %d, want 1 in 1", guesses, p.table.generation.Load())
	}
	for _, e := range s.fresh[:cap(s.fresh)] {
		if e != nil {
			t.Fatal("an idle scanner refers to series")
		}
	}
}

func TestParserIsForManyAtOnce(t *testing.T) {
	p := NewParser(Limits{}, 1)
	p.table = newTable(200, 1<<20)
	bodies := [][]byte{fullReport(t), flood(1, 70), flood(2, 70), []byte("cozy_a 1\ncozy_a 2\n"), []byte("cozy_a 1\noops\n")}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 50 {
				checkOracle(t, "concurrent", p, bodies[(g+i)%len(bodies)], Limits{})
			}
		})
	}
	wg.Wait()
}
