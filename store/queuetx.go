package store

import (
	"bytes"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// blockBytes bounds the text of one block, before compression: what a block
// holds is accepted or refused by the receiver as a whole.
// bbolt writes a page whose values are large as one piece, and a page of the queue may
// have four blocks.
const blockBytes = boltfile.PieceBytes / 4

// enqueue carries out a batch's part in the queue: first what leaves, then what
// comes, then what must make room.
func (w *writer) enqueue(tx *bolt.Tx, batch []*request) (queueChange, error) {
	q := queueTx{
		bucket: tx.Bucket(layout.BucketQueue),
		encode: w.encodeBlock,
		size:   w.store.Queue().Bytes,
		bound:  w.store.opts.QueueBytes,
	}
	if err := q.removeAll(batch); err != nil {
		return queueChange{}, err
	}
	for len(batch) > 0 {
		n := blockOf(batch)
		if err := q.append(batch[:n]); err != nil {
			return queueChange{}, err
		}
		batch = batch[n:]
	}
	err := q.makeRoom()
	return q.change, err
}

// encodeBlock writes a block of what requests have to forward, nil if that is
// nothing. What a request has failed for is not forwarded.
func (w *writer) encodeBlock(requests []*request) ([]byte, error) {
	var b rollup.Block
	for _, r := range requests {
		if len(r.lines) == 0 || r.err != nil {
			continue
		}
		if b.Reports == 0 {
			b.Received = r.report.Received
		}
		b.Reports++
		b.Samples += bytes.Count(r.lines, []byte{'\n'})
	}
	if b.Reports == 0 {
		return nil, nil
	}
	return w.blocks.Encode(b, func(yield func([]byte) bool) {
		for _, r := range requests {
			if r.err == nil && !yield(r.lines) {
				return
			}
		}
	})
}

// blockOf returns how many of the first requests go into one block.
func blockOf(batch []*request) int {
	size := 0
	for i, r := range batch {
		if size += len(r.lines); size > blockBytes && i > 0 {
			return i
		}
	}
	return len(batch)
}

// queueTx changes the queue within one transaction.
type queueTx struct {
	bucket *bolt.Bucket
	encode func([]*request) ([]byte, error)
	size   int64 // before the change
	bound  int64 // 0: none
	change queueChange
}

func (q *queueTx) removeAll(batch []*request) error {
	for _, r := range batch {
		for _, b := range r.remove {
			key := record.BlockKey(b.Seq)
			if v := q.bucket.Get(key); v != nil {
				if err := q.delete(key, v); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (q *queueTx) delete(key, value []byte) error {
	q.change.blocks--
	q.change.bytes -= int64(len(value))
	return q.bucket.Delete(key)
}

// append writes the lines of some requests as one block, if there are any.
func (q *queueTx) append(requests []*request) error {
	block, err := q.encode(requests)
	if err != nil || block == nil {
		return err
	}
	seq, err := q.bucket.NextSequence()
	if err != nil {
		return err
	}
	q.change.added = true
	q.change.blocks++
	q.change.bytes += int64(len(block))
	return q.bucket.Put(record.BlockKey(seq), block)
}

// makeRoom drops the oldest blocks while the queue is above its bound or they
// can't be read, and notes the age of what stays. The newest block that can be
// read always stays.
func (q *queueTx) makeRoom() error {
	c := q.bucket.Cursor()
	// The sequence is the newest block's number. Cursor.Last would find it too, but
	// bbolt 1.5 never returns from it once a transaction has emptied several pages.
	newest := q.bucket.Sequence()
	for k, v := c.First(); k != nil; k, v = c.First() {
		b, err := record.DecodeBlock(k, v)
		if err != nil {
			q.change.unreadable++
			if err := q.delete(bytes.Clone(k), v); err != nil {
				return err
			}
			continue
		}
		if q.bound == 0 || q.size+q.change.bytes <= q.bound || b.Seq == newest {
			q.change.oldest = b.Received
			return nil
		}
		q.change.droppedReports += int64(b.Reports)
		q.change.droppedSamples += int64(b.Samples)
		if err := q.delete(bytes.Clone(k), v); err != nil {
			return err
		}
	}
	return nil
}
