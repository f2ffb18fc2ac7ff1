package forward

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Receivers that refuse: the URL, one block, or what is too large.

// refuseBad takes everything but blocks that are spelt "!".
func refuseBad(body string) (int, string, string, error) {
	if strings.Contains(body, "!") {
		return http.StatusBadRequest, "cannot parse", "", nil
	}
	return http.StatusNoContent, "", "", nil
}

// How much is sent to find bad blocks is linear in what waits, however many are
// bad; for one of n, the requests are logarithmic too.
func TestForwardFindsBadBlocksInFewSends(t *testing.T) {
	tests := map[string]struct {
		n   int
		bad []int
	}{
		"the only one":      {1, []int{0}},
		"last of two":       {2, []int{1}},
		"first of three":    {3, []int{0}},
		"first of 40":       {40, []int{0}},
		"amid 40":           {40, []int{19}},
		"last of 40":        {40, []int{39}},
		"last of 1000":      {1000, []int{999}},
		"each tenth of 200": {200, []int{9, 19, 29, 39, 49, 59, 69, 79, 89, 99, 109, 119, 129, 139, 149, 159, 169, 179, 189, 199}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			blocks := strings.Split(strings.Repeat("a", tt.n), "")
			for _, i := range tt.bad {
				blocks[i] = "!"
			}
			var requests, sends, probes int
			r := &receiver{rule: func(body string) (int, string, string, error) {
				if body == string(emptyMember) {
					probes++
					return http.StatusNoContent, "", "", nil
				}
				requests++
				sends += len(body)
				return refuseBad(body)
			}}
			q := newQueue(blocks...)
			forward(t, q, r, io.Discard, func(told *attempts) {
				pass(time.Hour)
				var all Attempt
				for _, a := range told.list() {
					if a.Outcome == Rejected {
						all.Samples += a.Samples
					}
				}
				if q.waiting() != 0 || all.Samples != len(tt.bad) {
					t.Errorf("%d left, %d rejected", q.waiting(), all.Samples)
				}
			})
			// What is good arrives once, and in order.
			good := strings.Repeat("a", tt.n-len(tt.bad))
			if got := strings.Join(r.bodies(), ""); got != good {
				t.Errorf("took %d blocks of %d", len(got), len(good))
			}
			t.Logf("%d requests with %d blocks, and %d empty ones", requests, sends, probes)
			most := 3*tt.n + 2
			if len(tt.bad) > 1 {
				most = 6 * tt.n
			}
			if sends > most {
				t.Errorf("%d blocks were sent for %d", sends, tt.n)
			}
			if most := 3*bits.Len(uint(tt.n)) + 3; len(tt.bad) == 1 && (requests > most || probes > most) {
				t.Errorf("%d requests and %d empty ones, more than %d", requests, probes, most)
			}
		})
	}
}

// A receiver that takes nothing at this URL, not even nothing, is not to blame
// on the samples. Whatever it answers, they stay.
func TestForwardKeepsQueueWhereNothingIsTaken(t *testing.T) {
	replies := map[string]struct {
		status int
		text   string
	}{
		"vminsert's account": {400, `cannot parse accountID from "x": strconv.ParseUint`},
		"another protocol":   {400, "cannot decompress request with length 20: snappy: corrupt input"},
		"conflict":           {409, ""},
		"unprocessable":      {422, ""},
		"a limit of nothing": {413, ""},
	}
	for name, reply := range replies {
		t.Run(name, func(t *testing.T) {
			q := newQueue(strings.Split(strings.Repeat("a", 200), "")...)
			r := &receiver{rule: func(string) (int, string, string, error) { return reply.status, reply.text, "", nil }}
			var log bytes.Buffer
			forward(t, q, r, &log, func(told *attempts) {
				pass(time.Hour)
				if q.waiting() != 200 {
					t.Errorf("%d blocks left of 200", q.waiting())
				}
				if n := len(r.at()); n > 400 {
					t.Errorf("%d requests in an hour", n)
				}
				if all := told.list(); all[len(all)-1].Outcome != Misconfigured {
					t.Errorf("the last outcome is %q", all[len(all)-1].Outcome)
				}
				r.mu.Lock()
				r.rule = accept // the receiver is corrected
				r.mu.Unlock()
				pass(10 * time.Minute)
				if q.waiting() != 0 {
					t.Errorf("%d blocks left after the correction", q.waiting())
				}
			})
			if !strings.Contains(log.String(), "--forward-url") || !strings.Contains(log.String(), `"level":"error"`) {
				t.Errorf("not a loud error:\n%s", log.String())
			}
		})
	}
}

