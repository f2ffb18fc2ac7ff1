package store

import (
	"context"
	"encoding/binary"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// tamper changes a closed file behind the store's back.
func tamper(t *testing.T, path string, f func(tx *bolt.Tx) error) {
	t.Helper()
	db, err := boltfile.Open(path, false)
	must(t, err)
	must(t, db.Update(f))
	must(t, db.Close())
}

// problems returns what a check finds.
func problems(t *testing.T, path string) (found []Problem) {
	t.Helper()
	s := openRead(t, path)
	defer s.Close()
	must(t, s.Check(t.Context(), func(p Problem) { found = append(found, p) }, nil))
	return found
}

func TestCheckFinds(t *testing.T) {
	february := rollup.MonthOf(march) - 1
	day := march.AddDate(0, 0, -31)
	parts := func(tx *bolt.Tx) (own, ofDay, series *bolt.Bucket) {
		return layout.RecordsOf(layout.MonthBucket(tx, february), "cozystack"),
			layout.RecordsOf(layout.DayBucket(tx, rollup.DateOf(day)), "cozystack"), layout.SeriesOf(layout.MonthBucket(tx, february), "cozystack")
	}
	// raiseOf changes an instance's record of a month by what f does to it. Instance 5
	// has three days of February, none of which was removed.
	raiseOf := func(n int, month rollup.MonthID, f func(m *rollup.Month)) func(tx *bolt.Tx) error {
		return func(tx *bolt.Tx) error {
			own := layout.RecordsOf(layout.MonthBucket(tx, month), "cozystack")
			dict, err := layout.LoadDictionary(layout.SeriesOf(layout.MonthBucket(tx, month), "cozystack"))
			must(t, err)
			m, err := record.DecodeMonth(own.Get(record.Key(uuid(n))), dict)
			must(t, err)
			f(&m)
			b, err := record.EncodeMonth(m, dict)
			must(t, err)
			return own.Put(record.Key(uuid(n)), b)
		}
	}
	raise := func(month rollup.MonthID, f func(m *rollup.Month)) func(tx *bolt.Tx) error {
		return raiseOf(4, month, f)
	}
	tests := map[string]struct {
		change func(tx *bolt.Tx) error
		kind   ProblemKind
		text   string
	}{
		"a day's record":    {func(tx *bolt.Tx) error { _, d, _ := parts(tx); return d.Put(record.Key("x"), []byte{1, 2, 3}) }, ProblemRecord, `"x"`},
		"a month's record":  {func(tx *bolt.Tx) error { m, _, _ := parts(tx); return m.Put(record.Key("x"), []byte{1, 2, 3}) }, ProblemRecord, `"x"`},
		"an empty record":   {func(tx *bolt.Tx) error { _, d, _ := parts(tx); return d.Put(record.Key("x"), nil) }, ProblemRecord, `"x"`},
		"a key of no id":    {func(tx *bolt.Tx) error { _, d, _ := parts(tx); return d.Put([]byte{0, 1}, []byte{1, 2, 0, 0}) }, ProblemKey, "0001"},
		"a uuid not packed": {func(tx *bolt.Tx) error { _, d, _ := parts(tx); return d.Put([]byte(uuid(1)), []byte{1, 2, 0, 0}) }, ProblemKey, "is no instance"},
		"a foreign bucket":  {func(tx *bolt.Tx) error { return firstOf(tx.CreateBucket([]byte("x"))) }, ProblemKey, `"x"`},
		"a day of no name":  {func(tx *bolt.Tx) error { return firstOf(tx.Bucket(layout.BucketDays).CreateBucket([]byte("x"))) }, ProblemKey, `"x"`},
		"a month's name":    {func(tx *bolt.Tx) error { return firstOf(tx.Bucket(layout.BucketMonths).CreateBucket([]byte("2026-1"))) }, ProblemKey, `"2026-1"`},
		"a month's key":     {func(tx *bolt.Tx) error { return layout.MonthBucket(tx, february).Put([]byte("x"), []byte{1}) }, ProblemKey, `"x"`},
		"30th of February": {func(tx *bolt.Tx) error {
			return layout.MonthOf(tx, february, "cozystack").Put(layout.KeyPending, binary.AppendUvarint(nil, 1<<29|1<<28-1))
		}, ProblemKey, "pending"},
		"folded, not pending": {func(tx *bolt.Tx) error {
			return layout.MonthOf(tx, february, "cozystack").Put(layout.KeyPending, []byte{0})
		}, ProblemFold, "not pending"},
		"a gap of the dictionary": {func(tx *bolt.Tx) error { _, _, s := parts(tx); return s.Delete([]byte{0, 0, 0, 1}) },
			ProblemDictionary, "2026-02"},
		"a series twice": {func(tx *bolt.Tx) error {
			_, _, s := parts(tx)
			return s.Put(binary.BigEndian.AppendUint32(nil, uint32(keysIn(s))), s.Get([]byte{0, 0, 0, 0}))
		}, ProblemDictionary, "stands twice"},
		"no dictionary": {func(tx *bolt.Tx) error {
			return layout.MonthBucket(tx, february).Bucket([]byte("cozystack")).DeleteBucket(layout.BucketSeries)
		}, ProblemDictionary, "there is none"},
		"a month without an instance": {func(tx *bolt.Tx) error { m, _, _ := parts(tx); return m.Delete(record.Key(uuid(3))) }, ProblemFold, uuid(3)},
		"a lower peak":                {raise(february, func(m *rollup.Month) { m.Peaks[0].Peak = 0 }), ProblemFold, "lacks"},
		"a higher peak":               {raise(february-1, func(m *rollup.Month) { m.Peaks[1].Peak += 5 }), ProblemFold, "more than its days"},
		"a lower second":              {raiseOf(5, february, func(m *rollup.Month) { m.Peaks[1].Second = 0.5 }), ProblemFold, "lacks"},
		"another day of the peak":     {raiseOf(5, february, func(m *rollup.Month) { m.Peaks[1].PeakDay = 20 }), ProblemRecord, "not reported"},
		"another second day":          {raiseOf(5, february, func(m *rollup.Month) { m.Peaks[1].SecondDay = 1 }), ProblemRecord, "not reported"},
		"seen in an earlier hour":     {raiseOf(5, february, func(m *rollup.Month) { m.Peaks[1].Seen-- }), ProblemFold, "lacks"},
		"seen in a later hour":        {raise(february-1, func(m *rollup.Month) { m.Peaks[1].Seen++ }), ProblemFold, "more than its days"},
		"seen on another day":         {raiseOf(5, february, func(m *rollup.Month) { m.Peaks[1].Seen += 5 * 24 }), ProblemRecord, "not reported"},
		"a slot less":                 {raiseOf(5, february, func(m *rollup.Month) { m.Peaks[0].Slots = m.Peaks[0].Slots[1:] }), ProblemFold, "lacks"},
		"a lower slot of a day":       {raiseOf(5, february, func(m *rollup.Month) { m.Peaks[1].Slots[0].Value = 0 }), ProblemFold, "lacks"},
		"a higher slot":               {raise(february-1, func(m *rollup.Month) { m.Peaks[0].Slots[0].Value++ }), ProblemFold, "more than its days"},
		"a slot of another day":       {raiseOf(5, february, func(m *rollup.Month) { m.Peaks[0].Slots[0].At = 0 }), ProblemRecord, "not reported"},
		"a sum's lower second":        {raiseOf(5, february, func(m *rollup.Month) { m.Metrics[1].Second = 0 }), ProblemFold, "lacks"},
		"a sum of another day":        {raiseOf(5, february, func(m *rollup.Month) { m.Metrics[1].PeakDay = 20 }), ProblemRecord, "not reported"},
		"a lower sum":                 {raise(february, func(m *rollup.Month) { m.Metrics[0].Peak = 0 }), ProblemFold, "lacks"},
		"a day less":                  {raise(february, func(m *rollup.Month) { m.Metrics[1].Days &= 1 }), ProblemFold, "lacks"},
		"a metric less":               {raise(february, func(m *rollup.Month) { m.Metrics = m.Metrics[1:] }), ProblemFold, "lacks"},
		"a day that is not folded":    {raise(february, func(m *rollup.Month) { m.Metrics[0].Days |= 1 << 20 }), ProblemRecord, "not folded"},
		"half a block":                {halfBlock, ProblemQueue, "block"},
		"samples of a block": {func(tx *bolt.Tx) error {
			k, v := tx.Bucket(layout.BucketQueue).Cursor().First()
			b, err := record.DecodeBlock(k, v)
			must(t, err)
			b.Samples++
			lines, err := record.UnpackBlock(b)
			must(t, err)
			v, err = record.NewBlockEncoder().Encode(b, slices.Values([][]byte{lines}))
			must(t, err)
			return tx.Bucket(layout.BucketQueue).Put(k, v)
		}, ProblemQueue, "samples"},
		"a block's number": {func(tx *bolt.Tx) error { return tx.Bucket(layout.BucketQueue).SetSequence(1) }, ProblemQueue, "number"},
		"a snapshot": {func(tx *bolt.Tx) error {
			return layout.SnapshotsOf(tx, "cozystack").Put([]byte("2026-02"), []byte("{"))
		}, ProblemSnapshot, "2026-02"},
		"a snapshot's month": {func(tx *bolt.Tx) error {
			b := layout.SnapshotsOf(tx, "cozystack")
			return b.Put([]byte("2026-03"), b.Get([]byte("2026-02")))
		}, ProblemSnapshot, "it is of 2026-02"},
		"the applications": {func(tx *bolt.Tx) error { return tx.Bucket(layout.BucketMeta).Put(layout.KeyAppList, []byte("{")) }, ProblemSnapshot, "no JSON"},
	}
	good := fixture(t)
	if found := problems(t, good); len(found) != 0 {
		t.Fatalf("a good file: %+v", found)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := copyOfFile(t, good, filepath.Join(t.TempDir(), "a.db"))
			tamper(t, path, test.change)
			found := problems(t, path)
			for _, p := range found {
				if p.Kind == test.kind && strings.Contains(p.Text, test.text) {
					return
				}
			}
			t.Errorf("%s with %q is not among %d problems: %.500v", test.kind, test.text, len(found), found)
		})
	}
}

