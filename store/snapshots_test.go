package store

import (
	"errors"
	"reflect"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

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
		Month:        month,
		CollectedAt:  time.Date(2026, 4, 1, 2, 0, 0, 0, time.UTC),
		Clusters:     4,
		Apps:         map[string]int64{"postgres": 5},
		Kinds:        map[string]int64{"Postgres": 5},
		Confirmed:    &confirmed,
		DaysWithData: 31,
		Source:       rollup.SourceRollups,
	}
	older := rollup.Snapshot{Month: month - 4, Source: rollup.SourceImported}
	must(t, s.PutSnapshot(t.Context(), snap))
	must(t, s.PutSnapshot(t.Context(), older))
	snap.Clusters, snap.Final = 5, true
	must(t, s.PutSnapshot(t.Context(), snap))

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

func TestDamagedSnapshot(t *testing.T) {
	s := open(t, Options{})
	must(t, s.update(t.Context(), func(tx *bolt.Tx) error {
		return tx.Bucket(bucketSnapshots).Put([]byte("2026-03"), []byte("{"))
	}))
	if _, ok, err := s.Snapshot(rollup.NewMonth(2026, time.March)); ok || !errors.Is(err, ErrDamaged) {
		t.Errorf("one: %v, %v", ok, err)
	}
	if _, err := s.Snapshots(); !errors.Is(err, ErrDamaged) {
		t.Errorf("all: %v", err)
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
