package forward

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// memoryQueue is a Queue without a file.
type memoryQueue struct {
	mu     sync.Mutex
	blocks []rollup.Block
	next   uint64
	queued chan struct{}
	fails  func([]rollup.Block) error // what Remove answers, if set and not nil
}

func newQueue(lines ...string) *memoryQueue {
	q := &memoryQueue{queued: make(chan struct{}, 1)}
	for _, l := range lines {
		q.add(l)
	}
	return q
}

func (q *memoryQueue) add(lines string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next++
	q.blocks = append(q.blocks, rollup.Block{Seq: q.next, Reports: 1, Samples: 1, Lines: []byte(lines)})
	select {
	case q.queued <- struct{}{}:
	default:
	}
}

func (q *memoryQueue) Peek(maxBytes int) (blocks []rollup.Block, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	size := 0
	for _, b := range q.blocks {
		if size += len(b.Lines); size > maxBytes && len(blocks) > 0 {
			break
		}
		blocks = append(blocks, b)
	}
	return blocks, nil
}

func (q *memoryQueue) Remove(_ context.Context, blocks []rollup.Block) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fails != nil {
		if err := q.fails(blocks); err != nil {
			return err
		}
	}
	for _, b := range blocks {
		for i, have := range q.blocks {
			if have.Seq == b.Seq {
				q.blocks = append(q.blocks[:i:i], q.blocks[i+1:]...)
				break
			}
		}
	}
	return nil
}

func (q *memoryQueue) Queued() <-chan struct{} { return q.queued }

func (q *memoryQueue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.blocks)
}

// receiver is a transport that answers by a rule and notes what it took, but for
// empty requests.
type receiver struct {
	mu    sync.Mutex
	took  []string
	times []time.Time
	// rule returns status, text and Retry-After for a body, or an error.
	rule func(body string) (int, string, string, error)
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.times = append(r.times, time.Now())
	status, text, retryAfter, err := r.rule(string(body))
	if err != nil {
		return nil, err
	}
	if status == http.StatusNoContent && string(body) != string(emptyMember) {
		r.took = append(r.took, string(body))
	}
	h := http.Header{}
	if retryAfter != "" {
		h.Set("Retry-After", retryAfter)
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(text))}, nil
}

// bodies returns what was taken, and at when requests came.
func (r *receiver) bodies() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.took)
}

func (r *receiver) at() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.times)
}

// attempts gathers what a forwarder tells of its requests.
type attempts struct {
	mu  sync.Mutex
	all []Attempt
}

func (a *attempts) add(one Attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, one)
}

func (a *attempts) list() []Attempt {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.all)
}

// forward runs a forwarder in fake time for as long as the scene takes.
func forward(t *testing.T, q *memoryQueue, r *receiver, log io.Writer, scene func(told *attempts)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		q.queued = make(chan struct{}, 1) // of this bubble
		var told attempts
		f := New(q, "http://user:secret@vminsert/import", Config{
			Transport: r, OnForward: told.add,
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { f.Run(ctx, zerolog.New(log)); close(done) }()
		scene(&told)
		cancel()
		<-done
	})
}

// pass lets fake time go on, until nothing is left to do.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func accept(string) (int, string, string, error) { return http.StatusNoContent, "", "", nil }

func TestForwardInOrder(t *testing.T) {
	q, r := newQueue("a", "b"), &receiver{rule: accept}
	forward(t, q, r, io.Discard, func(*attempts) {
		synctest.Wait()
		if got := strings.Join(r.bodies(), " "); got != "ab" {
			t.Errorf("first request: %q", got)
		}
		start := time.Now()
		q.add("c")
		pass(500 * time.Millisecond)
		if len(r.bodies()) != 2 || r.bodies()[1] != "c" || r.at()[1].Sub(start) > time.Second {
			t.Errorf("took %q at %v", r.bodies(), r.at())
		}
		if q.waiting() != 0 {
			t.Errorf("%d blocks left", q.waiting())
		}
	})
}

