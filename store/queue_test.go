package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// queueUp records n reports one after the other: a block each.
func queueUp(t *testing.T, s *Store, from, n int) (lines string) {
	t.Helper()
	for i := from; i < from+n; i++ {
		line := fmt.Sprintf("line %d 1\nsecond %d 1\n", i, i)
		must(t, s.Record(t.Context(), report(uuid(1), march.Add(time.Duration(i)*time.Second), "a"), []byte(line)))
		lines += line
	}
	return lines
}

func TestQueueKeepsTheOrder(t *testing.T) {
	s := open(t, Options{})
	lines := queueUp(t, s, 0, 5)
	blocks := allBlocks(t, s)
	if len(blocks) != 5 || text(t, blocks) != lines {
		t.Fatalf("%d blocks: %q", len(blocks), text(t, blocks))
	}
	for i, b := range blocks {
		if b.Reports != 1 || b.Samples != 2 || !b.Received.Equal(march.Add(time.Duration(i)*time.Second)) || i > 0 && b.Seq <= blocks[i-1].Seq {
			t.Errorf("block %d: %+v", i, b)
		}
		if want := fmt.Sprintf("line %d 1\nsecond %d 1\n", i, i); text(t, []rollup.Block{b}) != want {
			t.Errorf("block %d alone: %q", i, text(t, []rollup.Block{b}))
		}
	}
	compareQueue(t, s)
}

// The receipt times of a real clock: milliseconds are kept, and no zone.
func TestBlockKeepsTheTimeOfReceipt(t *testing.T) {
	s := open(t, Options{})
	for _, received := range []time.Time{
		march.Add(123456789 * time.Nanosecond),
		march.In(time.FixedZone("", 3600)),
		time.Unix(-1, 0),
	} {
		must(t, s.Record(t.Context(), report(uuid(1), received, "a"), []byte("x 1 1\n")))
		blocks := allBlocks(t, s)
		got := blocks[len(blocks)-1].Received
		if !got.Equal(received.Truncate(time.Millisecond)) || got.Location() != time.UTC {
			t.Errorf("got %s, want %s", got, received)
		}
	}
}

func TestPeekIsBounded(t *testing.T) {
	s := open(t, Options{})
	queueUp(t, s, 0, 5)
	all := allBlocks(t, s)
	size := func(n int) (sum int) {
		for _, b := range all[:n] {
			sum += len(b.Lines)
		}
		return sum
	}
	for maxBytes, want := range map[int]int{
		0: 1, 1: 1, size(1): 1, size(2) - 1: 1, size(2): 2, size(5) - 1: 4, size(5): 5, size(5) + 1: 5,
	} {
		blocks, err := s.QueueOf("cozystack").Peek(maxBytes)
		if err != nil || len(blocks) != want {
			t.Errorf("%d bytes: %d blocks, %v; want %d", maxBytes, len(blocks), err, want)
		}
	}
	empty := open(t, Options{})
	if blocks := allBlocks(t, empty); blocks != nil {
		t.Errorf("an empty queue has %+v", blocks)
	}
}

func TestRemove(t *testing.T) {
	s := open(t, Options{})
	queueUp(t, s, 0, 4)
	all := allBlocks(t, s)
	must(t, s.Remove(t.Context(), all[1:3]))
	compareQueue(t, s)
	must(t, s.Remove(t.Context(), all[1:3])) // gone already
	must(t, s.Remove(t.Context(), []rollup.Block{{Seq: 1 << 60}, all[0], all[0]}))
	compareQueue(t, s)
	if left := allBlocks(t, s); len(left) != 1 || left[0].Seq != all[3].Seq {
		t.Errorf("left: %+v", left)
	}
	must(t, s.Remove(t.Context(), all))
	compareQueue(t, s)
	if got := s.Queue(); got != (QueueStats{}) {
		t.Errorf("an empty queue: %+v", got)
	}
	// The numbers go on, also after a restart.
	s = reopen(t, s)
	queueUp(t, s, 4, 1)
	if again := allBlocks(t, s); again[0].Seq <= all[3].Seq {
		t.Errorf("number %d comes after %d", again[0].Seq, all[3].Seq)
	}
}

// Several pages of the queue's bucket are emptied in one transaction.
func TestRemoveManyAtOnce(t *testing.T) {
	t.Parallel()
	for name, left := range map[string]int{"all": 0, "all but the newest": 1, "all but some": 20} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{})
			queueUp(t, s, 0, 400)
			all := allBlocks(t, s)
			must(t, s.Remove(t.Context(), all[:len(all)-left]))
			if got := s.Queue().Blocks; got != left {
				t.Errorf("%d blocks are left, want %d", got, left)
			}
			compareQueue(t, s)
			lines := queueUp(t, s, 400, 1)
			compareQueue(t, s)
			if got := text(t, allBlocks(t, s)); !strings.HasSuffix(got, lines) {
				t.Errorf("left: %q", got)
			}
		})
	}
}

