package store

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// foreignKeys makes a file in which another program has written the keys of two
// UUIDs as text, beside keys of ours.
func foreignKeys(t *testing.T) string {
	t.Helper()
	path := fileOf(t, filepath.Join(t.TempDir(), "telemetry.db"), func(s *Store) {
		for i, instance := range []string{uuid(1), uuid(2), uuid(3), ".text"} {
			must(t, s.Record(t.Context(), report(instance, march.Add(time.Duration(i)*time.Hour), "a"), nil))
		}
		must(t, s.CloseDays(t.Context(), rollup.MonthOf(march), rollup.DateOf(march)))
	})
	tamper(t, path, func(tx *bolt.Tx) error {
		month := layout.MonthBucket(tx, rollup.MonthOf(march))
		for _, parent := range []*bolt.Bucket{layout.DayBucket(tx, rollup.DateOf(march)), month} {
			records := layout.RecordsOf(parent, "cozystack")
			for _, instance := range []string{uuid(2), uuid(3)} {
				value := bytes.Clone(records.Get(record.Key(instance)))
				must(t, records.Delete(record.Key(instance)))
				must(t, records.Put([]byte(instance), value))
			}
		}
		return nil
	})
	return path
}

// A key that another program has written in another form than ours is met once by
// every walk, which used to begin anew behind the key of our form, without an end.
func TestWalksEndOnForeignKeys(t *testing.T) {
	path := foreignKeys(t)
	// A walk without an end ends with this context, and fails.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	month, date := rollup.MonthOf(march), rollup.DateOf(march)

	s := openRead(t, path)
	seen := make(map[string]int)
	must(t, s.Instances(ctx, date, func(_, instance string, _ rollup.Day) error { seen[instance]++; return nil }))
	must(t, layout.EachMonth(ctx, s.view, layout.PartitionName{Product: "cozystack", Month: month, Own: true}, nil, func(chunk []rollup.InstanceMonth) error {
		for _, m := range chunk {
			seen[m.Instance]++
		}
		return nil
	}))
	for _, instance := range []string{uuid(1), uuid(2), uuid(3), ".text"} {
		if seen[instance] != 2 {
			t.Errorf("%s was met %d times, want once in the day and once in the month", instance, seen[instance])
		}
	}
	must(t, s.Close())

	// What is rewritten has keys of our form alone.
	dir := t.TempDir()
	_, err := rewrite.Combine(ctx, filepath.Join(dir, "merged"), []string{path}, nil)
	must(t, err)
	checkClean(t, filepath.Join(dir, "merged"))
	found, err := rewrite.Forget(ctx, path, selection(uuid(2)), march, nil)
	if must(t, err); found.Records != 2 {
		t.Errorf("%d records were removed, want 2", found.Records)
	}
	checkClean(t, path)
}

// Nor does a fold of days begin anew.
func TestFoldEndsOnForeignKeys(t *testing.T) {
	path := foreignKeys(t)
	tamper(t, path, func(tx *bolt.Tx) error {
		return layout.MonthOf(tx, rollup.MonthOf(march), "cozystack").Delete(layout.KeyClosed)
	})
	s, err := Open(path, Options{})
	must(t, err)
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	must(t, s.CloseDays(ctx, rollup.MonthOf(march), rollup.DateOf(march)))
}
