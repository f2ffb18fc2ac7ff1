package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

func TestRecordSurvivesReopening(t *testing.T) {
	s := open(t, Options{})
	want := make(model)
	for i, r := range []rollup.Report{
		report(uuid(1), march, "a", `b{x="1"}`),
		report(uuid(1), march.Add(time.Hour), "a_b"),
		report("not-a-uuid", march, "a"),
		report(uuid(1), march.AddDate(0, 0, 1), "a"),
		{Product: "other", Instance: uuid(1), Received: march, Samples: []rollup.Sample{{Series: "a", Value: 0.3}}},
	} {
		must(t, s.Record(t.Context(), r, fmt.Appendf(nil, "line %d\n", i)))
		want.add(r)
	}
	compareModels(t, stored(t, s), want)
	id, before := s.DatabaseID(), s.Queue()
	s = reopen(t, s)
	compareModels(t, stored(t, s), want)
	if s.DatabaseID() != id || id == "" {
		t.Errorf("the database was called %q, and is now %q", id, s.DatabaseID())
	}
	if s.Queue() != before || before.Blocks == 0 {
		t.Errorf("the queue was %+v, and is now %+v", before, s.Queue())
	}
}

// Whatever the order, the batching and the doubles, the file holds what the
// model holds, and every line once.
func TestConcurrentRecords(t *testing.T) {
	const senders, each = 64, 50
	reports, commits := 0, 0
	s := open(t, Options{OnCommit: func(c Commit) {
		reports += c.Reports
		commits++
	}})
	want := make(model)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for sender := range senders {
		wg.Go(func() {
			for i := range each {
				n := sender*each + i
				r := report(uuid(n%20), march.AddDate(0, 0, n/20%2).Add(time.Duration(i%5)*time.Hour),
					rollup.Series(fmt.Sprintf(`a{x="%d"}`, n%7)), "b")
				r.Product = []string{"cozystack", "other"}[n/40%2]
				r.Samples[0].Value = float64(n)
				if err := s.Record(t.Context(), r, fmt.Appendf(nil, "%d %d\n", sender, i)); err != nil {
					t.Error(err)
				}
				mu.Lock()
				want.add(r)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(want) != 80 {
		t.Fatalf("the test covers %d records, want 20 instances on 2 days in 2 products", len(want))
	}
	compareModels(t, stored(t, s), want)
	compareQueue(t, s)
	compareSent(t, allBlocks(t, s), senders, each)
	s = reopen(t, s)
	compareModels(t, stored(t, s), want)
	compareSent(t, allBlocks(t, s), senders, each)
	must(t, s.Close()) // the writer is done: its counts can be read
	if reports != senders*each || commits >= reports {
		t.Errorf("%d commits with %d reports, want %d in fewer", commits, reports, senders*each)
	}
}

// compareSent wants every sender's lines, each once, in the sender's order.
func compareSent(t *testing.T, blocks []rollup.Block, senders, each int) {
	t.Helper()
	next := make([]int, senders)
	reports, samples := 0, 0
	for _, b := range blocks {
		reports += b.Reports
		samples += b.Samples
	}
	for line := range strings.Lines(text(t, blocks)) {
		var sender, i int
		if _, err := fmt.Sscanf(line, "%d %d\n", &sender, &i); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if i != next[sender] {
			t.Fatalf("line %d of sender %d comes where %d should", i, sender, next[sender])
		}
		next[sender]++
	}
	for sender, n := range next {
		if n != each {
			t.Errorf("sender %d: %d lines, want %d", sender, n, each)
		}
	}
	if reports != senders*each || samples != senders*each {
		t.Errorf("blocks count %d reports and %d samples, want %d", reports, samples, senders*each)
	}
}

func TestRecordAgreesWithTheModel(t *testing.T) {
	s := open(t, Options{})
	next := 0
	rapid.Check(t, func(t *rapid.T) {
		next++
		product := fmt.Sprint("product ", next)
		want := make(model)
		var wg sync.WaitGroup
		for range rapid.IntRange(1, 6).Draw(t, "reports") {
			instance := rapid.SampledFrom([]string{uuid(1), "x"}).Draw(t, "instance")
			hours := rapid.IntRange(0, 40).Draw(t, "hours")
			r := randomReport(product, instance, march.Add(time.Duration(hours)*time.Hour)).Draw(t, "report")
			want.add(r)
			wg.Go(func() { must(t, s.Record(context.Background(), r, nil)) })
		}
		wg.Wait()
		got := stored(t, s)
		for k := range got {
			if k.product != product {
				delete(got, k)
			}
		}
		compareModels(t, got, want)
	})
}

func TestDayVersionsGrowWithChangesOnly(t *testing.T) {
	s := open(t, Options{})
	versions := func() map[rollup.Date]uint64 {
		v, err := s.DayVersions("cozystack")
		must(t, err)
		return v
	}
	if v := versions(); len(v) != 0 {
		t.Fatalf("a new file has days: %v", v)
	}
	day := rollup.DateOf(march)
	r := report(uuid(1), march, "a")
	must(t, s.Record(t.Context(), r, nil))
	first := versions()[day]

	changes := func(name string, want bool, r rollup.Report) {
		t.Helper()
		before := versions()[day]
		must(t, s.Record(t.Context(), r, []byte("a 1 1\n")))
		if after := versions()[day]; (after > before) != want || after < before {
			t.Errorf("%s: version %d becomes %d", name, before, after)
		}
	}
	changes("the same again", false, r)
	changes("the same a minute later", false, report(uuid(1), march.Add(time.Minute), "a"))
	changes("a report without samples", false, report(uuid(1), march.Add(5*time.Hour)))
	changes("another day", false, report(uuid(1), march.AddDate(0, 0, 1), "a"))
	changes("a later hour", true, report(uuid(1), march.Add(time.Hour), "a"))
	changes("another series", true, report(uuid(1), march, "b"))
	changes("another instance", true, report(uuid(2), march, "a"))
	other := r
	other.Product = "other"
	changes("another product", false, other)
	if v, err := s.DayVersions("other"); err != nil || len(v) != 1 || v[day] == 0 {
		t.Errorf("the other product's days are %v, %v", v, err)
	}
	if first == 0 || len(versions()) != 2 {
		t.Errorf("first version %d, days %v", first, versions())
	}
}

func TestReportWithoutSamplesLeavesNoRecord(t *testing.T) {
	s := open(t, Options{})
	must(t, s.Record(t.Context(), report(uuid(1), march), nil))
	if m := stored(t, s); len(m) != 0 {
		t.Errorf("got %+v", m)
	}
	if _, ok, err := s.FirstMonth("cozystack"); ok || err != nil {
		t.Errorf("a first month of nothing: %v, %v", ok, err)
	}
}

func TestFirstMonth(t *testing.T) {
	s := open(t, Options{})
	first := func(want string) {
		t.Helper()
		if m, ok, err := s.FirstMonth("cozystack"); err != nil || !ok || m.String() != want {
			t.Errorf("got %s, %v, %v; want %s", m, ok, err, want)
		}
	}
	must(t, s.Record(t.Context(), report(uuid(1), march, "a"), nil))
	first("2026-03")
	must(t, s.Record(t.Context(), report(uuid(1), march.AddDate(0, -4, 0), "a"), nil))
	first("2025-11")
	must(t, s.CloseDays(t.Context(), rollup.NewMonth(2025, time.November), rollup.NewMonth(2025, time.November).Last()))
	first("2025-11")
}

// More records than one read transaction hands out.
func TestInstancesInChunks(t *testing.T) {
	s := open(t, Options{})
	const n = 2*readChunk + 3
	var wg sync.WaitGroup
	var want []string
	for i := range n {
		want = append(want, uuid(i))
		wg.Go(func() { must(t, s.Record(t.Context(), report(uuid(i), march, "a"), nil)) })
	}
	wg.Wait()
	slices.Sort(want)
	next := 0
	must(t, s.Instances(t.Context(), rollup.DateOf(march), func(_, instance string, _ rollup.Day) error {
		if instance != want[next] {
			t.Fatalf("%s comes in place of %s", instance, want[next])
		}
		next++
		return nil
	}))
	if next != n {
		t.Errorf("%d instances, want %d", next, n)
	}
}

func TestInstancesEndsWithTheFirstError(t *testing.T) {
	s := open(t, Options{})
	for i := range 3 {
		must(t, s.Record(t.Context(), report(uuid(i), march, "a"), nil))
	}
	stop := errors.New("stop")
	calls := 0
	count := func(_, _ string, _ rollup.Day) error { calls++; return stop }
	if err := s.Instances(t.Context(), rollup.DateOf(march), count); !errors.Is(err, stop) || calls != 1 {
		t.Errorf("got %v after %d calls", err, calls)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Instances(cancelled, rollup.DateOf(march), count); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

// One record that can't be read must not keep the others out.
func TestDamagedRecordFailsItsOwnReportsOnly(t *testing.T) {
	synctest.Test(t, testDamagedRecordFailsItsOwnReportsOnly)
}

func testDamagedRecordFailsItsOwnReportsOnly(t *testing.T) {
	s := open(t, Options{})
	for i := range 3 {
		must(t, s.Record(t.Context(), report(uuid(i), march, "a"), nil))
	}
	must(t, s.update(t.Context(), func(tx *bolt.Tx) error {
		day := tx.Bucket(layout.BucketDays).Bucket([]byte(rollup.DateOf(march).String()))
		records := layout.RecordsOf(day, "cozystack")
		return records.Put(record.Key(uuid(1)), []byte{99, 99, 99})
	}))

	release := holdWriter(t, s)
	errs := make([]error, 3)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			r := report(uuid(i), march.Add(time.Hour), "b")
			errs[i] = s.Record(context.Background(), r, fmt.Appendf(nil, "line %d\n", i))
		})
	}
	synctest.Wait()
	release()
	wg.Wait()

	for i, err := range errs {
		if i == 1 && (!errors.Is(err, dberrors.ErrDamaged) || !strings.Contains(err.Error(), uuid(1))) {
			t.Errorf("the damaged one: %v", err)
		}
		if i != 1 && err != nil {
			t.Errorf("a good one: %v", err)
		}
	}
	must(t, s.Ready(t.Context()))
	if queued := text(t, allBlocks(t, s)); strings.Contains(queued, "line 1") || strings.Count(queued, "\n") != 2 {
		t.Errorf("queued: %q", queued)
	}
	if err := s.Instances(t.Context(), rollup.DateOf(march), func(_, _ string, _ rollup.Day) error { return nil }); !errors.Is(err, dberrors.ErrDamaged) {
		t.Errorf("reading: got %v", err)
	}
	all := func(string, []rollup.Month) error { return nil }
	if err := s.Fold(t.Context(), "cozystack", rollup.MonthOf(march), rollup.MonthOf(march), nil, all); !errors.Is(err, dberrors.ErrDamaged) {
		t.Errorf("folding: got %v", err)
	}
}

func TestCommitIsTimedAndCounted(t *testing.T) {
	var commits []Commit
	clock := march
	s := open(t, Options{
		Now:      func() time.Time { clock = clock.Add(time.Second); return clock },
		OnCommit: func(c Commit) { commits = append(commits, c) },
	})
	must(t, s.Record(t.Context(), report(uuid(1), march, "a"), nil))
	must(t, s.PutAppList(t.Context(), []byte("x")))
	must(t, s.Close())
	want := []Commit{{Reports: 1, Duration: time.Second}, {Duration: time.Second}}
	if len(commits) != 2 || commits[0] != want[0] || commits[1] != want[1] {
		t.Errorf("got %+v, want %+v", commits, want)
	}
}

func TestKnown(t *testing.T) {
	s := open(t, Options{})
	must(t, s.Record(t.Context(), report(uuid(1), march, "a"), nil))
	midnight := rollup.DateOf(march).Start()
	tests := []struct {
		product, instance string
		now               time.Time
		want              bool
	}{
		{"cozystack", uuid(1), march, true},
		{"cozystack", uuid(1), midnight.AddDate(0, 0, knownDays).Add(-1), true},
		{"cozystack", uuid(1), midnight.AddDate(0, 0, knownDays), false},
		{"cozystack", uuid(1), midnight.Add(-1), false},
		{"cozystack", uuid(2), march, false},
		{"other", uuid(1), march, false},
	}
	for _, test := range tests {
		if got, err := s.Known(test.product, test.instance, test.now); err != nil || got != test.want {
			t.Errorf("%s of %s at %s: got %v, %v", test.instance, test.product, test.now, got, err)
		}
	}
}