// An http:// URL of a port that speaks TLS, of a real server.
func TestForwardKeepsQueueAtATLSPort(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	server.StartTLS()
	defer server.Close()
	q := newQueue(strings.Split(strings.Repeat("a", 200), "")...)
	outcome := make(chan Outcome, 1)
	f := New(q, strings.Replace(server.URL, "https:", "http:", 1), Config{
		OnForward: func(a Attempt) {
			if asked.Add(1); a.Outcome == Misconfigured {
				outcome <- a.Outcome
			}
		},
		MinBackoff: time.Hour, MaxBackoff: time.Hour,
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { f.Run(ctx, zerolog.Nop()) })
	defer running.Wait()
	defer cancel()
	select {
	case <-outcome:
	case <-time.After(10 * time.Second):
	}
	if q.waiting() != 200 || asked.Load() != 1 {
		t.Errorf("%d blocks left of 200 after %d attempts", q.waiting(), asked.Load())
	}
}

// A receiver that takes the empty import and refuses all else loses us a block a
// second at first, then one a minute: time to notice.
func TestForwardDropsAtAPace(t *testing.T) {
	q := newQueue(strings.Split(strings.Repeat("!", 200), "")...)
	r := &receiver{rule: refuseBad}
	var log bytes.Buffer
	forward(t, q, r, &log, func(*attempts) {
		pass(time.Hour)
		if n := 200 - q.waiting(); n < 50 || n > 90 {
			t.Errorf("%d blocks were dropped in an hour", n)
		}
		if lines := strings.Count(log.String(), `"samples":1,`); lines != 200-q.waiting() {
			t.Errorf("%d lines for %d drops", lines, 200-q.waiting())
		}
	})
}

// One refusal is not enough: behind a load balancer one receiver of two may be
// broken for a moment.
func TestForwardAsksTwiceBeforeADrop(t *testing.T) {
	q := newQueue("!")
	var refused atomic.Bool
	r := &receiver{rule: func(body string) (int, string, string, error) {
		if body == "!" && refused.CompareAndSwap(false, true) {
			return http.StatusBadRequest, "", "", nil
		}
		return http.StatusNoContent, "", "", nil
	}}
	forward(t, q, r, io.Discard, func(told *attempts) {
		pass(time.Minute)
		if all := told.list(); all[len(all)-1] != (Attempt{Delivered, 1, 1, nil}) {
			t.Errorf("attempts %+v", all)
		}
	})
}

// limited is a receiver that takes no body above a size.
func limited(size int, sent *int) func(string) (int, string, string, error) {
	return func(body string) (int, string, string, error) {
		*sent += len(body)
		if len(body) > size {
			return http.StatusRequestEntityTooLarge, "", "", nil
		}
		return http.StatusNoContent, "", "", nil
	}
}

// 40 MB behind a proxy that takes 1 MiB at a time.
func TestForwardRemembersALimit(t *testing.T) {
	var blocks []string
	for range 400 {
		blocks = append(blocks, strings.Repeat("a", 100<<10))
	}
	q, sent := newQueue(blocks...), 0
	r := &receiver{rule: limited(1<<20, &sent)}
	forward(t, q, r, io.Discard, func(told *attempts) {
		pass(10 * time.Minute)
		if q.waiting() != 0 {
			t.Errorf("%d blocks left", q.waiting())
		}
		for _, a := range told.list() {
			if a.Outcome == Rejected {
				t.Fatal("blocks were dropped")
			}
		}
	})
	t.Logf("%d requests, %d MB sent for 40 MB", len(r.at()), sent/1e6)
	if sent > 50<<20 {
		t.Errorf("%d MB were sent for 40 MB", sent/1e6)
	}
}

// A block that alone is above the limit arrives in parts, whole and in order.
func TestForwardSplitsALargeBlock(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var lines strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&lines, "cozy_a{x=\"%d\"} %d 1773576000000\n", random.Uint64(), i)
	}
	var block bytes.Buffer
	w := gzip.NewWriter(&block)
	_, _ = io.WriteString(w, lines.String())
	_ = w.Close()
	const limit = 64 << 10
	q, sent := newQueue(block.String()), 0
	r := &receiver{rule: limited(limit, &sent)}
	forward(t, q, r, io.Discard, func(told *attempts) {
		pass(10 * time.Minute)
		if q.waiting() != 0 {
			t.Errorf("%d blocks left", q.waiting())
		}
		delivered := 0
		for _, a := range told.list() {
			delivered += a.Samples
			if a.Outcome == Rejected {
				t.Errorf("%+v", a)
			}
		}
		if delivered != 1 { // the queue's blocks say that they have one sample each
			t.Errorf("%d samples are counted, not 1", delivered)
		}
	})
	zip, err := gzip.NewReader(strings.NewReader(strings.Join(r.bodies(), "")))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(zip)
	if err != nil || string(got) != lines.String() {
		t.Errorf("%d bytes arrived of %d: %v", len(got), lines.Len(), err)
	}
	t.Logf("%d requests, %d kB sent for %d kB", len(r.at()), sent>>10, block.Len()>>10)
	if sent > 3*block.Len() {
		t.Errorf("%d kB were sent for %d kB", sent>>10, block.Len()>>10)
	}
}

