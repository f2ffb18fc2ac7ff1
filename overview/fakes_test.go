package overview

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// line is what one report of a cluster carried: its samples are canonical text.
type line struct {
	instance string
	at       string // RFC 3339
	samples  []string
}

func (l line) report(t testing.TB) rollup.Report {
	t.Helper()
	r := rollup.Report{Product: rollup.Cozystack, Instance: l.instance, Received: instant(t, l.at)}
	for _, s := range l.samples {
		i := strings.LastIndexByte(s, ' ')
		v, err := strconv.ParseFloat(s[i+1:], 64)
		if err != nil {
			t.Fatal(err)
		}
		r.Samples = append(r.Samples, rollup.Sample{Series: rollup.Series(s[:i]), Value: v})
	}
	slices.SortFunc(r.Samples, func(a, b rollup.Sample) int { return cmp.Compare(a.Series, b.Series) })
	return r
}

func instant(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func monthID(t testing.TB, s string) rollup.MonthID {
	t.Helper()
	id, err := rollup.ParseMonth(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// fakeStore keeps reports and snapshots in memory.
type fakeStore struct {
	mu        sync.Mutex
	months    map[string]map[rollup.MonthID]rollup.Month
	reports   []rollup.Report
	snapshots map[rollup.MonthID]rollup.Snapshot
	closed    map[rollup.MonthID]int
	puts      []rollup.Snapshot
	folds     int
	changes   map[rollup.MonthID]uint64
	excluded  rollup.Exclusions
	failFold  error
	failPut   error
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		months:    map[string]map[rollup.MonthID]rollup.Month{},
		snapshots: map[rollup.MonthID]rollup.Snapshot{},
		closed:    map[rollup.MonthID]int{},
		changes:   map[rollup.MonthID]uint64{},
	}
}

func (s *fakeStore) record(r rollup.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reports = append(s.reports, r)
	if s.months[r.Instance] == nil {
		s.months[r.Instance] = map[rollup.MonthID]rollup.Month{}
	}
	date := rollup.DateOf(r.Received)
	m := rollup.FromDay(date.DayOfMonth(), rollup.FromReport(r))
	s.months[r.Instance][date.Month()] = s.months[r.Instance][date.Month()].Merge(m)
	s.changes[date.Month()]++
}

func (s *fakeStore) Changes(_ string, id rollup.MonthID) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changes[id]
}

func (s *fakeStore) Fold(ctx context.Context, product string, from, to rollup.MonthID, metrics []string,
	fn func(string, []rollup.Month) error) error {
	out := s.Exclusions(product).Instances
	return s.FoldAll(ctx, product, from, to, metrics, func(instance string, months []rollup.Month) error {
		if slices.Contains(out, instance) {
			return nil
		}
		return fn(instance, months)
	})
}

// FoldChanged takes what a month says for the records that say it.
func (s *fakeStore) FoldChanged(ctx context.Context, product string, month rollup.MonthID, metrics []string,
	known func(string, uint64) bool, fn func(string, uint64, rollup.Month) error) error {
	return s.Fold(ctx, product, month, month, metrics, func(instance string, months []rollup.Month) error {
		digest := maphash.String(fakeSeed, fmt.Sprintf("%#v", months))
		if known(instance, digest) {
			return nil
		}
		return fn(instance, digest, months[0])
	})
}

var fakeSeed = maphash.MakeSeed()

func (s *fakeStore) FoldAll(_ context.Context, product string, from, to rollup.MonthID, metrics []string,
	fn func(string, []rollup.Month) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.folds++
	if s.failFold != nil {
		return s.failFold
	}
	for _, instance := range slices.Sorted(maps.Keys(s.months)) {
		months := make([]rollup.Month, to-from+1)
		any := false
		for i := range months {
			months[i] = restrict(s.months[instance][from+rollup.MonthID(i)], metrics)
			any = any || len(months[i].Metrics) > 0
		}
		if !any {
			continue
		}
		if err := fn(instance, months); err != nil {
			return err
		}
	}
	return nil
}

// remove removes what a cluster has reported in a month.
func (s *fakeStore) remove(cluster string, month rollup.MonthID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.months[cluster], month)
	s.changes[month]++
}

// exclude leaves out these clusters, and no others, and makes stale what any month has.
func (s *fakeStore) exclude(clusters ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.excluded = rollup.NewExclusions(clusters)
	for id := range monthsBack * 20 {
		s.changes[rollup.NewMonth(2024, time.January)+rollup.MonthID(id)]++
	}
}

func (s *fakeStore) Exclusions(string) rollup.Exclusions {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.excluded
}

func (s *fakeStore) Snapshots() (all []rollup.Snapshot, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(s.snapshots)) {
		all = append(all, s.snapshots[id])
	}
	return all, nil
}

