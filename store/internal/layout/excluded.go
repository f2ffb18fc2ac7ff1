package layout

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// exclusion is what stands under an instance's key, as JSON.
type exclusion struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason,omitempty"`
}

// EachExcluded calls fn with all that is excluded, by product and then by the
// instance's key. An error of fn ends the walk.
func EachExcluded(tx *bolt.Tx, fn func(rollup.Exclusion) error) error {
	root := tx.Bucket(BucketExcluded)
	return root.ForEachBucket(func(product []byte) error {
		return root.Bucket(product).ForEach(func(k, v []byte) error {
			var x exclusion
			if err := json.Unmarshal(v, &x); err != nil || !record.IsKey(k) {
				return fmt.Errorf("%w: excluded: %s/%x", dberrors.ErrDamaged, product, k)
			}
			return fn(rollup.Exclusion{Product: string(product), Instance: record.Instance(k), At: x.At, Reason: x.Reason})
		})
	})
}

// ExcludedKeys returns the keys of a product's excluded instances.
func ExcludedKeys(tx *bolt.Tx, product string) map[string]struct{} {
	keys := make(map[string]struct{})
	if b := excludedOf(tx, product); b != nil {
		_ = b.ForEach(func(k, _ []byte) error { // nothing fails
			keys[string(k)] = struct{}{}
			return nil
		})
	}
	return keys
}

// ExclusionsOf returns the set of a product's excluded instances.
func ExclusionsOf(tx *bolt.Tx, product string) rollup.Exclusions {
	var instances []string
	for key := range ExcludedKeys(tx, product) {
		instances = append(instances, record.Instance([]byte(key)))
	}
	return rollup.NewExclusions(instances)
}

func excludedOf(tx *bolt.Tx, product string) *bolt.Bucket {
	return tx.Bucket(BucketExcluded).Bucket([]byte(product))
}

// ExcludedProducts returns the products that have excluded instances.
func ExcludedProducts(tx *bolt.Tx) (products []string) {
	_ = tx.Bucket(BucketExcluded).ForEachBucket(func(product []byte) error { // nothing fails
		products = append(products, string(product))
		return nil
	})
	return products
}

// Exclude notes those instances of a product that are not excluded yet, and returns
// them. What is noted already stays as it is.
func Exclude(tx *bolt.Tx, product string, all []rollup.Exclusion) (added []string, err error) {
	b, err := tx.Bucket(BucketExcluded).CreateBucketIfNotExists([]byte(product))
	if err != nil {
		return nil, err
	}
	// In the order of the keys: within a transaction bbolt moves all that is behind a new one.
	for _, x := range slices.SortedStableFunc(slices.Values(all), byKey) {
		key := record.Key(x.Instance)
		if x.Product != product || b.Get(key) != nil {
			continue
		}
		v, err := json.Marshal(exclusion{x.At.UTC(), x.Reason})
		if err == nil {
			err = b.Put(key, v)
		}
		if err != nil {
			return nil, err
		}
		added = append(added, x.Instance)
	}
	return added, nil
}

func byKey(a, b rollup.Exclusion) int {
	return bytes.Compare(record.Key(a.Instance), record.Key(b.Instance))
}

// Include removes that instances of a product are excluded, and returns those that were.
func Include(tx *bolt.Tx, product string, instances []string) (removed []string, err error) {
	b := excludedOf(tx, product)
	if b == nil {
		return nil, nil
	}
	for _, instance := range instances {
		key := record.Key(instance)
		if b.Get(key) == nil {
			continue
		}
		if err := b.Delete(key); err != nil {
			return nil, err
		}
		removed = append(removed, instance)
	}
	return removed, nil
}

// Restamp makes the stored figures follow, after other instances are excluded than
// before: those of a month that can have none of the changed ones are those of the new
// set as well. The others stay as they are, stale: they are to be counted again.
func Restamp(tx *bolt.Tx, product string, before rollup.Exclusions, changed []string) error {
	may, err := FindMonths(tx, product, changed)
	if err != nil {
		return err
	}
	return stamp(tx, product, before, func(s rollup.Snapshot) bool { return !may.Have(s) })
}

// RestampForgotten does the same after excluded instances were forgotten. Figures that
// left them out are right without them too, whatever the source has of them still.
func RestampForgotten(tx *bolt.Tx, product string, before rollup.Exclusions) error {
	return stamp(tx, product, before, func(rollup.Snapshot) bool { return true })
}

// stamp gives those stored figures the digest of the present set that are of the set
// before, and for which same holds.
func stamp(tx *bolt.Tx, product string, before rollup.Exclusions, same func(rollup.Snapshot) bool) error {
	after := ExclusionsOf(tx, product)
	snapshots := SnapshotsOf(tx, product)
	if after.Digest == before.Digest || snapshots == nil {
		return nil
	}
	restamped := make(map[string][]byte)
	err := snapshots.ForEach(func(k, v []byte) error {
		s, err := record.DecodeRanked(product, v)
		if err != nil {
			return nil // verify tells of it, and this must not fail for it
		}
		if s.Source == rollup.SourceImported || before.Stale(s) || !same(s) {
			return nil
		}
		restamped[string(k)], err = record.Stamp(product, v, after.Digest)
		return err
	})
	for month, v := range restamped {
		if err == nil {
			err = snapshots.Put([]byte(month), v)
		}
	}
	return err
}

// Months tells which months can have any of some instances.
type Months struct {
	have map[rollup.MonthID]bool
	// first is the first month of the product, of which the file may have only a part;
	// unknown is set if an instance is in no month of the file: vmselect may have it in any.
	first   rollup.MonthID
	unknown bool
}

// FindMonths looks for instances of a product in all months.
func FindMonths(tx *bolt.Tx, product string, instances []string) (Months, error) {
	m := Months{have: make(map[rollup.MonthID]bool), first: math.MaxInt32}
	all, err := MonthsOf(tx)
	missing := make(map[string]struct{})
	for _, instance := range instances {
		missing[instance] = struct{}{}
	}
	for _, month := range slices.Backward(all) {
		if MonthOf(tx, month, product) == nil {
			continue
		}
		found := Reported(tx, month, product, instances)
		for _, instance := range found {
			delete(missing, instance)
		}
		m.first, m.have[month] = month, len(found) > 0
	}
	m.unknown = len(missing) > 0
	return m, err
}

// Have tells whether the figures of a month can have any of them: those of the rollups if
// the file has reports of one, and vmselect's also where the file does not know.
func (m Months) Have(s rollup.Snapshot) bool {
	return m.have[s.Month] || s.Source == rollup.SourceVictoriaMetrics && (m.unknown || s.Month <= m.first)
}

// Reported returns those of some instances of which the file has a record in a month,
// sorted.
func Reported(tx *bolt.Tx, month rollup.MonthID, product string, instances []string) (found []string) {
	var parts []*bolt.Bucket
	add := func(records *bolt.Bucket) {
		if records != nil {
			parts = append(parts, records)
		}
	}
	add(RecordsOf(MonthBucket(tx, month), product))
	open := NotClosed(tx, product, month.First(), month.Last())
	for date := month.First(); date <= month.Last(); date++ {
		if open&rollup.DaySetOf(date.DayOfMonth()) != 0 {
			add(RecordsOf(DayBucket(tx, date), product))
		}
	}
	for _, instance := range instances {
		key := record.Key(instance)
		if slices.ContainsFunc(parts, func(records *bolt.Bucket) bool { return records.Get(key) != nil }) {
			found = append(found, instance)
		}
	}
	slices.Sort(found)
	return found
}
