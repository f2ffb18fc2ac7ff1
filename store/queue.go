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

// QueueStats describes the forward queue, of all products.
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

// queueState mirrors the queue's bucket in memory. It is ready once it has loaded that.
type queueState struct {
	mu       sync.Mutex
	stats    QueueStats
	products map[string]waiting // those of which anything waits
	// notify has by product a channel that holds one token while the forwarder has not
	// looked.
	notify map[string]chan struct{}
}

// waiting is what the queue has of one product.
type waiting struct {
	blocks int
	// first is the number of the oldest block that can be read, and oldest when its first
	// report arrived. No older one of the product can be read.
	first  uint64
	oldest time.Time
}

// queueChange is what a transaction does to the queue.
type queueChange struct {
	blocks                         int
	bytes                          int64
	oldest                         time.Time
	droppedReports, droppedSamples int64
	unreadable                     int
	products                       map[string]waiting // those that have changed, as they are now
	added                          map[string]bool    // the products that have new blocks
}

// load counts what waits in the file: when it is opened, and after a commit that
// failed, of which it is unknown how much of it the file has.
func (q *queueState) load(tx *bolt.Tx) error {
	var stats QueueStats
	products := make(map[string]waiting)
	err := tx.Bucket(layout.BucketQueue).ForEach(func(k, v []byte) error {
		stats.Blocks++
		stats.Bytes += int64(len(v))
		product := record.BlockProduct(k)
		of := products[product]
		of.blocks++
		// A block that can't be read is removed once it is the oldest.
		if b, err := record.DecodeBlock(k, v); err == nil && of.first == 0 {
			of.first, of.oldest = b.Seq, b.Received
			if stats.Oldest.IsZero() {
				stats.Oldest = b.Received
			}
		}
		products[product] = of
		return nil
	})
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Blocks, q.stats.Bytes, q.stats.Oldest = stats.Blocks, stats.Bytes, stats.Oldest
	q.products = products
	return nil
}

// applied takes over a change once it is committed.
func (q *queueState) applied(c queueChange) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Blocks += c.blocks
	q.stats.Bytes += c.bytes
	q.stats.Oldest = c.oldest
	q.stats.DroppedReports += c.droppedReports
	q.stats.DroppedSamples += c.droppedSamples
	q.stats.Unreadable += int64(c.unreadable)
	for product, of := range c.products {
		q.products[product] = of
		if of.blocks == 0 {
			delete(q.products, product)
		}
	}
	for product := range c.added {
		select {
		case q.channel(product) <- struct{}{}:
		default:
		}
	}
}

// channel returns what tells of a product's new blocks.
func (q *queueState) channel(product string) chan struct{} {
	if q.notify == nil {
		q.notify = make(map[string]chan struct{})
	}
	if q.notify[product] == nil {
		q.notify[product] = make(chan struct{}, 1)
	}
	return q.notify[product]
}

// of returns what waits of a product.
func (q *queueState) of(product string) waiting {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.products[product]
}

// Queue returns how the forward queue stands.
func (s *Store) Queue() QueueStats {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return s.queue.stats
}

// QueueBound returns the bound of the queue's bytes, of all products, 0 if there is none.
func (s *Store) QueueBound() int64 { return s.opts.QueueBytes }

// Remove takes blocks out of the queue. Blocks that are gone already are no
// error.
func (s *Store) Remove(ctx context.Context, blocks []rollup.Block) error {
	if err := s.submit(ctx, &request{remove: blocks, shrinks: true}); err != nil {
		return fmt.Errorf("store: remove from the queue: %w", err)
	}
	return nil
}

// ProductQueue is what the forward queue has of one product, for who forwards it.
type ProductQueue struct {
	store   *Store
	product string
}

// QueueOf returns the queue of a product.
func (s *Store) QueueOf(product string) ProductQueue { return ProductQueue{s, product} }

// Oldest returns when the oldest waiting report of the product arrived; the zero time if
// none waits.
func (q ProductQueue) Oldest() time.Time { return q.store.queue.of(q.product).oldest }

// Queued returns a channel that receives after reports of the product were queued. It is
// for one reader, which must look at the whole queue after each receive.
func (q ProductQueue) Queued() <-chan struct{} {
	q.store.queue.mu.Lock()
	defer q.store.queue.mu.Unlock()
	return q.store.queue.channel(q.product)
}

// Remove is [Store.Remove].
func (q ProductQueue) Remove(ctx context.Context, blocks []rollup.Block) error {
	return q.store.Remove(ctx, blocks)
}

// Peek returns the product's oldest blocks, up to maxBytes of compressed lines, but at
// least one if any waits. They stay in the queue until Remove. Blocks that can't
// be read are passed over.
func (q ProductQueue) Peek(maxBytes int) ([]rollup.Block, error) {
	var blocks []rollup.Block
	err := q.store.view(func(tx *bolt.Tx) error {
		of := q.store.queue.of(q.product)
		c := tx.Bucket(layout.BucketQueue).Cursor()
		size := 0
		for k, v := c.Seek(record.BlockKey(of.first, "")); k != nil && len(blocks) < of.blocks; k, v = c.Next() {
			if record.BlockProduct(k) != q.product {
				continue
			}
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
