package store

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// queueFor records reports of a product one after the other: a block each.
func queueFor(t fatal, s *Store, product string, from, n int) (lines string) {
	t.Helper()
	for i := from; i < from+n; i++ {
		line := fmt.Sprintf("%s %d 1\n", product, i)
		r := of(product, report(uuid(1), march.Add(time.Duration(i)*time.Second), "a"))
		must(t, s.Record(context.Background(), r, []byte(line)))
		lines += line
	}
	return lines
}

// waitingFor returns what waits of a product.
func waitingFor(t fatal, s *Store, product string) []rollup.Block {
	t.Helper()
	blocks, err := s.QueueOf(product).Peek(math.MaxInt)
	must(t, err)
	return blocks
}

// Each product's blocks are read, told of and taken out without the others'.
func TestQueueByProduct(t *testing.T) {
	s := open(t, Options{})
	want := make(map[string]string)
	for i := range 6 {
		product := []string{"cozystack", "synapse", "coroot"}[i%3]
		want[product] += queueFor(t, s, product, i, 1)
	}
	for product, lines := range want {
		q := s.QueueOf(product)
		<-q.Queued()
		blocks := waitingFor(t, s, product)
		if len(blocks) != 2 || text(t, blocks) != lines || blocks[0].Product != product || !q.Oldest().Equal(blocks[0].Received) {
			t.Errorf("%s: %q, %+v, the oldest of %s", product, text(t, blocks), blocks, q.Oldest())
		}
	}
	if got := s.Queue(); got.Blocks != 6 || !got.Oldest.Equal(march) {
		t.Errorf("all: %+v", got)
	}
	synapse := s.QueueOf("synapse")
	blocks := waitingFor(t, s, "synapse")
	must(t, synapse.Remove(t.Context(), blocks[:1]))
	if left := waitingFor(t, s, "synapse"); len(left) != 1 || left[0].Seq != blocks[1].Seq || !synapse.Oldest().Equal(left[0].Received) {
		t.Errorf("left: %+v, the oldest of %s", left, synapse.Oldest())
	}
	must(t, synapse.Remove(t.Context(), blocks))
	s = reopen(t, s)
	if left := waitingFor(t, s, "synapse"); len(left) != 0 || !s.QueueOf("synapse").Oldest().IsZero() {
		t.Errorf("left: %+v", left)
	}
	if got := len(waitingFor(t, s, "cozystack")) + len(waitingFor(t, s, "coroot")); got != 4 {
		t.Errorf("%d blocks of the others", got)
	}
	select {
	case <-s.QueueOf("kubeatlas").Queued():
		t.Error("told of a product that has not reported")
	default:
	}
}

// The reports of one transaction are a block for each product, since each has a
// receiver of its own.
func TestBlocksAreOfOneProduct(t *testing.T) { synctest.Test(t, testBlocksAreOfOneProduct) }

func testBlocksAreOfOneProduct(t *testing.T) {
	s := open(t, Options{})
	release := holdWriter(t, s)
	var wg sync.WaitGroup
	for i := range 9 {
		product := []string{"cozystack", "synapse", "coroot"}[i%3]
		wg.Go(func() {
			must(t, s.Record(context.Background(), of(product, report(uuid(i), march, "a")), fmt.Appendf(nil, "%s 1\n", product)))
		})
	}
	synctest.Wait()
	release()
	wg.Wait()
	for _, product := range []string{"cozystack", "synapse", "coroot"} {
		blocks := waitingFor(t, s, product)
		if len(blocks) != 1 || blocks[0].Reports != 3 || blocks[0].Samples != 3 || text(t, blocks) != strings.Repeat(product+" 1\n", 3) {
			t.Errorf("%s: %+v, %q", product, blocks, text(t, blocks))
		}
	}
}

// The bound is one for all: the oldest blocks go, whosever they are.
func TestBoundOfAllProducts(t *testing.T) {
	s := open(t, Options{})
	queueFor(t, s, "synapse", 0, 1)
	blockSize := s.Queue().Bytes
	s = open(t, Options{QueueBytes: 3*blockSize + blockSize/2})
	queueFor(t, s, "synapse", 0, 3)
	queueFor(t, s, "coroot1", 3, 2) // as long a name
	if got := s.Queue(); got.Blocks != 3 || got.DroppedReports != 2 {
		t.Errorf("got %+v", got)
	}
	if a, b := waitingFor(t, s, "synapse"), waitingFor(t, s, "coroot1"); len(a) != 1 || len(b) != 2 ||
		!s.QueueOf("synapse").Oldest().Equal(march.Add(2*time.Second)) {
		t.Errorf("left: %+v and %+v", a, b)
	}
}

// Whatever is queued, removed, dropped and spoiled, what is kept in memory of each
// product is what the file has.
func TestQueueByProductIsThatOfTheFile(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := open(t, Options{QueueBytes: int64(rapid.IntRange(200, 2000).Draw(rt, "bound"))})
		products := []string{"cozystack", "synapse", "coroot"}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			product := rapid.SampledFrom(products).Draw(rt, "product")
			switch rapid.IntRange(0, 4).Draw(rt, "step") {
			case 0, 1, 2:
				queueFor(rt, s, product, int(s.Queue().DroppedReports)+s.Queue().Blocks, rapid.IntRange(1, 3).Draw(rt, "n"))
			case 3:
				blocks := waitingFor(rt, s, product)
				n := rapid.IntRange(0, len(blocks)).Draw(rt, "removed")
				must(rt, s.Remove(context.Background(), blocks[:n]))
			case 4:
				must(rt, s.update(context.Background(), func(tx *bolt.Tx) error {
					queue := tx.Bucket(layout.BucketQueue)
					k, v := queue.Cursor().First()
					if k == nil {
						return nil
					}
					return queue.Put(bytes.Clone(k), bytes.Repeat([]byte{0x80}, len(v)))
				}))
			}
			compareProducts(rt, s)
		}
		must(rt, s.Close())
	})
}

// compareProducts fails unless what is kept in memory of each product is so.
func compareProducts(t fatal, s *Store) {
	t.Helper()
	var want queueState
	must(t, s.view(want.load))
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	if len(s.queue.products) != len(want.products) {
		t.Fatalf("the queue is said to be %+v, the file has %+v", s.queue.products, want.products)
	}
	for product, of := range want.products {
		got := s.queue.products[product]
		if got.blocks != of.blocks || got.first != of.first || !got.oldest.Equal(of.oldest) {
			t.Fatalf("%s is said to be %+v, the file has %+v", product, got, of)
		}
	}
}

// No block has two keys.
func TestBlockKeys(t *testing.T) {
	for product, want := range map[string]string{"cozystack": "", "synapse": "synapse", "x": "x"} {
		key := record.BlockKey(7, product)
		if string(key[8:]) != want || record.BlockProduct(key) != product {
			t.Errorf("%s: %q is of %q", product, key, record.BlockProduct(key))
		}
	}
}
