package fold

import (
	"context"
	"errors"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Chunk is how many instances one transaction folds into their month: enough to be
// quick, few enough that reports hardly wait.
const Chunk = 1000

// errChunk ends a walk after a chunk.
var errChunk = errors.New("the chunk is full")

// some folds some days of a month for the next instances behind a key, up to Chunk or as
// many as have layout.ChunkPoints series, and returns the key of the last. There is none
// when all are done.
func some(ctx context.Context, view layout.Viewer, product string, month rollup.MonthID, days rollup.DaySet,
	after []byte,
) (chunk []rollup.InstanceMonth, last []byte, err error) {
	room := layout.ChunkPoints
	err = view(func(tx *bolt.Tx) error {
		w, err := OpenDays(tx, product, month, days)
		if err != nil {
			return err
		}
		return w.Run(ctx, record.Range{After: after}, func(instance string, _ uint64, months []rollup.Month) error {
			chunk = append(chunk, rollup.InstanceMonth{Instance: instance, Month: rollup.Month{
				Peaks:   slices.Clone(months[0].Peaks),
				Metrics: slices.Clone(months[0].Metrics),
			}})
			last = append(last[:0], w.key...)
			if room -= months[0].Size(); room <= 0 || len(chunk) == Chunk {
				return errChunk
			}
			return nil
		})
	})
	if errors.Is(err, errChunk) {
		err = nil
	}
	return chunk, last, err
}

// Days folds some days of a product's month, and hands put what the instances have of
// them, some at a time: no transaction is open while put runs, and none is long.
func Days(ctx context.Context, view layout.Viewer, product string, month rollup.MonthID, days rollup.DaySet,
	put func(chunk []rollup.InstanceMonth) error,
) error {
	var after []byte
	for {
		chunk, last, err := some(ctx, view, product, month, days, after)
		if err != nil || len(chunk) == 0 {
			return err
		}
		if err := put(chunk); err != nil {
			return err
		}
		after = last
	}
}
