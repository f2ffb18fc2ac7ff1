package store

import (
	"bytes"
	"slices"
	"time"

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
		state:  &w.store.queue,
		size:   w.store.Queue().Bytes,
		bound:  w.store.opts.QueueBytes,
	}
	if err := q.removeAll(batch); err != nil {
		return queueChange{}, err
	}
	for _, requests := range byProduct(batch) {
		for len(requests) > 0 {
			n := blockOf(requests)
			if err := q.append(requests[:n]); err != nil {
				return queueChange{}, err
			}
			requests = requests[n:]
		}
	}
	err := q.makeRoom()
	q.findOldest()
	return q.change, err
}

// byProduct parts the requests that have something to forward by product: a receiver is
// that of one. What a request has failed for is not forwarded.
func byProduct(batch []*request) (parts [][]*request) {
	for _, r := range batch {
		if len(r.lines) == 0 || r.err != nil {
			continue
		}
		i := slices.IndexFunc(parts, func(part []*request) bool { return part[0].report.Product == r.report.Product })
		if i < 0 {
			i, parts = len(parts), append(parts, nil)
		}
		parts[i] = append(parts[i], r)
	}
	return parts
}

// encodeBlock writes a block of what requests of one product have to forward.
func (w *writer) encodeBlock(requests []*request) (b rollup.Block, value []byte, err error) {
	first := requests[0].report
	b = rollup.Block{Product: first.Product, Received: first.Received, Reports: len(requests)}
	for _, r := range requests {
		b.Samples += bytes.Count(r.lines, []byte{'\n'})
	}
	value, err = w.blocks.Encode(b, func(yield func([]byte) bool) {
		for _, r := range requests {
			if !yield(r.lines) {
				return
			}
		}
	})
	return b, value, err
}

// blockOf returns how many of the first requests go into one block.
func blockOf(requests []*request) int {
	size := 0
	for i, r := range requests {
		if size += len(r.lines); size > blockBytes && i > 0 {
			return i
		}
	}
	return len(requests)
}

// queueTx changes the queue within one transaction.
type queueTx struct {
	bucket *bolt.Bucket
	encode func([]*request) (rollup.Block, []byte, error)
	state  *queueState
	size   int64 // before the change
	bound  int64 // 0: none
	change queueChange
}

// of returns what the queue has of a product by now.
func (q *queueTx) of(product string) waiting {
	if of, ok := q.change.products[product]; ok {
		return of
	}
	return q.state.of(product)
}

func (q *queueTx) set(product string, of waiting) {
	if q.change.products == nil {
		q.change.products = make(map[string]waiting)
	}
	q.change.products[product] = of
}

func (q *queueTx) removeAll(batch []*request) error {
	for _, r := range batch {
		for _, b := range r.remove {
			key := record.BlockKey(b.Seq, b.Product)
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
	product := record.BlockProduct(key)
	of := q.of(product)
	of.blocks--
	q.set(product, of)
	return q.bucket.Delete(key)
}

// append writes the lines of some requests of one product as one block.
func (q *queueTx) append(requests []*request) error {
	b, block, err := q.encode(requests)
	if err != nil {
		return err
	}
	if b.Seq, err = q.bucket.NextSequence(); err != nil {
		return err
	}
	if q.change.added == nil {
		q.change.added = make(map[string]bool)
	}
	q.change.added[b.Product] = true
	q.change.blocks++
	q.change.bytes += int64(len(block))
	of := q.of(b.Product)
	if of.blocks == 0 {
		of.first = b.Seq
	}
	of.blocks++
	q.set(b.Product, of)
	return q.bucket.Put(record.BlockKey(b.Seq, b.Product), block)
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

// findOldest finds the oldest block of each product that has changed. It begins where
// the oldest one was: those of other products that lie before may be many.
func (q *queueTx) findOldest() {
	for product, of := range q.change.products {
		c := q.bucket.Cursor()
		from := of.first
		of.first, of.oldest = 0, time.Time{}
		for k, v := c.Seek(record.BlockKey(from, "")); k != nil && of.blocks > 0; k, v = c.Next() {
			if record.BlockProduct(k) != product {
				continue
			}
			if b, err := record.DecodeBlock(k, v); err == nil {
				of.first, of.oldest = b.Seq, b.Received
				break
			}
		}
		q.change.products[product] = of
	}
}