// What Peek returned stays what it was, whatever the file's pages become.
func TestPeekReturnsCopies(t *testing.T) {
	s := open(t, Options{})
	lines := noise(20_000)
	must(t, s.Record(t.Context(), report(uuid(1), march, "a"), lines))
	peeked := allBlocks(t, s)
	for range 10 {
		must(t, s.Remove(t.Context(), allBlocks(t, s)))
		must(t, s.Record(t.Context(), report(uuid(1), march, "a"), noise(20_000)))
	}
	if got := text(t, peeked); got != string(lines) {
		t.Error("the lines have changed")
	}
}

func TestQueueSurvivesReopening(t *testing.T) {
	s := open(t, Options{})
	lines := queueUp(t, s, 0, 3)
	must(t, s.Remove(t.Context(), allBlocks(t, s)[:1]))
	before := s.Queue()
	s = reopen(t, s)
	if s.Queue() != before {
		t.Errorf("before %+v, after %+v", before, s.Queue())
	}
	if _, want, _ := strings.Cut(lines, "second 0 1\n"); text(t, allBlocks(t, s)) != want {
		t.Errorf("got %q", text(t, allBlocks(t, s)))
	}
}

// Nothing waits where there was nothing to forward.
func TestReportsWithoutLinesAreNotQueued(t *testing.T) {
	s := open(t, Options{})
	must(t, s.Record(t.Context(), report(uuid(1), march, "a"), nil))
	if got := s.Queue(); got != (QueueStats{}) {
		t.Errorf("got %+v", got)
	}
	select {
	case <-s.QueueOf("cozystack").Queued():
		t.Error("signalled")
	default:
	}
}

func TestQueuedSignals(t *testing.T) {
	s := open(t, Options{})
	queueUp(t, s, 0, 3)
	<-s.QueueOf("cozystack").Queued()
	select {
	case <-s.QueueOf("cozystack").Queued():
		t.Error("one signal stands for all that waits")
	default:
	}
	must(t, s.Remove(t.Context(), allBlocks(t, s)))
	select {
	case <-s.QueueOf("cozystack").Queued():
		t.Error("removing is signalled")
	default:
	}
	queueUp(t, s, 3, 1)
	<-s.QueueOf("cozystack").Queued()
}

// The oldest blocks make room, and each report and sample of them is counted.
func TestBoundedQueueDropsTheOldest(t *testing.T) {
	s := open(t, Options{})
	queueUp(t, s, 0, 1)
	blockSize := s.Queue().Bytes
	must(t, s.Close())

	s = open(t, Options{QueueBytes: 3*blockSize + blockSize/2})
	lines := queueUp(t, s, 0, 8)
	got := s.Queue()
	if got.Blocks != 3 || got.DroppedReports != 5 || got.DroppedSamples != 10 || !got.Oldest.Equal(march.Add(5*time.Second)) {
		t.Errorf("got %+v", got)
	}
	compareQueue(t, s)
	if _, want, _ := strings.Cut(lines, "second 4 1\n"); text(t, allBlocks(t, s)) != want {
		t.Errorf("left: %q", text(t, allBlocks(t, s)))
	}
	// The rollups know nothing of it.
	if day := stored(t, s)[target{rollup.DateOf(march), "cozystack", uuid(1)}]; day.Points[0].Peak != 1 {
		t.Errorf("the day: %+v", day)
	}
}

// Who names no bound has none: a backlog of any size stays, to the last block.
func TestQueueWithoutABound(t *testing.T) {
	s := open(t, Options{})
	queueUp(t, s, 0, 10)
	s.queue.mu.Lock()
	s.queue.stats.Bytes += 1 << 40 // as if there were so much
	s.queue.mu.Unlock()
	queueUp(t, s, 10, 1)
	if got := s.Queue(); got.Blocks != 11 || got.DroppedReports != 0 || s.QueueBound() != 0 {
		t.Errorf("bound %d: got %+v", s.QueueBound(), got)
	}
}

// A block above the bound stays as long as it is the newest.
func TestNewestBlockAlwaysStays(t *testing.T) {
	s := open(t, Options{QueueBytes: 1})
	for i := range 3 {
		queueUp(t, s, i, 1)
		if got := s.Queue(); got.Blocks != 1 || got.DroppedReports != int64(i) {
			t.Errorf("after report %d: %+v", i, got)
		}
		compareQueue(t, s)
	}
}

