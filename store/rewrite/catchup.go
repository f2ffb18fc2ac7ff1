package rewrite

import (
	"bytes"
	"errors"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// bucket goes through what differs between a bucket as it was, nil for not there, and as
// it is. bbolt writes pages anew when something in them changes, and none is used again
// while base is open: a bucket whose first page is the same is the same.
func (c *catchUp) bucket(path [][]byte, was, is *bolt.Bucket) error {
	if was != nil && is.Root() != 0 && is.Root() == was.Root() {
		return c.sequence(path, was, is)
	}
	if isRecords(path) {
		return c.partition(path, was, is)
	}
	if err := c.keys(path, was, is); err != nil {
		return err
	}
	err := is.ForEachBucket(func(k []byte) error {
		var before *bolt.Bucket
		if was != nil {
			before = was.Bucket(k)
		}
		return c.bucket(append(slices.Clone(path), k), before, is.Bucket(k))
	})
	return errors.Join(err, c.sequence(path, was, is))
}

// sequence lets a bucket's number grow by as much as it has grown: it may be larger than
// it was already.
func (c *catchUp) sequence(path [][]byte, was, is *bolt.Bucket) error {
	grown := is.Sequence()
	if was != nil {
		grown -= was.Sequence()
	}
	if len(path) == 0 || grown == 0 && was != nil {
		return nil
	}
	return c.write(func(tx *bolt.Tx, _ *layout.Dictionaries) error {
		b, err := makePath(tx, path)
		if err != nil {
			return err
		}
		return b.SetSequence(b.Sequence() + grown)
	})
}

// keys takes over the keys that are new or have changed, and removes those that are gone.
func (c *catchUp) keys(path [][]byte, was, is *bolt.Bucket) error {
	var changed, gone [][]byte
	err := is.ForEach(func(k, v []byte) error {
		if v != nil && (was == nil || !bytes.Equal(was.Get(k), v)) {
			changed = append(changed, k)
		}
		return nil
	})
	if err == nil && was != nil {
		err = was.ForEach(func(k, v []byte) error {
			if v != nil && is.Get(k) == nil {
				gone = append(gone, k)
			}
			return nil
		})
	}
	if err != nil || len(changed)+len(gone) == 0 {
		return err
	}
	return c.write(func(tx *bolt.Tx, _ *layout.Dictionaries) error {
		b, err := makePath(tx, path)
		for _, k := range changed {
			if err == nil {
				err = c.put(b, path, k, is.Get(k))
			}
		}
		for _, k := range gone {
			if err == nil {
				err = b.Delete(k)
			}
		}
		return err
	})
}

// put takes over a key of what is no record.
func (c *catchUp) put(b *bolt.Bucket, path [][]byte, k, v []byte) error {
	switch {
	case bytes.Equal(path[0], layout.BucketQueue):
		return c.putBlock(b, k, v)
	case bytes.Equal(path[0], layout.BucketExcluded) && len(path) == 2 && c.forgets(string(path[1]), record.Instance(k)):
		return nil
	}
	return b.Put(k, bytes.Clone(v))
}

// makePath returns a bucket of the new file, and makes it if it is missing.
func makePath(tx *bolt.Tx, path [][]byte) (b *bolt.Bucket, err error) {
	b = boltfile.Root(tx)
	for _, name := range path {
		if err == nil {
			b, err = b.CreateBucketIfNotExists(name)
		}
	}
	return b, err
}

// partitionOf returns the partition of which records lie at a path.
func partitionOf(path [][]byte) (name layout.PartitionName, err error) {
	name.Product, name.Own = string(path[2]), bytes.Equal(path[0], layout.BucketMonths)
	if name.Own {
		name.Month, err = rollup.ParseMonth(string(path[1]))
	} else {
		name.Day, err = rollup.ParseDate(string(path[1]))
		name.Month = name.Day.Month()
	}
	return name, err
}

// partition merges records that are new or have changed; series come with them. Records
// only grow, so that merging makes them what they are. A partition that was removed
// meanwhile and came back can't be: nobody removes days or months while something is
// forgotten.
func (c *catchUp) partition(path [][]byte, was, is *bolt.Bucket) error {
	name, err := partitionOf(path)
	if err != nil || !bytes.Equal(path[3], layout.BucketRecords) {
		return err
	}
	m := merger{catchUp: c, name: name, dict: layout.DictionaryOf(c.live, name.Month, name.Product)}
	keep, removed := c.keeps(name), c.removed
	err = is.ForEach(func(k, v []byte) error {
		instance := record.Instance(k)
		if was != nil && bytes.Equal(was.Get(k), v) || !keep(instance) || c.madeAnew(name, instance) {
			return nil
		}
		return m.add(instance, v)
	})
	if err = errors.Join(err, m.flush()); err != nil || c.removed == removed {
		return err
	}
	if name.Own {
		return nil
	}
	return c.version(name, true)
}

// madeAnew tells whether a month's record is made of its days.
func (c *catchUp) madeAnew(name layout.PartitionName, instance string) bool {
	wanted := c.sel.DaysOf(name.Month)
	return name.Own && wanted != 0 && wanted != allDays(name.Month) && c.sel.HasInstance(name.Product, instance)
}

// merger merges records into a partition of the new file, some at a time.
type merger struct {
	*catchUp
	name   layout.PartitionName
	dict   *record.Dictionary
	days   []rollup.InstanceDay
	months []rollup.InstanceMonth
}

func (m *merger) add(instance string, v []byte) error {
	if m.name.Own {
		month, err := record.DecodeMonth(v, m.dict)
		if err != nil {
			return err
		}
		m.months = append(m.months, rollup.InstanceMonth{Instance: instance, Month: month})
	} else {
		day, err := record.DecodeDay(v, m.dict)
		if err != nil {
			return err
		}
		m.days = append(m.days, rollup.InstanceDay{Instance: instance, Day: day})
	}
	if len(m.days)+len(m.months) < layout.BuildChunk {
		return nil
	}
	return m.flush()
}

// flush writes what was added. A closed day goes into its month too, whose own record may
// be one that is made anew.
func (m *merger) flush() error {
	if len(m.days)+len(m.months) == 0 {
		return nil
	}
	err := m.write(func(tx *bolt.Tx, dicts *layout.Dictionaries) error {
		if m.name.Own {
			return layout.PutMonths(tx, dicts, m.name.Product, m.name.Month, m.months)
		}
		into, err := layout.OpenDay(tx, dicts, m.name.Product, m.name.Day)
		for _, d := range m.days {
			if err == nil {
				err = into.Merge(record.Key(d.Instance), d.Day)
			}
		}
		return err
	})
	m.days, m.months = m.days[:0], m.months[:0]
	return err
}
