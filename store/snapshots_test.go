package store

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

func TestSnapshots(t *testing.T) {
	s := open(t, Options{})
	month := rollup.NewMonth(2026, time.March)
	if _, ok, err := s.Snapshot(month); ok || err != nil {
		t.Fatalf("a snapshot of nothing: %v, %v", ok, err)
	}
	confirmed := int64(3)
	snap := rollup.Snapshot{
		Month:             month,
		CollectedAt:       time.Date(2026, 4, 1, 2, 0, 0, 0, time.UTC),
		Clusters:          4,
		Apps:              map[string]int64{"postgres": 5},
		Kinds:             map[string]int64{"Postgres": 5},
		ConfirmedClusters: &confirmed,
		DaysWithData:      31,
		Source:            rollup.SourceRollups,
	}
	older := rollup.Snapshot{Month: month - 4, Source: rollup.SourceImported}
	offer(t, s, snap)
	offer(t, s, older)
	snap.Clusters, snap.Final = 5, true
	offer(t, s, snap)

	s = reopen(t, s)
	got, ok, err := s.Snapshot(month)
	if err != nil || !ok || !reflect.DeepEqual(got, snap) {
		t.Errorf("got %+v, %v, %v\nwant %+v", got, ok, err, snap)
	}
	all, err := s.Snapshots()
	if want := []rollup.Snapshot{older, snap}; err != nil || !reflect.DeepEqual(all, want) {
		t.Errorf("got %+v, %v\nwant %+v", all, err, want)
	}
}

// Of all that is offered the best one stays, whoever comes last, and is returned.
func TestOfferSnapshotKeepsTheBest(t *testing.T) {
	s := open(t, Options{})
	month := rollup.MonthOf(march)
	nine := rollup.Snapshot{Month: month, Clusters: 9, Source: rollup.SourceRollups, Final: true, CollectedAt: march}
	offer(t, s, nine)
	four := rollup.Snapshot{Month: month, Clusters: 4, Source: rollup.SourceVictoriaMetrics, Final: true, Asked: true, CheckedAt: march}
	want := nine
	want.Asked, want.CheckedAt = true, march
	for range 2 {
		if kept, err := s.OfferSnapshot(t.Context(), four); err != nil || !reflect.DeepEqual(kept, want) {
			t.Errorf("kept %+v, %v", kept, err)
		}
	}
	if got, _, err := s.Snapshot(month); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("stored %+v, %v", got, err)
	}
	var wg sync.WaitGroup
	for i := range int64(50) {
		wg.Go(func() {
			offered := nine
			offered.Clusters = 10 + i*7%50
			if kept, err := s.OfferSnapshot(t.Context(), offered); err != nil || kept.Clusters < offered.Clusters {
				t.Errorf("offered %d, kept %d, %v", offered.Clusters, kept.Clusters, err)
			}
		})
	}
	wg.Wait()
	if got, _, err := s.Snapshot(month); err != nil || got.Clusters != 59 {
		t.Errorf("of 10 to 59 clusters, %d are stored, %v", got.Clusters, err)
	}
}

// What can't be written fails alone.
func TestOfferSnapshotOfNoTime(t *testing.T) {
	s := open(t, Options{})
	_, err := s.OfferSnapshot(t.Context(), rollup.Snapshot{Month: rollup.MonthOf(march), CollectedAt: march.AddDate(9000, 0, 0)})
	if err == nil {
		t.Error("the year 11026 is stored")
	}
	must(t, s.Record(t.Context(), report("a", march, "a"), nil))
}

func TestDamagedSnapshot(t *testing.T) {
	s := open(t, Options{})
	must(t, s.update(t.Context(), func(tx *bolt.Tx) error {
		return layout.PutSnapshot(tx, "cozystack", rollup.NewMonth(2026, time.March), []byte("{"))
	}))
	if _, ok, err := s.Snapshot(rollup.NewMonth(2026, time.March)); ok || !errors.Is(err, dberrors.ErrDamaged) {
		t.Errorf("one: %v, %v", ok, err)
	}
	if _, err := s.Snapshots(); !errors.Is(err, dberrors.ErrDamaged) {
		t.Errorf("all: %v", err)
	}
	if _, err := s.OfferSnapshot(t.Context(), rollup.Snapshot{Month: rollup.NewMonth(2026, time.March)}); !errors.Is(err, dberrors.ErrDamaged) {
		t.Errorf("offered: %v", err)
	}
}

func TestAppList(t *testing.T) {
	s := open(t, Options{})
	if data, err := s.AppList(); data != nil || err != nil {
		t.Errorf("a list of nothing: %q, %v", data, err)
	}
	must(t, s.PutAppList(t.Context(), []byte("first")))
	must(t, s.PutAppList(t.Context(), []byte("second")))
	s = reopen(t, s)
	if data, err := s.AppList(); string(data) != "second" || err != nil {
		t.Errorf("got %q, %v", data, err)
	}
}

// Who gives up waiting shares nothing with the writer any more: the race detector looks.
func TestOfferSnapshotGivenUp(t *testing.T) { synctest.Test(t, testOfferSnapshotGivenUp) }

func testOfferSnapshotGivenUp(t *testing.T) {
	s := open(t, Options{})
	release := holdWriter(t, s)
	ctx, giveUp := context.WithCancel(t.Context())
	var offering sync.WaitGroup
	offering.Go(func() {
		kept, err := s.OfferSnapshot(ctx, rollup.Snapshot{Month: rollup.MonthOf(march), Clusters: 1})
		if err != nil && (!errors.Is(err, context.Canceled) || kept.Clusters != 0) {
			t.Errorf("got %+v, %v", kept, err)
		}
	})
	synctest.Wait()
	giveUp()
	release()
	offering.Wait()
}
