package store

import (
	"bytes"

	bolt "go.etcd.io/bbolt"
)

// blockBytes bounds the text of one block, before compression: what a block
// holds is accepted or refused by the receiver as a whole.
const blockBytes = 1 << 20

// pieceBytes is the most that a commit writes in one piece: bbolt writes a page
// whose values are large as one, and a page of the queue may have four blocks.
const pieceBytes = 4 * blockBytes

// enqueue carries out a batch's part in the queue: first what leaves, then what
// comes, then what must make room.
func (w *writer) enqueue(tx *bolt.Tx, batch []*request) (queueChange, error) {
	q := queueTx{
		bucket: tx.Bucket(bucketQueue),
		encode: w.blocks.encode,
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
			key := blockKey(b.Seq)
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
	return q.bucket.Put(blockKey(seq), block)
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
		b, err := decodeBlock(k, v)
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
