package backfill

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Store is what a backfill needs of the file. Methods may be called
// concurrently.
type Store interface {
	// MergeDays merges days of a product's clusters into what the file has of that
	// date. It returns once they are on disk. Doing it again changes nothing.
	MergeDays(ctx context.Context, product string, date rollup.Date, days []rollup.InstanceDay) error
	// Backfilled returns what PutBackfilled has stored, nil if it never did.
	Backfilled() ([]byte, error)
	// PutBackfilled stores how far a backfill has come. It returns once that is on
	// disk.
	PutBackfilled(ctx context.Context, marks []byte) error
}

// Rules say what a report may bring; what it may not is skipped, for a reason in a
// word. Methods may be called concurrently.
type Rules interface {
	// Cluster tells whether a text can be a cluster's id.
	Cluster(id string) bool
	// Series returns why no report brings a series, "" if one may.
	Series(metric string, labels []rollup.Label) (why string)
	// Report returns why no report has these samples, "" if one may. If it may, it
	// may also have fewer and lower ones.
	Report(samples []rollup.Sample) (why string)
}

// Config says what to take over. URL, From, To, Now and Rules are required.
type Config struct {
	// URL is the query base of VictoriaMetrics, as the overview has it: without a
	// path a cluster's vmselect, or a single node.
	URL string
	// From and To are the first and the last month. What lies in the future is left
	// out.
	From, To rollup.MonthID
	// Now is the clock.
	Now func() time.Time
	// Rules are those of the server that takes reports.
	Rules Rules
	// Again also takes the days that an earlier run has taken from this URL.
	Again bool
	// OnDay, if set, is told of each day that is done.
	OnDay func(Progress)
	// OnMonth, if set, is called when all days of a month are merged. Its error
	// ends the run.
	OnMonth func(ctx context.Context, month rollup.MonthID) error
	// OnRetry, if set, is told why a question is asked again. It may be called
	// concurrently.
	OnRetry func(error)
	// Transport carries the questions. Nil means a copy of http.DefaultTransport.
	Transport http.RoundTripper
	// Clusters is how many are asked for at once. 0 means 50.
	Clusters int
	// Room is how many samples are held of a question, two of which run at a time;
	// one needs 24 bytes, and a series as much as 16 of them. Questions with more
	// are split. 0 means a million.
	Room int
}

func (c Config) withDefaults() Config {
	if c.OnDay == nil {
		c.OnDay = func(Progress) {}
	}
	if c.OnMonth == nil {
		c.OnMonth = func(context.Context, rollup.MonthID) error { return nil }
	}
	if c.OnRetry == nil {
		c.OnRetry = func(error) {}
	}
	if c.Clusters == 0 {
		c.Clusters = 50 // more than 100 values make VictoriaMetrics search instead of look up
	}
	if c.Room == 0 {
		c.Room = 1_000_000
	}
	return c
}

// Progress tells how far a run has come.
type Progress struct {
	// Date is the day that was done last.
	Date rollup.Date
	// Days are done, those of an earlier run too, of Total; Resumed were done
	// before.
	Days, Total, Resumed int
	// Samples counts those that were taken over.
	Samples int64
	// Skipped counts those that no report may have, by why not.
	Skipped Skipped
	// Others counts the values of cluster_id that are none, on each day.
	Others int64
}

// Skipped counts samples by why they were skipped: what the Rules say, "series" for
// those without a valid name or of no cluster, and "value".
type Skipped map[string]int64

// Total counts them all.
func (s Skipped) Total() (total int64) {
	for _, n := range s {
		total += n
	}
	return total
}

func (s Skipped) add(o Skipped) {
	for why, n := range o {
		s[why] += n
	}
}

const (
	// asks is how many questions run at a time: while one is merged, the next is
	// read.
	asks = 2
	// settled is how long after its end a day is complete: until then samples may
	// still be on their way.
	settled = time.Hour
	// shortest is about the shortest stretch that is asked for.
	shortest = time.Minute
)

// ErrCluster is returned when one cluster alone has more samples in a minute than
// fit into memory.
var ErrCluster = errors.New("backfill: a cluster has too many samples within a minute")

// Run takes over the days of months, the oldest first. What it has done when it
// ends early is kept, and a later run goes on there.
func Run(ctx context.Context, store Store, cfg Config) (Progress, error) {
	r := &run{Config: cfg.withDefaults(), store: store}
	r.progress.Skipped = make(Skipped)
	var err error
	if r.source, err = newSource(r.Config); err != nil {
		return r.progress, err
	}
	if r.marks, err = loadMarks(store, r.Config); err != nil {
		return r.progress, err
	}
	last := min(r.To.Last(), rollup.DateOf(r.Now()))
	r.progress.Total = max(0, int(last-r.From.First())+1)
	for month := r.From; month <= r.To && month.First() <= last; month++ {
		if err := r.month(ctx, month, last); err != nil {
			return r.progress, fmt.Errorf("backfill: %s: %w", month, err)
		}
	}
	return r.progress, nil
}

type run struct {
	Config
	store    Store
	source   *source
	marks    marks
	mu       sync.Mutex // held for the counters of progress while parts run
	progress Progress
}

func (r *run) month(ctx context.Context, month rollup.MonthID, last rollup.Date) error {
	for date := month.First(); date <= min(month.Last(), last); date++ {
		if r.marks.done(date) {
			r.progress.Resumed++
		} else if err := r.day(ctx, date); err != nil {
			return err
		}
		r.progress.Date = date
		r.progress.Days++
		told := r.progress
		told.Skipped = maps.Clone(told.Skipped)
		r.OnDay(told)
	}
	return r.OnMonth(ctx, month)
}

// day takes over a day, and then marks it if it was complete when it was asked
// for.
func (r *run) day(ctx context.Context, date rollup.Date) error {
	from, to := date.Start(), (date + 1).Start()
	complete := !r.Now().Before(to.Add(settled))
	ids, others, err := r.source.clusters(ctx, from, to)
	if err != nil {
		return err
	}
	r.progress.Others += others
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(asks)
	for chunk := range slices.Chunk(ids, r.Clusters) {
		group.Go(func() error { return r.part(asking, date, chunk, from, to) })
	}
	if err := group.Wait(); err != nil || !complete {
		return err
	}
	r.marks.add(date)
	text, err := r.marks.text()
	if err != nil {
		return err
	}
	return r.store.PutBackfilled(ctx, text)
}

// part takes over a part of a day: some clusters, and a stretch of time. What is
// too much at once is halved; since merging is idempotent and commutative, the
// halves of a day make the day.
func (r *run) part(ctx context.Context, date rollup.Date, ids []string, from, to time.Time) error {
	f, err := r.source.read(ctx, ids, from, to, r.Room)
	half := to.Sub(from) / 2
	switch {
	case err == nil:
		days := f.days()
		r.count(f)
		return r.store.MergeDays(ctx, rollup.Cozystack, date, days)
	case !errors.Is(err, errTooMuch):
		return err
	case len(ids) > 1:
		n := len(ids) / 2
		if err := r.part(ctx, date, ids[:n], from, to); err != nil {
			return err
		}
		return r.part(ctx, date, ids[n:], from, to)
	case half < shortest:
		return ErrCluster
	}
	if err := r.part(ctx, date, ids, from, from.Add(half)); err != nil {
		return err
	}
	return r.part(ctx, date, ids, from.Add(half), to)
}

func (r *run) count(f *fold) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress.Samples += f.samples
	r.progress.Skipped.add(f.skipped)
}