func TestForwardBacksOff(t *testing.T) {
	down := errors.New("connection refused")
	var healthy atomic.Bool
	q := newQueue("a")
	r := &receiver{rule: func(string) (int, string, string, error) {
		if healthy.Load() {
			return http.StatusNoContent, "", "", nil
		}
		return 0, "", "", down
	}}
	var log bytes.Buffer
	forward(t, q, r, &log, func(told *attempts) {
		pass(time.Hour)
		for i := 1; i < len(r.at()); i++ {
			pause := r.at()[i].Sub(r.at()[i-1])
			least := min(time.Second<<min(i-1, 6), time.Minute) * 3 / 4
			if pause < least || pause > time.Minute {
				t.Errorf("pause %d is %v", i, pause)
			}
		}
		if n := len(r.at()); n < 50 || n > 90 {
			t.Errorf("%d attempts in an hour", n)
		}
		healthy.Store(true)
		pass(2 * time.Minute)
		if len(r.bodies()) != 1 || q.waiting() != 0 {
			t.Errorf("took %q, %d left", r.bodies(), q.waiting())
		}
		if all := told.list(); all[len(all)-1] != (Attempt{Delivered, 1, 1, nil}) {
			t.Errorf("last attempt %+v", all[len(all)-1])
		} else if all[0].Outcome != Retry || all[0].Err == nil {
			t.Errorf("first attempt %+v", all[0])
		}
	})
	if lines := strings.Count(log.String(), "\n"); lines != 2 {
		t.Errorf("an outage and its end are %d lines, want 2:\n%s", lines, log.String())
	}
	if strings.Contains(log.String(), "secret") {
		t.Errorf("the log has the password:\n%s", log.String())
	}
}

func TestForwardHonoursRetryAfter(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		q := newQueue("a")
		r := &receiver{}
		r.rule = func(string) (int, string, string, error) {
			if len(r.times) == 1 {
				return status, "", "300", nil
			}
			return http.StatusNoContent, "", "", nil
		}
		forward(t, q, r, io.Discard, func(*attempts) {
			pass(10 * time.Minute)
			if len(r.at()) != 2 || r.at()[1].Sub(r.at()[0]) < 5*time.Minute {
				t.Errorf("%d: attempts at %v", status, r.at())
			}
		})
	}
}

func TestForwardDropsOnlyWhatIsRejected(t *testing.T) {
	q := newQueue("a", "bad", "c")
	r := &receiver{rule: func(body string) (int, string, string, error) {
		if strings.Contains(body, "bad") {
			return http.StatusBadRequest, "cannot parse", "", nil
		}
		return http.StatusNoContent, "", "", nil
	}}
	forward(t, q, r, io.Discard, func(told *attempts) {
		pass(time.Minute)
		if got := strings.Join(r.bodies(), " "); got != "a c" {
			t.Errorf("took %q", got)
		}
		rejected := 0
		for _, a := range told.list() {
			if a.Outcome == Rejected {
				rejected += a.Samples
			}
		}
		if rejected != 1 || q.waiting() != 0 {
			t.Errorf("%d rejected, %d left", rejected, q.waiting())
		}
	})
}

func TestForwardKeepsQueueOnWrongURL(t *testing.T) {
	replies := map[string]func(string) (int, string, string, error){
		"unsupported path": func(string) (int, string, string, error) {
			return http.StatusBadRequest, `unsupported path requested: "/x"`, "", nil
		},
		"not found": func(string) (int, string, string, error) { return http.StatusNotFound, "", "", nil },
		"forbidden": func(string) (int, string, string, error) { return http.StatusForbidden, "", "", nil },
		"redirect":  func(string) (int, string, string, error) { return http.StatusFound, "", "", nil },
	}
	for name, rule := range replies {
		t.Run(name, func(t *testing.T) {
			q := newQueue("a", "b")
			var log bytes.Buffer
			forward(t, q, &receiver{rule: rule}, &log, func(told *attempts) {
				pass(time.Hour)
				if q.waiting() != 2 {
					t.Errorf("%d blocks left, want 2", q.waiting())
				}
				if told.list()[0].Outcome != Misconfigured {
					t.Errorf("outcome %q", told.list()[0].Outcome)
				}
			})
			if !strings.Contains(log.String(), "--forward-url") || !strings.Contains(log.String(), `"level":"error"`) {
				t.Errorf("not a loud error:\n%s", log.String())
			}
		})
	}
}
