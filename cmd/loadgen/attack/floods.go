package attack

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
)

// series is how many a report may have.
const series = 5000

// report returns a report with as many series as one may have, zipped.
func report(name func(n int) string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b) // a buffer takes everything
	fmt.Fprintln(w, "cozy_cluster_info 1")
	for n := range series - 1 {
		fmt.Fprintln(w, name(n), 1)
	}
	w.Close()
	return b.Bytes()
}

func (s *stage) sendLong(ctx context.Context) error {
	long := strings.Repeat("x", 170)
	body := report(func(n int) string { return fmt.Sprintf(`cozy_made_up{long="%s%05d"}`, long, n) })
	return s.send(ctx, s.Size.Long, conns, func(n int) load.Message {
		return load.Message{Cluster: madeUp("0002", n), From: fmt.Sprint("198.51.100.", 1+n%250), Body: body, Zipped: true}
	})
}

// undoLong gives the disk back: first the figures, then every byte.
func (s *stage) undoLong(ctx context.Context) error {
	if err := s.weigh(ctx); err != nil {
		return err
	}
	s.row.DatabaseDuring, s.row.MirrorDuring = s.row.Database, s.row.Mirror
	each := int64(s.Size.Long) << 10
	s.promise(s.row.Mirror < 100*each+bytesOfFleet && s.row.Database < 200*each+bytesOfFleet,
		"%s of database and %s of mirror", size(s.row.Database), size(s.row.Mirror))
	var ids []string // where there was no room for more at once, some were put off
	for _, n := range s.taken {
		ids = append(ids, madeUp("0002", n))
	}
	s.promise(len(ids) >= s.Size.Long*9/10, "of %d made-up reports %d were taken", s.Size.Long, len(ids))
	if len(ids) == 0 {
		return nil
	}
	if err := s.exclude(ctx, "--like="+ids[0]); err != nil {
		return err
	}
	excluded := *s.row
	if err := s.forget(ctx, ids); err != nil {
		return err
	}
	s.row.Undo, s.row.Took, s.row.Forgot = excluded.Undo, excluded.Took, s.row.Took
	return nil
}

// bytesOfFleet bounds what honest clusters' file and mirror have here.
const bytesOfFleet = 64 << 20

// sendEndless makes up ids from ten /48s, and goes on until all newcomers have come.
func (s *stage) sendEndless(ctx context.Context) error {
	spent, ended := make(chan struct{}), make(chan struct{})
	var over atomic.Bool
	var made load.Result
	var attack error
	go func() {
		defer close(ended)
		made, attack = s.makeUp(ctx, func(n int) bool {
			select {
			case <-spent:
				return !over.Load()
			default:
				return n < limitless
			}
		}, sync.OnceFunc(func() { close(spent) }))
	}()
	select { // the newcomers come when there is nothing left for more made-up ids
	case <-spent:
	case <-ended:
	}
	err := s.welcome(ctx)
	over.Store(true)
	<-ended
	s.tellSent(made)
	s.promise(s.row.Sent.Refused > 0, "no made-up id was refused")
	return cmp.Or(attack, err)
}

// limitless is how many new ids in a row show that there is no limit.
const limitless = 50_000

// makeUp reports under new ids while more are wanted, and tells when one is refused.
func (s *stage) makeUp(ctx context.Context, more func(n int) bool, refused func()) (load.Result, error) {
	body := []byte("cozy_cluster_info{cozystack_version=\"v6.6.6\"} 1\ncozy_nodes_count{kernel=\"6.6.6\"} 100\n")
	return load.Send(ctx, load.SendOptions{
		URL: s.process.URL + "/", Conns: conns, Now: s.Now,
		Next: func(n int) (load.Message, bool) {
			from := fmt.Sprintf("2a0%x:%x::%x", n%10, n%10, n%65536)
			return load.Message{Cluster: madeUp("0003", n), From: from, Body: body}, more(n)
		},
		Answered: func(_, status int) {
			if status == http.StatusTooManyRequests {
				refused()
			}
		},
	})
}

// welcome lets the newcomers report, each at its time and once.
func (s *stage) welcome(ctx context.Context) error {
	n := len(s.newcomers.messages)
	r, err := s.newcomers.once(ctx, s.process.URL+"/", s.Size.Over/time.Duration(n), s.Now)
	s.row.NewReports.add(r)
	s.row.NewPerMinute = float64(s.newcomers.figures.Clusters) / max(r.Elapsed.Minutes(), 1e-9)
	s.row.came = s.newcomers.figures
	s.promise(all(r), "of %d reports of honest new clusters, answers were %v", n, r.Codes)
	return err
}

func (s *stage) undoEndless(ctx context.Context) error {
	return s.exclude(ctx, "--like="+madeUp("0003", 0))
}

// fill fills a month's dictionary before anybody else has reported.
func (s *stage) fill(ctx context.Context) error {
	return s.send(ctx, s.Size.Fillers, conns, func(id int) load.Message {
		body := report(func(n int) string { return fmt.Sprintf(`cozy_made_up{x="%d-%d"}`, id, n) })
		return load.Message{Cluster: madeUp("0004", id), From: "192.0.2.7", Body: body, Zipped: true}
	})
}

func (s *stage) undoFill(ctx context.Context) error { return s.exclude(ctx, s.firstSeen()...) }