// A lower bound after a restart takes effect with the first commit.
func TestLowerBoundDropsManyAtOnce(t *testing.T) {
	s := open(t, Options{})
	queueUp(t, s, 0, 30)
	must(t, s.Close())
	bound := s.Queue().Bytes / 10
	s = openAt(t, s.path, Options{QueueBytes: bound})
	queueUp(t, s, 30, 1)
	got := s.Queue()
	if got.Bytes > bound || got.Bytes < bound/2 || got.Blocks+int(got.DroppedReports) != 31 {
		t.Errorf("bound %d: got %+v", bound, got)
	}
	compareQueue(t, s)
}

// What comes in one transaction is one block, unless it is too large for one.
func TestBlocksOfOneTransaction(t *testing.T) { synctest.Test(t, testBlocksOfOneTransaction) }

func testBlocksOfOneTransaction(t *testing.T) {
	s := open(t, Options{})
	release := holdWriter(t, s)
	big := bytes.Repeat([]byte("0123456 1\n"), blockBytes/25) // 0.4 blocks
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() { must(t, s.Record(context.Background(), report(uuid(i), march, "a"), big)) })
	}
	synctest.Wait()
	release()
	wg.Wait()
	var reports []int
	samples := 0
	for _, b := range allBlocks(t, s) {
		reports = append(reports, b.Reports)
		samples += b.Samples
	}
	if fmt.Sprint(reports) != "[2 2 1]" || samples != 5*len(big)/10 {
		t.Errorf("reports by block %v, %d samples", reports, samples)
	}
	if got := text(t, allBlocks(t, s)); got != strings.Repeat(string(big), 5) {
		t.Errorf("%d bytes of text, want %d", len(got), 5*len(big))
	}
	compareQueue(t, s)
}

// Blocks that can't be read keep neither the server from starting nor the others
// from being sent. They are removed once they are the oldest, and told of once.
func TestUnreadableBlocks(t *testing.T) {
	s := open(t, Options{})
	lines := queueUp(t, s, 0, 3)
	spoil(t, s, 1, 3)
	told := 0
	s = openAt(t, s.path, Options{OnCommit: func(c Commit) { told += c.Unreadable }})
	blocks := allBlocks(t, s)
	if got := text(t, blocks); len(blocks) != 1 || !strings.Contains(lines, got) || got == "" {
		t.Fatalf("what can be read is %q", got)
	}
	if got := s.Queue(); got.Blocks != 3 || !got.Oldest.Equal(blocks[0].Received) {
		t.Errorf("before the first commit: %+v", got)
	}
	more := queueUp(t, s, 3, 1)
	compareQueue(t, s)
	must(t, s.Remove(t.Context(), blocks))
	if got := text(t, allBlocks(t, s)); got != more {
		t.Errorf("%q waits, want %q", got, more)
	}
	compareQueue(t, s)
	if got := s.Queue().Unreadable; got != 2 {
		t.Errorf("%d blocks are said to be unreadable", got)
	}
	s = reopen(t, s)
	if got := s.Queue(); told != 2 || got.Blocks != 1 || got.Unreadable != 0 {
		t.Errorf("told of %d; after another start: %+v", told, got)
	}
}

// A queue of nothing but unreadable blocks is emptied by the next commit.
func TestOnlyUnreadableBlocks(t *testing.T) {
	s := open(t, Options{})
	queueUp(t, s, 0, 2)
	spoil(t, s, 1, 2)
	s = openAt(t, s.path, Options{})
	if blocks := allBlocks(t, s); len(blocks) != 0 {
		t.Errorf("read %d blocks", len(blocks))
	}
	must(t, s.Remove(t.Context(), nil))
	if got := s.Queue(); got != (QueueStats{Unreadable: 2}) {
		t.Errorf("got %+v", got)
	}
}

// spoil closes a store and makes blocks of its queue unreadable.
func spoil(t *testing.T, s *Store, seqs ...uint64) {
	t.Helper()
	must(t, s.Close())
	db, err := bolt.Open(s.path, 0o600, nil)
	must(t, err)
	for _, seq := range seqs {
		must(t, db.Update(func(tx *bolt.Tx) error {
			return tx.Bucket(layout.BucketQueue).Put(record.BlockKey(seq, "cozystack"), []byte{0x80})
		}))
	}
	must(t, db.Close())
}

// noise returns lines that hardly compress.
func noise(size int) []byte {
	raw := make([]byte, size/2)
	_, _ = rand.Read(raw) // never fails
	return append(hex.AppendEncode(nil, raw), '\n')
}
