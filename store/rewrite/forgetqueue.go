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

// queue takes the selection's lines out of the blocks of the new file.
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
			err = f.write(func(tx *bolt.Tx, _ *layout.Dictionaries) error {
				queue := tx.Bucket(layout.BucketQueue)
				return f.putBlock(queue, key, queue.Get(key))
			})
		}
	}
	return err
}

// putBlock puts what stays of a block. One that has no other lines is removed, and so is
// one that can't be read: no one can tell what is in it, and it can't be forwarded.
func (f *forgetter) putBlock(queue *bolt.Bucket, key, value []byte) error {
	b, err := record.DecodeBlock(key, value)
	var lines []byte
	if err == nil {
		lines, err = record.UnpackBlock(b)
	}
	if errors.Is(err, dberrors.ErrDamaged) {
		return queue.Delete(key)
	}
	if err != nil {
		return err
	}
	rest, removed, reports := withoutLines(lines, func(instance string, at rollup.Date) bool { return isMeant(f.sel, b.Product, instance, at) })
	switch {
	case removed == 0 && bytes.Equal(queue.Get(key), value):
		return nil
	case removed == 0:
		return queue.Put(key, bytes.Clone(value))
	case len(rest) == 0:
		return queue.Delete(key)
	}
	b.Samples -= removed
	b.Reports = max(b.Reports-reports, 1)
	if first, ok := stampOf(firstLine(rest)); ok {
		b.Received = first
	}
	value, err = f.blocks.Encode(b, slices.Values([][]byte{rest}))
	if err != nil {
		return err
	}
	return queue.Put(key, value)
}

// isMeant tells whether a line of a product's instance is, which was received on a day.
func isMeant(sel rollup.Selection, product, instance string, at rollup.Date) bool {
	return sel.HasInstance(product, instance) && sel.HasDay(at)
}

// withoutLines returns the lines that are not meant, how many are, and of how many
// reports these were: the lines of a report stand together and have one time of receipt.
func withoutLines(lines []byte, meant func(instance string, at rollup.Date) bool) (rest []byte, removed, reports int) {
	var last []byte // the instance and the time of the line before, if that was meant
	for line := range bytes.Lines(lines) {
		instance, stamp := instanceOf(line), line[bytes.LastIndexByte(line, ' ')+1:]
		at, _ := stampOf(line)
		if !meant(string(instance), rollup.DateOf(at)) {
			rest, last = append(rest, line...), nil
			continue
		}
		if report := slices.Concat(instance, stamp); !bytes.Equal(report, last) {
			reports, last = reports+1, report
		}
		removed++
	}
	return rest, removed, reports
}

// instanceOf returns whose line it is: what forwards writes the label of the instance
// first. No instance's name has to be escaped.
func instanceOf(line []byte) []byte {
	_, labels, _ := bytes.Cut(line, []byte{'{'})
	label, rest, ok := bytes.Cut(labels, []byte(`="`))
	end := bytes.IndexByte(rest, '"')
	if own := string(label); !ok || end < 0 || own != rollup.LabelCluster && own != rollup.LabelInstance {
		return nil
	}
	return rest[:end]
}

func firstLine(lines []byte) []byte {
	line, _, _ := bytes.Cut(lines, []byte{'\n'})
	return line
}

// stampOf returns the time at the end of a line.
func stampOf(line []byte) (t time.Time, ok bool) {
	stamp := bytes.TrimRight(line[bytes.LastIndexByte(line, ' ')+1:], "\n")
	ms, err := strconv.ParseInt(string(stamp), 10, 64)
	return time.UnixMilli(ms).UTC(), err == nil && ms >= 0
}
