package fleet

import (
	"bytes"
	"regexp"
	"testing"
)

const testSteps = 36

func lively(full bool) *Fleet {
	return New(Config{
		Seed: 7, Clusters: 120, Steps: testSteps, Full: full,
		UpgradeShare: 0.3, BirthShare: 0.2, DeathShare: 0.2,
	})
}

// eachReport calls fn with everything that the fleet sends.
func eachReport(f *Fleet, fn func(c *Cluster, client Client, step int, report []byte)) {
	for step := range testSteps {
		for i := range f.Len() {
			c := f.Cluster(i)
			for client := range Clients {
				if c.Sends(client, step) {
					fn(&c, client, step, c.Report(nil, client, step))
				}
			}
		}
	}
}

func all(f *Fleet) []byte {
	var b bytes.Buffer
	eachReport(f, func(c *Cluster, _ Client, _ int, report []byte) {
		b.WriteString(c.ID())
		b.WriteByte('\n')
		b.Write(report)
	})
	return b.Bytes()
}

func TestSameSeedSameBytes(t *testing.T) {
	first := all(lively(true))
	if !bytes.Equal(first, all(lively(true))) {
		t.Error("the same fleet sent something else")
	}
	other := lively(true)
	other.cfg.Seed++
	if bytes.Equal(first, all(other)) {
		t.Error("another seed sent the same")
	}
}

func TestReportAppends(t *testing.T) {
	c := lively(false).Cluster(0)
	got := c.Report([]byte("before"), Controller, 0)
	if want := append([]byte("before"), c.Report(nil, Controller, 0)...); !bytes.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestIDs(t *testing.T) {
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	f := New(Config{Clusters: 10000})
	ids := make(map[string]bool)
	for i := range f.Len() {
		c := f.Cluster(i)
		if !uuid.MatchString(c.ID()) {
			t.Fatalf("cluster %d: id %q", i, c.ID())
		}
		ids[c.ID()] = true
	}
	if len(ids) != f.Len() {
		t.Errorf("%d ids for %d clusters", len(ids), f.Len())
	}
}

func TestLines(t *testing.T) {
	for _, full := range []bool{true, false} {
		eachReport(lively(full), func(c *Cluster, client Client, step int, report []byte) {
			lines := bytes.Count(report, []byte("\n"))
			lo, hi := 5, 6 // the sixth is a mislabeled kind
			switch {
			case full && client == Operator:
				lo, hi = 58, 58
			case full:
				lo, hi = 27, 27
			case client == Operator:
				lo, hi = 11, 11
			case c.v0:
				lo, hi = 7, 7
			}
			if lines < lo || lines > hi || report[len(report)-1] != '\n' {
				t.Fatalf("cluster %d step %d client %d: %d lines, want %d to %d:\n%s", c.index, step, client, lines, lo, hi, report)
			}
		})
	}
}

// What the fleet is made for must be in it.
func TestFleetHasWhatMakesCountingHard(t *testing.T) {
	f := lively(true)
	var v0, mislabeled, born, dead, repeats, reports int
	last := make(map[[2]int][]byte)
	eachReport(f, func(c *Cluster, client Client, step int, report []byte) {
		key := [2]int{c.index, int(client)}
		if before, ok := last[key]; ok {
			reports++
			if bytes.Equal(before, report) {
				repeats++
			}
		}
		last[key] = report
	})
	for i := range f.Len() {
		c := f.Cluster(i)
		report := string(c.Report(nil, Controller, 0))
		if c.v0 {
			v0++
		}
		if regexp.MustCompile(`kind="PostgreSQL"`).MatchString(report) {
			mislabeled++
		}
		if !c.Alive(0) {
			born++
		}
		if !c.Alive(testSteps - 1) {
			dead++
		}
		if n := c.Nodes(0); n < 1 || n > 21 {
			t.Errorf("cluster %d has %d nodes", i, n)
		}
	}
	if v0 == 0 || v0 > 15 || mislabeled == 0 || mislabeled > 18 {
		t.Errorf("%d from before v1.0, %d with a mislabeled kind", v0, mislabeled)
	}
	if born < 12 || born > 40 || dead < 12 || dead > 40 {
		t.Errorf("%d born, %d dead, of 120", born, dead)
	}
	if repeats*10 < reports*8 || repeats == reports {
		t.Errorf("%d of %d reports repeat the one before", repeats, reports)
	}
	if c := f.Cluster(0); !c.Alive(0) || !c.Alive(testSteps*100) {
		t.Error("the first cluster is not always alive")
	}
}

func TestUpgradeShowsBothKernelsForAWhile(t *testing.T) {
	f := lively(false)
	series := regexp.MustCompile(`(?m)^cozy_nodes_count\{os="[^"]*",kernel="([^"]*)"\} `)
	upgraded := 0
	for i := range f.Len() {
		c := f.Cluster(i)
		client := Operator
		if c.v0 {
			client = Controller
		}
		var doubles int
		kernels := make(map[string]bool)
		for step := c.born; step < testSteps+10; step++ {
			found := series.FindAllStringSubmatch(string(c.Report(nil, client, step)), -1)
			for _, m := range found {
				kernels[m[1]] = true
			}
			if len(found) == 2 {
				doubles++
			}
			var sum int64
			c.eachKernel(step, func(_ int, nodes int64) { sum += nodes })
			if sum != c.Nodes(step) || len(found) < 1 || len(found) > 2 {
				t.Fatalf("cluster %d step %d: nodes %v of %d, series %v", i, step, sum, c.Nodes(step), found)
			}
		}
		if c.upgrade == never {
			if len(kernels) != 1 || doubles > 0 {
				t.Errorf("cluster %d: kernels %v without an upgrade", i, kernels)
			}
			continue
		}
		upgraded++
		if c.baseNodes > maxRolling+1 && (len(kernels) != 2 || doubles != maxRolling) {
			t.Errorf("cluster %d of %d nodes: kernels %v, %d reports with both", i, c.baseNodes, kernels, doubles)
		}
		c.eachKernel(c.upgrade+maxRolling, func(kernel int, nodes int64) {
			if kernel != 1 {
				t.Errorf("cluster %d: still %d nodes not upgraded", i, nodes)
			}
		})
	}
	if upgraded < 20 || upgraded > 55 {
		t.Errorf("%d of 120 upgraded", upgraded)
	}
}

func BenchmarkReport(b *testing.B) {
	f := New(Config{Clusters: 1000, Full: true})
	var buf []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c := f.Cluster(i / 2 % 1000)
		buf = c.Report(buf[:0], Client(i%2), i/2000)
	}
}
