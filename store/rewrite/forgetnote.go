package rewrite

import (
	"encoding/json"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// mostNotes bounds the list of what was forgotten. What is older becomes one note.
const mostNotes = 100

// note notes that the selection was forgotten, unless nobody had any of it.
func (f *forgetter) note() error {
	if f.found.Records == 0 {
		return nil
	}
	return f.write(func(tx *bolt.Tx, _ *layout.Dictionaries) error {
		return putNotes(tx, []rollup.Forgotten{{
			At: f.now.UTC(), Product: f.sel.Product, Instances: f.found.Instances, From: f.found.From, To: f.found.To,
		}})
	})
}

// putNotes adds to what a file says of the forgotten.
func putNotes(tx *bolt.Tx, more []rollup.Forgotten) error {
	meta := tx.Bucket(layout.BucketMeta)
	notes, err := record.DecodeForgotten(meta.Get(layout.KeyForgotten))
	if err != nil {
		return err
	}
	for _, n := range more {
		if !slices.Contains(notes, n) { // files that are merged may have it from one another
			notes = append(notes, n)
		}
	}
	slices.SortStableFunc(notes, func(a, b rollup.Forgotten) int { return a.At.Compare(b.At) })
	for len(notes) > mostNotes {
		notes = slices.Insert(notes[2:], 0, joinNotes(notes[0], notes[1]))
	}
	if len(notes) == 0 {
		return nil
	}
	list, err := json.Marshal(notes)
	if err != nil {
		return err
	}
	return meta.Put(layout.KeyForgotten, list)
}

// joinNotes makes one note of two, the later one of which is b.
func joinNotes(a, b rollup.Forgotten) rollup.Forgotten {
	b.Instances += a.Instances
	b.From, b.To = min(a.From, b.From), max(a.To, b.To)
	if a.Product != b.Product {
		b.Product = "" // of several
	}
	return b
}
