package overview

import (
	"context"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// reading is a month as it was read, with what tells the clusters that have not changed
// when it is read again: 16 bytes each. It does not change once it is made.
type reading struct {
	*table
	marks []mark // by the number of the cluster; empty after a flood, of which not all is in the table
}

// mark is what of a cluster is not in its entry. It says nothing where there is no entry.
type mark struct {
	digest uint64 // of its records
	clusterPresence
}

// readAgain folds a month of which an earlier reading may be there; nil if there is none.
// A cluster whose records are the same as then is taken from that: between two looks at a
// running month few have changed.
func (b *book) readAgain(ctx context.Context, store Store, id rollup.MonthID, before *reading) (*reading, error) {
	r := &reading{table: &table{months: []monthPresence{{month: id}}}}
	if before != nil {
		r.data = make([]byte, 0, len(before.data)+len(before.data)/64)
		r.spans, r.marks = make([]span, 0, len(before.spans)), make([]mark, 0, len(before.marks))
	}
	var e entry
	err := store.FoldChanged(ctx, rollup.Cozystack, id, everyMetric, func(instance string, digest uint64) bool {
		if before == nil {
			return false
		}
		cluster, _ := b.clusters.number(instance)
		if int(cluster) >= len(before.marks) || before.marks[cluster].digest != digest || len(before.at(int(cluster))) == 0 {
			return false
		}
		r.putBytes(cluster, before.at(int(cluster)))
		r.mark(cluster, before.marks[cluster])
		r.months[0].add(before.marks[cluster].clusterPresence)
		return true
	}, func(instance string, digest uint64, m rollup.Month) error {
		cluster, seen := b.put(r.table, instance, &e, m)
		r.mark(cluster, mark{digest, seen})
		return nil
	})
	if err != nil {
		return nil, err
	}
	known := b.whole
	if t := b.bounded(r.table); t != r.table {
		return &reading{table: t}, nil
	}
	if before != nil {
		b.later += b.whole - known
	}
	return r, nil
}

func (r *reading) mark(cluster uint32, m mark) {
	for int(cluster) >= len(r.marks) {
		r.marks = append(r.marks, mark{})
	}
	r.marks[cluster] = m
}
