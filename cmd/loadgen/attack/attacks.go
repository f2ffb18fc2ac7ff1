package attack

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
)

// attack is one that is tried.
type attack struct {
	key, what string
	// beforeAll begins a month: the attack comes before any honest report of it.
	beforeAll bool
	// known is sent under the id of an honest cluster.
	known bool
	// prompt is the longest that an honest report may take meanwhile; 0 is any time.
	prompt time.Duration
	// dictionary is what a month's series take beside the server's ceiling, in bytes.
	dictionary int64
	// strike is what a stranger does, and undo what an operator does then; nil where
	// nothing has come of it.
	strike, undo func(*stage, context.Context) error
}

// attacks are all, in the order of the table.
func attacks() []attack {
	return []attack{
		{key: "crowd", what: "made-up ids of one IPv4, each with as much as is plausible", strike: (*stage).sendCrowd, undo: (*stage).undoCrowd},
		{key: "known", what: "one known id: 10 million nodes, then as much as is plausible", known: true, strike: (*stage).spoil, undo: (*stage).undoSpoilt},
		{key: "long", what: "made-up ids of one /24, all with the same 5000 long series", strike: (*stage).sendLong, undo: (*stage).undoLong},
		{key: "endless", what: "new ids without end from ten IPv6 /48s, while honest new clusters come", strike: (*stage).sendEndless, undo: (*stage).undoEndless},
		{key: "filler", what: "ids with 5000 series each, before any honest report of a month", beforeAll: true, dictionary: fullDictionary, strike: (*stage).fill, undo: (*stage).undoFill},
		{key: "page", what: "a web page asks the private listener, across sites and by rebinding", strike: (*stage).visit},
		{key: "dear", what: "32 connections ask for all that is dear to answer, over and over", prompt: promptly, strike: (*stage).ask},
		{key: "second", what: "a second server on the folder of the mirror", strike: (*stage).doubleUp},
	}
}

// conns is how many connections a stranger has, where not as many as it takes.
const conns = 8

// send sends a number of made-up reports, and notes which were taken.
func (s *stage) send(ctx context.Context, n, conns int, message func(n int) load.Message) error {
	var mu sync.Mutex
	r, err := load.Send(ctx, load.SendOptions{
		URL: s.process.URL + "/", Conns: conns, Now: s.Now,
		Answered: func(i, status int) {
			mu.Lock()
			defer mu.Unlock()
			if status == http.StatusOK {
				s.taken = append(s.taken, i)
			}
		},
		Next: func(i int) (load.Message, bool) {
			if i >= n {
				return load.Message{}, false
			}
			return message(i), true
		},
	})
	s.tellSent(r)
	return err
}

func (s *stage) tellSent(r load.Result) {
	s.row.Sent.add(r)
	s.promise(r.Errors == 0, "%d made-up reports had no answer, such as: %v", r.Errors, r.FirstError)
}

// huge has the most nodes, tenants and applications that are plausible for one cluster.
const huge = "cozy_cluster_info{cozystack_version=\"v1.2.0\"} 1\ncozy_nodes_count{kernel=\"6.6\"} 10000\n" +
	"cozy_application_count{kind=\"Postgres\"} 100000\ncozy_application_count{kind=\"Tenant\"} 10000\n"

func madeUp(kind string, n int) string { return fmt.Sprintf("badc0ffe-%s-4000-8000-%012d", kind, n) }

func (s *stage) sendCrowd(ctx context.Context) error {
	err := s.send(ctx, s.Size.Crowd, 4*conns, func(n int) load.Message {
		return load.Message{Cluster: madeUp("0001", n), From: "203.0.113.7", Body: []byte(huge)}
	})
	s.promise(s.row.Sent.Taken == s.Size.Crowd, "%d of %d were taken: the burst of a network is not what it was", s.row.Sent.Taken, s.Size.Crowd)
	return err
}

func (s *stage) undoCrowd(ctx context.Context) error {
	return s.exclude(ctx, append(s.firstSeen(), "--min-nodes=10000")...)
}

// spoil reports under the id of an honest cluster.
func (s *stage) spoil(ctx context.Context) error {
	bodies := []string{"cozy_cluster_info 1\ncozy_nodes_count 10000000\n", huge}
	err := s.send(ctx, len(bodies), 1, func(n int) load.Message {
		return load.Message{Cluster: s.victim(), From: "203.0.113.7", Body: []byte(bodies[n])}
	})
	s.promise(s.row.Sent.Taken == 1, "of a report of 10 million nodes and one of 10 000, %d were taken", s.row.Sent.Taken)
	return err
}

// victim is an honest cluster whose id somebody knows.
func (s *stage) victim() string { return s.honest.messages[0].Cluster }

// undoSpoilt removes the day of which a report was wrong; the cluster's next ones bring
// the rest of it back.
func (s *stage) undoSpoilt(ctx context.Context) error {
	from, to := s.began.UTC().Format("2006-01-02"), s.Now().UTC().Format("2006-01-02")
	if err := s.forget(ctx, []string{s.victim()}, "--from="+from, "--to="+to); err != nil {
		return err
	}
	return s.everybodyReports(ctx)
}