func halfBlock(tx *bolt.Tx) error {
	k, v := tx.Bucket(layout.BucketQueue).Cursor().First()
	return tx.Bucket(layout.BucketQueue).Put(k, v[:len(v)-10])
}

// A live file can't be checked, since bbolt can't beside commits.
func TestCheckNeedsReadOnly(t *testing.T) {
	if err := open(t, Options{}).Check(t.Context(), nil, nil); !errors.Is(err, errCheckWritable) {
		t.Errorf("got %v", err)
	}
}

func TestCheckEndsWithItsContext(t *testing.T) {
	s := openRead(t, fixture(t))
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Check(ctx, func(Problem) {}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// Who looks on is told of every day, and in the end that all is done.
func TestCheckTellsHowFarItIs(t *testing.T) {
	s := openRead(t, fixture(t))
	defer s.Close()
	var last, end int64
	must(t, s.Check(t.Context(), func(Problem) {}, func(done, total int64) {
		if done <= last || done > total {
			t.Errorf("%d of %d after %d", done, total, last)
		}
		last, end = done, total
	}))
	if days, err := s.DayVersions("cozystack"); err != nil || end != 2*int64(len(days)) || last != end {
		t.Errorf("it ended with %d of %d, for %d days, %v", last, end, len(days), err)
	}
}
