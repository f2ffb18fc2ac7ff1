package store

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// QueueStats describes the forward queue.
type QueueStats struct {
	// Blocks and Bytes are what waits, in bytes as they lie in the file.
	Blocks int
	Bytes  int64
	// Oldest is when the oldest waiting report arrived; zero if none waits.
	Oldest time.Time
	// DroppedReports and DroppedSamples count what had to make room since Open.
	DroppedReports, DroppedSamples int64
	// Unreadable counts the blocks that were removed since Open because they could
	// not be read. How many samples they held is not known.
	Unreadable int64
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
	unreadable                     int
	added                          bool
}

func (q *queueState) init() { q.notify = make(chan struct{}, 1) }

// load counts what waits in the file: when it is opened, and after a commit that
// failed, of which it is unknown how much of it the file has.
func (q *queueState) load(tx *bolt.Tx) error {
	var blocks int
	var size int64
	var oldest time.Time
	err := tx.Bucket(layout.BucketQueue).ForEach(func(k, v []byte) error {
		// A block that can't be read is removed once it is the oldest.
		if b, err := record.DecodeBlock(k, v); err == nil && oldest.IsZero() {
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
	q.stats.Unreadable += int64(c.unreadable)
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

// QueueBound returns the bound of the queue's bytes, 0 if there is none.
func (s *Store) QueueBound() int64 { return s.opts.QueueBytes }

// Queued returns a channel that receives after reports were queued. It is for
// one reader, which must look at the whole queue after each receive.
func (s *Store) Queued() <-chan struct{} { return s.queue.notify }

// Peek returns the oldest blocks, up to maxBytes of compressed lines, but at
// least one if any waits. They stay in the queue until Remove. Blocks that can't
// be read are passed over.
func (s *Store) Peek(maxBytes int) ([]rollup.Block, error) {
	var blocks []rollup.Block
	err := s.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(layout.BucketQueue).Cursor()
		size := 0
		for k, v := c.First(); k != nil; k, v = c.Next() {
			b, err := record.DecodeBlock(k, v)
			if err != nil {
				continue
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
	if err := s.submit(ctx, &request{remove: blocks, shrinks: true}); err != nil {
		return fmt.Errorf("store: remove from the queue: %w", err)
	}
	return nil
}
