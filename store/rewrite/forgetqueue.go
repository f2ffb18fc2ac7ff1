package rewrite

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// queue takes the instance's lines out of the blocks of the new file. A block that
// has no others is removed, and so is one that can't be read: no one can tell what
// is in it, and it can't be forwarded.
func (f *forgetter) queue() error {
	var keys [][]byte
	err := f.from[0].view(func(tx *bolt.Tx) error {
		return tx.Bucket(layout.BucketQueue).ForEach(func(k, _ []byte) error {
			keys = append(keys, bytes.Clone(k))
			return nil
		})
	})
	for _, key := range keys {
		if err == nil {
			err = f.block(key)
		}
	}
	return err
}

func (f *forgetter) block(key []byte) error {
	var b rollup.Block
	var lines []byte
	err := f.from[0].view(func(tx *bolt.Tx) (err error) {
		if b, err = record.DecodeBlock(key, tx.Bucket(layout.BucketQueue).Get(key)); err == nil {
			lines, err = record.UnpackBlock(b)
		}
		return err
	})
	if errors.Is(err, dberrors.ErrDamaged) {
		return f.write(func(tx *bolt.Tx, _ *layout.Dictionaries) error { return tx.Bucket(layout.BucketQueue).Delete(key) })
	}
	if err != nil {
		return err
	}
	rest, removed, reports := withoutInstance(lines, f.instance)
	if removed == 0 {
		return nil
	}
	f.removed += removed
	b.Samples -= removed
	b.Reports = max(b.Reports-reports, 1)
	return f.write(func(tx *bolt.Tx, _ *layout.Dictionaries) error {
		queue := tx.Bucket(layout.BucketQueue)
		if len(rest) == 0 {
			return queue.Delete(key)
		}
		if first, ok := stampOf(firstLine(rest)); ok {
			b.Received = first
		}
		value, err := f.blocks.Encode(b, slices.Values([][]byte{rest}))
		if err != nil {
			return err
		}
		return queue.Put(key, value)
	})
}

// withoutInstance returns the lines that are not an instance's, how many are, and of
// how many reports these were: the lines of a report stand together and have one
// time of receipt. AppendLines of ingest writes the label cluster_id first.
func withoutInstance(lines []byte, instance string) (rest []byte, removed, reports int) {
	label := []byte(`cluster_id="` + instance + `"`)
	var last []byte // the time of the line before, if that was the instance's
	for line := range bytes.Lines(lines) {
		_, labels, _ := bytes.Cut(line, []byte{'{'})
		if !bytes.HasPrefix(labels, label) {
			rest, last = append(rest, line...), nil
			continue
		}
		stamp := line[bytes.LastIndexByte(line, ' ')+1:]
		if !bytes.Equal(stamp, last) {
			reports++
		}
		removed, last = removed+1, stamp
	}
	return rest, removed, reports
}

func firstLine(lines []byte) []byte {
	line, _, _ := bytes.Cut(lines, []byte{'\n'})
	return line
}

// stampOf returns the time at the end of a line.
func stampOf(line []byte) (t time.Time, ok bool) {
	ms, err := strconv.ParseInt(string(line[bytes.LastIndexByte(line, ' ')+1:]), 10, 64)
	return time.UnixMilli(ms).UTC(), err == nil && ms >= 0
}
