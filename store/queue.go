package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// blockBytes bounds the text of one block, before compression: what a block
// holds is accepted or refused by the receiver as a whole.
const blockBytes = 1 << 20

// QueueStats describes the forward queue.
type QueueStats struct {
	// Blocks and Bytes are what waits, in bytes as they lie in the file.
	Blocks int
	Bytes  int64
	// Oldest is when the oldest waiting report arrived; zero if none waits.
	Oldest time.Time
	// DroppedReports and DroppedSamples count what had to make room since Open.
	DroppedReports, DroppedSamples int64
}

// queueState mirrors the queue's bucket in memory.
type queueState struct {
	mu     sync.Mutex
	stats  QueueStats
	notify chan struct{} // holds one token while the forwarder has not looked
}

// queueChange is what a transaction does to the queue.
type queueChange struct {
	blocks                         int
	bytes                          int64
	oldest                         time.Time
	droppedReports, droppedSamples int64
	added                          bool
}

func (q *queueState) init() { q.notify = make(chan struct{}, 1) }

// load counts what waits in the file: when it is opened, and after a commit that
// failed, of which it is unknown how much of it the file has.
func (q *queueState) load(tx *bolt.Tx) error {
	var blocks int
	var size int64
	var oldest time.Time
	err := tx.Bucket(bucketQueue).ForEach(func(k, v []byte) error {
		b, err := decodeBlock(k, v)
		if err != nil {
			return err
		}
		if blocks == 0 {
			oldest = b.Received
		}
		blocks++
		size += int64(len(v))
		return nil
	})
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Blocks, q.stats.Bytes, q.stats.Oldest = blocks, size, oldest
	return nil
}

// applied takes over a change once it is committed.
func (q *queueState) applied(c queueChange) {
	q.mu.Lock()
	q.stats.Blocks += c.blocks
	q.stats.Bytes += c.bytes
	q.stats.Oldest = c.oldest
	q.stats.DroppedReports += c.droppedReports
	q.stats.DroppedSamples += c.droppedSamples
	q.mu.Unlock()
	if c.added {
		select {
		case q.notify <- struct{}{}:
		default:
		}
	}
}

// Queue returns how the forward queue stands.
func (s *Store) Queue() QueueStats {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return s.queue.stats
}

// Queued returns a channel that receives after reports were queued. It is for
// one reader, which must look at the whole queue after each receive.
func (s *Store) Queued() <-chan struct{} { return s.queue.notify }

// Peek returns the oldest blocks, up to maxBytes of compressed lines, but at
// least one if any waits. They stay in the queue until Remove.
func (s *Store) Peek(maxBytes int) ([]rollup.Block, error) {
	var blocks []rollup.Block
	err := s.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketQueue).Cursor()
		size := 0
		for k, v := c.First(); k != nil; k, v = c.Next() {
			b, err := decodeBlock(k, v)
			if err != nil {
				return err
			}
			if size += len(b.Lines); size > maxBytes && len(blocks) > 0 {
				return nil
			}
			b.Lines = bytes.Clone(b.Lines)
			blocks = append(blocks, b)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store: read the queue: %w", err)
	}
	return blocks, nil
}

// Remove takes blocks out of the queue. Blocks that are gone already are no
// error.
func (s *Store) Remove(ctx context.Context, blocks []rollup.Block) error {
	return s.submit(ctx, &request{remove: blocks})
}

// enqueue carries out a batch's part in the queue: first what leaves, then what
// comes, then what must make room.
func (s *Store) enqueue(tx *bolt.Tx, batch []*request) (queueChange, error) {
	q := queueTx{bucket: tx.Bucket(bucketQueue), size: s.Queue().Bytes, bound: s.opts.QueueBytes}
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
	size   int64 // before the change
	bound  int64
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
	block, err := encodeBlock(requests)
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

// makeRoom drops the oldest blocks while the queue is above its bound, and notes
// the age of what stays. The newest block always stays.
func (q *queueTx) makeRoom() error {
	c := q.bucket.Cursor()
	// The sequence is the newest block's number. Cursor.Last would find it too, but
	// bbolt 1.5 never returns from it once a transaction has emptied several pages.
	newest := q.bucket.Sequence()
	for k, v := c.First(); k != nil; k, v = c.First() {
		b, err := decodeBlock(k, v)
		if err != nil {
			return err
		}
		if q.size+q.change.bytes <= q.bound || b.Seq == newest {
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

func blockKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// encodeBlock writes a block: the time of receipt of the first report in
// milliseconds, the numbers of reports and samples, all as varints, and the
// lines as a gzip member. It returns nil when no request has lines.
func encodeBlock(requests []*request) ([]byte, error) {
	var reports, samples int
	var first time.Time
	for _, r := range requests {
		if len(r.lines) == 0 || r.err != nil {
			continue
		}
		if reports == 0 {
			first = r.report.Received
		}
		reports++
		samples += bytes.Count(r.lines, []byte{'\n'})
	}
	if reports == 0 {
		return nil, nil
	}
	var head []byte
	head = binary.AppendUvarint(head, uint64(first.UnixMilli()))
	head = binary.AppendUvarint(head, uint64(reports))
	head = binary.AppendUvarint(head, uint64(samples))
	out := bytes.NewBuffer(head)
	zip, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	for _, r := range requests {
		if r.err != nil {
			continue
		}
		if _, err := zip.Write(r.lines); err != nil {
			return nil, err
		}
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func decodeBlock(key, value []byte) (rollup.Block, error) {
	r := reader{b: value}
	received := int64(r.uvarint())
	reports, samples := r.uvarint(), r.uvarint()
	if r.failed || len(key) != 8 {
		return rollup.Block{}, fmt.Errorf("%w: a queue block does not decode", ErrDamaged)
	}
	return rollup.Block{
		Seq:      binary.BigEndian.Uint64(key),
		Received: time.UnixMilli(received).UTC(),
		Reports:  int(reports),
		Samples:  int(samples),
		Lines:    r.b,
	}, nil
}
