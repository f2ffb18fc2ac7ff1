package store

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// busy is the pace after two commits of so many reports, of 10 ms each, the last of which
// has just ended.
func busy(before, last int) *pace {
	p := &pace{now: time.Now}
	for _, n := range []int{before, last} {
		p.committed(n, time.Now().Add(-10*time.Millisecond))
	}
	return p
}

func reports(n int) (all []*request) {
	for range n {
		all = append(all, &request{report: &rollup.Report{}})
	}
	return all
}

// gathered returns how many requests the pace makes of one report, and how long that
// takes, while others come at the given times.
func gathered(p *pace, at ...time.Duration) (n int, took time.Duration) {
	requests := make(chan *request, maxBatch)
	for _, d := range at {
		time.AfterFunc(d, func() { requests <- reports(1)[0] })
	}
	began := time.Now()
	n = len(p.gather(reports(1), requests))
	return n, time.Since(began)
}

func TestPaceWaitsForThoseWhoWereAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, took := gathered(busy(2, 2), time.Millisecond, 2*time.Millisecond, 3*time.Millisecond, 4*time.Millisecond)
		if n != 4 || took != 3*time.Millisecond {
			t.Errorf("%d after %s: all of two commits were there after 3 ms", n, took)
		}
	})
}

// What waits for others does so for half of a commit, however many they are.
func TestPaceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, took := gathered(busy(100, 200), time.Millisecond, 3*time.Millisecond, 6*time.Millisecond)
		if n != 3 || took != 5*time.Millisecond {
			t.Errorf("%d after %s", n, took)
		}
	})
}

// A disk that hangs once does not make the next batch wait.
func TestPaceOfAHangingDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := busy(100, 100)
		p.committed(100, time.Now().Add(-time.Minute))
		if n, took := gathered(p); n != 1 || took != mostPatience {
			t.Errorf("%d after %s", n, took)
		}
	})
}

// Ten that wait for one more lose ten times what they wait: that must not be more than the
// commit that it is spared.
func TestPaceDoesNotLetManyWaitForOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for after, want := range map[time.Duration]int{999 * time.Microsecond: 11, 1001 * time.Microsecond: 10} {
			requests := make(chan *request, 1)
			time.AfterFunc(after, func() { requests <- reports(1)[0] })
			began := time.Now()
			n := len(busy(10, 20).gather(reports(10), requests))
			if took := time.Since(began); n != want || took > 2*time.Millisecond {
				t.Errorf("one after %s: %d after %s", after, n, took)
			}
			time.Sleep(time.Second)
		}
	})
}

func TestPaceLetsThoseGoWhoHaveNobodyToWaitFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rested := busy(8, 8)
		time.Sleep(11 * time.Millisecond)
		for name, p := range map[string]*pace{
			"the first": {now: time.Now}, "a lone client": busy(1, 1), "a lone client after others": busy(8, 1),
			"after commits without reports": busy(0, 0), "after a rest": rested,
			"without a clock": {now: func() time.Time { return time.Time{} }, last: 8, before: 8},
		} {
			if n, took := gathered(p, time.Nanosecond); n != 1 || took != 0 {
				t.Errorf("%s: %d after %s", name, n, took)
			}
		}
		p := busy(2, 2)
		if all := p.gather(reports(4), nil); len(all) != 4 {
			t.Errorf("%d: all were there", len(all))
		}
	})
}

// What is no report is taken along, and is not counted as one: a lone client's commits
// have the blocks that were forwarded.
func TestPaceCountsReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		batch := append(reports(1), &request{}, &request{report: &rollup.Report{}, totals: true})
		if n := countOf(batch); n != 1 {
			t.Errorf("%d reports", n)
		}
		requests := make(chan *request, 2)
		requests <- &request{}
		close(requests)
		if all := busy(2, 2).gather(reports(1), requests); len(all) != 2 {
			t.Errorf("%d", len(all))
		}
	})
}

func TestPaceKeepsTheBoundOfBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := make(chan *request, 2*maxBatch)
		for range 2 * maxBatch {
			requests <- &request{}
		}
		if n := len(busy(maxBatch, maxBatch).gather(reports(1), requests)); n != maxBatch {
			t.Errorf("%d", n)
		}
	})
}

// A clock that is set back, or ahead during a commit, makes nobody wait for longer.
func TestPaceOfAnotherClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := busy(100, 100)
		p.committed(100, time.Now().Add(-time.Hour))
		looks := 0
		p.now = func() time.Time { // without a monotonic reading, as of a file or a wire
			looks++
			return time.Now().Round(0).Add(-time.Duration(looks) * time.Hour)
		}
		if n, took := gathered(p); n != 1 || took != mostPatience {
			t.Errorf("%d after %s", n, took)
		}
	})
}
