package ingest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// A body's memory is used again for others, so samples must not lie in it.
func TestSamplesDoNotReferToTheBody(t *testing.T) {
	p := NewParser(Limits{}, 1)
	for _, spelling := range []string{`cozy_a{x="1"}`, `{"cozy_a","x"="1"}`} {
		for range 3 {
			body := []byte(spelling + " 1\n")
			samples, _, err := p.Parse(nil, body)
			if err != nil {
				t.Fatal(err)
			}
			clear(body)
			if want := rollup.Series(`cozy_a{x="1"}`); samples[0].Series != want {
				t.Errorf("%s: got %q, want %q", spelling, samples[0].Series, want)
			}
		}
	}
}

func TestParseUsesTheBuffer(t *testing.T) {
	p := NewParser(Limits{}, 1)
	buf := make([]rollup.Sample, 3, 8)
	samples, _, err := p.Parse(buf, []byte("cozy_a 1\n"))
	if err != nil || len(samples) != 1 || &samples[0] != &buf[0] {
		t.Errorf("got %v, %v", samples, err)
	}
}

// A report whose series are known costs no allocation at all.
func TestKnownSeriesCostNoAllocation(t *testing.T) {
	p := NewParser(Limits{}, 1)
	s := newScanner(p)
	bodies := append(shuffles(fullReport(t)), fullReport(t))
	var samples []rollup.Sample
	read := func(body []byte) {
		s.begin(samples, func(string) {})
		if err := s.scan(body); err != nil {
			t.Fatal(err)
		}
		samples = s.samples
		p.table.add(s.fresh)
		s.end()
	}
	read(bodies[0])
	i := 0
	if n := testing.AllocsPerRun(len(bodies), func() { i++; read(bodies[i%len(bodies)]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Doubled series are found however many there are, in whatever spelling.
func TestManyDoubledSeries(t *testing.T) {
	const n = 1200
	var body bytes.Buffer
	for round := range 3 {
		for i := range n {
			labels := fmt.Sprintf(`{a="%d",b="2"}`, i)
			if (i+round)%2 == 0 {
				labels = fmt.Sprintf(`{b="2",a="%d"}`, i)
			}
			fmt.Fprintf(&body, "cozy_a%s %d\n", labels, (round*7+i)%3)
		}
	}
	p := NewParser(Limits{}, 1)
	for _, when := range []string{"cold", "warm"} {
		samples, _, err := p.Parse(nil, body.Bytes())
		if err != nil || len(samples) != n {
			t.Fatalf("%s: %d samples, %v; want %d", when, len(samples), err, n)
		}
		checkOracle(t, when, p, body.Bytes(), Limits{})
	}
}

// The limits hold for known series as for new ones.
func TestLimitsHoldForKnownSeries(t *testing.T) {
	limits := Limits{Samples: 3}
	p := NewParser(limits, 1)
	for _, body := range []string{
		"cozy_a 1\ncozy_a 2\ncozy_a 3\n", "cozy_a 1\ncozy_a 2\ncozy_a 3\ncozy_a 4\n", "cozy_a 1\n# c\n\ncozy_a 2\nx 3\n# c\n", "x 1\nx 2\nx 3\nx 4\n",
		"cozy_a 1\ncozy_a 2\ncozy_a 3\noops\n",
	} {
		for range 3 {
			checkOracle(t, strings.ReplaceAll(body, "\n", "|"), p, []byte(body), limits)
		}
	}
}

func TestSplitLine(t *testing.T) {
	tests := map[string]struct{ spelling, value string }{
		`a 1`:                    {`a`, `1`},
		" \ta \t 1 5 ":           {`a`, `1 5 `},
		`a{} 1`:                  {`a{}`, `1`},
		`a {x="1"}1`:             {`a {x="1"}`, `1`},
		`a{x="}",y="{"} 1`:       {`a{x="}",y="{"}`, `1`},
		`a{x="\""} 1`:            {`a{x="\""}`, `1`},
		`a{x="\"}"} 1`:           {`a{x="\"}"}`, `1`},
		`a{x="\\"} 1`:            {`a{x="\\"}`, `1`},
		`a{x="\\\"}",y="\\"} 1}`: {`a{x="\\\"}",y="\\"}`, `1}`},
		`a{x="1"`:                {},
		`a{x="1`:                 {},
		`a{x="\"}`:               {},
		`a`:                      {},
		`a+1`:                    {},
		`{"a"} 1`:                {},
		`"a" 1`:                  {},
	}
	for line, want := range tests {
		spelling, value, ok := splitLine([]byte(line))
		if ok != (want.spelling != "") || ok && (string(spelling) != want.spelling || string(value) != want.value) {
			t.Errorf("%s: got %q, %q, %v", line, spelling, value, ok)
		}
	}
}

// Two series may have one hash.
func TestSeenTellsSeriesOfOneHashApart(t *testing.T) {
	all := []*series{{text: "a", hash: 1}, {text: "b", hash: 1}, {text: "c", hash: 2}, {text: "d", hash: 1 + minSlots}}
	var s seen
	s.reset()
	var samples []rollup.Sample
	for i, e := range all {
		if got := s.index(e, samples); got != i {
			t.Errorf("%s is at %d before it was added", e.text, got)
		}
		samples = append(samples, rollup.Sample{Series: e.text})
	}
	for i, e := range all {
		if got := s.index(e, samples); got != i {
			t.Errorf("%s is at %d, want %d", e.text, got, i)
		}
	}
}

// A parser has so many scanners. Who finds none free waits for one, and none is lost
// to what could not be parsed.
func TestScannersBoundParsing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewParser(Limits{}, 2)
		held := []*scanner{<-p.scanners, <-p.scanners}
		parsed := false
		go func() {
			mustParse(t, p, []byte("cozy_a 1\n"))
			parsed = true
		}()
		synctest.Wait()
		if parsed {
			t.Error("a third body is parsed while two are")
		}
		p.scanners <- held[0]
		synctest.Wait()
		if !parsed {
			t.Error("it is not parsed when one of the two is done")
		}
		p.scanners <- held[1]
		for range 5 {
			if _, _, err := p.Parse(nil, []byte("bad\n")); err == nil {
				t.Error("a bad line is taken")
			}
		}
		for range 5 {
			mustParse(t, p, []byte(largeBody(300<<10)))
		}
		if len(p.scanners) != 2 {
			t.Errorf("%d scanners are left", len(p.scanners))
		}
	})
}

// Only what is a whole series is remembered: not one with its value behind it, of
// which the next line would be a time.
func TestOnlyWholeSeriesAreLearnt(t *testing.T) {
	s := newScanner(NewParser(Limits{}, 1))
	for spelling, whole := range map[string]bool{"cozy_a": true, `cozy_a{x="1"}`: true, "cozy_a 1": false, "cozy_a 5": false, `cozy_a{x="1"} 1`: false, "1": false} {
		if e := s.learn([]byte(spelling)); (e != nil) != whole {
			t.Errorf("%s: learnt %v", spelling, e)
		}
	}
}