func restrict(m rollup.Month, metrics []string) (out rollup.Month) {
	for _, p := range m.Peaks {
		if slices.Contains(metrics, p.Series.Metric()) {
			out.Peaks = append(out.Peaks, p)
		}
	}
	for _, mm := range m.Metrics {
		if slices.Contains(metrics, mm.Metric) {
			out.Metrics = append(out.Metrics, mm)
		}
	}
	return out
}

func (s *fakeStore) CloseDays(_ context.Context, id rollup.MonthID, through rollup.Date) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if through == id.Last() {
		s.closed[id]++
	}
	return nil
}

func (s *fakeStore) FirstMonth(string) (first rollup.MonthID, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, months := range s.months {
		for id := range months {
			if !ok || id < first {
				first, ok = id, true
			}
		}
	}
	return first, ok, nil
}

func (s *fakeStore) Snapshot(id rollup.MonthID) (rollup.Snapshot, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap, ok := s.snapshots[id]
	return snap, ok, nil
}

func (s *fakeStore) OfferSnapshot(_ context.Context, snap rollup.Snapshot) (rollup.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failPut != nil {
		return snap, s.failPut
	}
	stored, ok := s.snapshots[snap.Month]
	if ok {
		x := s.excluded
		if snap.Source != rollup.SourceVictoriaMetrics {
			x.Instances = slices.DeleteFunc(slices.Clone(x.Instances), func(instance string) bool {
				_, reported := s.months[instance][snap.Month]
				return !reported
			})
		}
		snap = x.Keep(stored, snap)
	}
	if !reflect.DeepEqual(snap, stored) {
		s.snapshots[snap.Month] = snap
		s.puts = append(s.puts, snap)
	}
	return snap, nil
}

// closings returns how often each month was closed.
func (s *fakeStore) closings() map[rollup.MonthID]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.closed)
}

// putCount returns how many snapshots were stored.
func (s *fakeStore) putCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.puts)
}

// foldCount returns how often the rollups were read.
func (s *fakeStore) foldCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.folds
}

// finals names the final snapshots that are stored, and their sources.
func (s *fakeStore) finals() (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(s.snapshots)) {
		if snap := s.snapshots[id]; snap.Final {
			ids = append(ids, id.String()+" "+string(snap.Source))
		}
	}
	return ids
}

// fakeApps knows two kinds and lists three applications.
type fakeApps struct{}

func (fakeApps) ByApp(kinds map[string]int64) map[string]int64 {
	apps := map[string]int64{"postgres": 0, "redis": 0, "tenant": 0}
	names := map[string]string{"Postgres": "postgres", "PostgreSQL": "postgres", "Redis": "redis", "Tenant": "tenant"}
	for kind, n := range kinds {
		if app, ok := names[kind]; ok {
			apps[app] += n
		} else if n > 0 {
			apps[kind] += n
		}
	}
	return apps
}

func (fakeApps) Keep(kinds map[string]int64) map[string]int64 { return kinds }

// fakeClock stands still until it is set.
type fakeClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *fakeClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *fakeClock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

func (c *fakeClock) add(d time.Duration) { c.set(c.now().Add(d)) }

// rig is an Overview with everything around it.
type rig struct {
	*Overview
	store *fakeStore
	clock *fakeClock
}

// newRig starts an Overview at a time, over these reports.
func newRig(t testing.TB, now string, cfg Config, lines ...line) *rig {
	t.Helper()
	r := &rig{store: newFakeStore(), clock: &fakeClock{at: instant(t, now)}}
	for _, l := range lines {
		r.store.record(l.report(t))
	}
	cfg.Now = r.clock.now
	o, err := New(r.store, fakeApps{}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	r.Overview = o
	return r
}

// ask returns the decoded answer for a month.
func (r *rig) ask(t testing.TB, month string, a Aggregate) published.Overview {
	t.Helper()
	got, err := r.Answer(context.Background(), monthID(t, month), a, r.cfg.Publish)
	if err != nil {
		t.Fatalf("%s: %v", month, err)
	}
	return decode(t, got.Body)
}

func decode(t testing.TB, body []byte) (c published.Overview) {
	t.Helper()
	if err := json.Unmarshal(body, &c); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return c
}

// The fake store has reports of cozystack alone.

func (*fakeStore) InstancesOf(context.Context, string, rollup.Date, func(string, rollup.Day) error) error {
	return nil
}

func (*fakeStore) ProductSnapshot(string, rollup.MonthID) (s rollup.ProductSnapshot, ok bool, err error) {
	return s, false, nil
}

func (*fakeStore) OfferProductSnapshot(_ context.Context, s rollup.ProductSnapshot) (rollup.ProductSnapshot, error) {
	return s, nil
}

func (*fakeStore) Reports(string, rollup.MonthID) (int64, error) { return 0, nil }
