package overview

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// breakingStore fails at the end of those months that are to break, in the order of reading.
type breakingStore struct {
	*fakeStore
	breaking []bool
}

func (s *breakingStore) FoldChanged(ctx context.Context, product string, month rollup.MonthID, metrics []string,
	known func(string, uint64) bool, fn func(string, uint64, rollup.Month) error) error {
	return s.end(s.fakeStore.FoldChanged(ctx, product, month, metrics, known, fn))
}

func (s *breakingStore) Fold(ctx context.Context, product string, from, to rollup.MonthID, metrics []string,
	fn func(string, []rollup.Month) error) error {
	return s.end(s.fakeStore.Fold(ctx, product, from, to, metrics, fn))
}

func (s *breakingStore) end(err error) error {
	broken := s.breaking[0]
	s.breaking = s.breaking[1:]
	if broken {
		return errors.New("a record can't be read")
	}
	return err
}

// A flooded month that could not be read at first leaves no more than others, once it can.
func TestFloodOfAMonthThatBreaksIsBounded(t *testing.T) {
	s, clock := &breakingStore{newFakeStore(), []bool{true, false, true, false}}, &fakeClock{at: instant(t, "2026-03-10T00:00:00Z")}
	o, err := New(s, floodApps{}, Config{Now: clock.now})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	samples := []string{"cozy_cluster_info 1", `cozy_application_count{kind="Redis"} 2`}
	for i := range manySeries + 1 {
		samples = append(samples, fmt.Sprintf(`cozy_application_count{kind="Flood%d"} 1`, i))
	}
	for _, at := range []string{"2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"} {
		s.record(line{"a", at, samples}.report(t))
	}
	w := lastMonths(rollup.NewMonth(2026, 3), 2)
	for range 2 { // first the running month breaks, then the one before
		if f, err := o.fold(w); err == nil {
			t.Errorf("%+v", f)
		}
	}
	f, err := o.fold(w)
	if n := o.running.book.series.len(); err != nil || f.kinds["Redis"] != 2 || n != 1 {
		t.Errorf("%+v, %d series are kept, error %v", f.kinds, n, err)
	}
}

// A flood that comes bit by bit, each of which a running month may well have, is bounded as
// one that comes at once.
func TestSlowFloodIsBounded(t *testing.T) {
	s, clock := newFakeStore(), &fakeClock{at: instant(t, "2026-03-10T00:00:00Z")}
	o, err := New(s, floodApps{}, Config{Now: clock.now})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	const bits = 4
	for bit := range bits {
		samples := []string{"cozy_cluster_info 1", `cozy_application_count{kind="Redis"} 2`}
		for i := range manySeries/2 + 1 {
			samples = append(samples, fmt.Sprintf(`cozy_application_count{kind="Flood%d-%d"} 1`, bit, i))
		}
		s.record(line{fmt.Sprint(bit), "2026-03-01T00:00:00Z", samples}.report(t))
		clock.add(sharedTime)
		f, err := o.fold(lastMonths(rollup.NewMonth(2026, 3), 1))
		if want := int64(2 * (bit + 1)); err != nil || f.kinds["Redis"] != want {
			t.Errorf("%+v, error %v, want %d", f.kinds, err, want)
		}
	}
	if n := o.running.book.series.len(); n != 1 {
		t.Errorf("%d series are kept", n)
	}
}