// What can't be split is dropped, as what is refused for another reason, and
// what stands behind it has its turn.
func TestForwardDropsWhatCannotBeSplit(t *testing.T) {
	q, sent := newQueue("a", strings.Repeat("b", 5000), "c"), 0
	r := &receiver{rule: limited(100, &sent)}
	forward(t, q, r, io.Discard, func(told *attempts) {
		pass(time.Minute)
		rejected := 0
		for _, a := range told.list() {
			if a.Outcome == Rejected {
				rejected += a.Samples
			}
		}
		if q.waiting() != 0 || rejected != 1 {
			t.Errorf("%d left, %d rejected", q.waiting(), rejected)
		}
	})
}

// What was delivered is delivered once and counted once, however long it can't
// be removed. Then what stands behind it has its turn.
func TestForwardRetriesOnlyTheRemoval(t *testing.T) {
	for _, rule := range []func(string) (int, string, string, error){accept, refuseBad} {
		q := newQueue("!")
		removals := 0
		q.fails = func([]rollup.Block) error {
			if removals++; removals <= 20 {
				return errors.New("no space left on device")
			}
			return nil
		}
		r := &receiver{rule: rule}
		var log bytes.Buffer
		forward(t, q, r, &log, func(told *attempts) {
			pass(time.Second)
			q.add("b")
			pass(time.Hour)
			samples := make(map[Outcome]int)
			for _, a := range told.list() {
				samples[a.Outcome] += a.Samples
			}
			if total := samples[Delivered] + samples[Rejected]; total != 2 || q.waiting() != 0 {
				t.Errorf("counted %v, %d left", samples, q.waiting())
			}
			if n := len(r.at()); n > 5 {
				t.Errorf("%d requests for two blocks", n)
			}
			if removals != 22 {
				t.Errorf("%d removals, want 22", removals)
			}
		})
		if n := strings.Count(log.String(), "no space left"); n != 1 {
			t.Errorf("one trouble is %d lines:\n%s", n, log.String())
		}
		if n := strings.Count(log.String(), "works again"); n != 1 {
			t.Errorf("its end is %d lines:\n%s", n, log.String())
		}
	}
}

// The empty request is what it says, for every reader of gzip.
func TestEmptyMember(t *testing.T) {
	members, err := splitMember(emptyMember, 0)
	if err != nil || len(members) != 1 || !bytes.Equal(members[0], emptyMember) {
		t.Errorf("%q, %v, want %q", members, err, emptyMember)
	}
}

// slow is a receiver that takes a while for each request.
type slow struct {
	each   time.Duration
	status int
	asked  chan struct{}
}

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked <- struct{}{}
	select {
	case <-time.After(s.each):
		return &http.Response{StatusCode: s.status, Body: http.NoBody}, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// However many requests a block takes, and the probe after a refusal, all of them
// together have the grace when the server stops.
func TestForwardStopsWithinTheGrace(t *testing.T) {
	const grace = 3 * time.Second
	var lines strings.Builder
	for i := range 100 {
		fmt.Fprintf(&lines, "cozy_a{x=\"%x\"} 1 %d\n", rand.Uint64(), i)
	}
	member, err := memberOf([]byte(lines.String()))
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range []int{http.StatusNoContent, http.StatusBadRequest} {
		synctest.Test(t, func(t *testing.T) {
			q, receiver := newQueue(string(member)), slow{2 * time.Second, status, make(chan struct{}, 1000)}
			f := New(q, "http://vminsert/", Config{Transport: receiver, BatchBytes: len(member) / 10, Grace: grace})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { f.Run(ctx, zerolog.Nop()); close(done) }()
			<-receiver.asked
			cancel()
			stopped := time.Now()
			<-done
			if took := time.Since(stopped); took > grace || q.waiting() != 1 {
				t.Errorf("answers %d: it stopped after %v, and %d blocks wait", status, took, q.waiting())
			}
		})
	}
}
