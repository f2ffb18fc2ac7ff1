package overview

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rs/zerolog"
)

// Aggregate says how a quarter and a year are formed from their months.
type Aggregate string

const (
	// Average is the mean of the monthly figures over the months with data.
	Average Aggregate = "average"
	// Distinct is one count over the whole window.
	Distinct Aggregate = "distinct"
)

// ParseAggregate reads the name of an aggregate.
func ParseAggregate(s string) (Aggregate, error) {
	switch a := Aggregate(s); a {
	case Average, Distinct:
		return a, nil
	}
	return "", fmt.Errorf("overview: aggregate is %q or %q, not %q", Average, Distinct, s)
}

// Config holds what an [Overview] may be told. Only Now is required.
type Config struct {
	// Now is the clock.
	Now func() time.Time
	// Logger gets the causes that clients are not shown. The zero Logger is
	// silent.
	Logger zerolog.Logger

	// VMSelectURL is the query base of VictoriaMetrics. Without a path it is a
	// cluster's vmselect, with a path it is the base of a Prometheus API. Empty:
	// the rollups alone answer.
	VMSelectURL string
	// Transport carries the queries. Nil means a copy of http.DefaultTransport.
	Transport http.RoundTripper
	// QueryBudget bounds everything one answer asks of vmselect. 0 means 20s; the
	// website gives up after 30s.
	QueryBudget time.Duration
	// ProbeEvery is how long vmselect is left alone after it has failed slowly, and
	// the rollups answer at once: then it is asked in the background, and again until
	// it answers. For windows of several months it is so many times as long. 0 means
	// 1.5 of QueryBudget.
	ProbeEvery time.Duration
	// QueryBytes bounds the body of one query's answer. 0 means 8 MiB.
	QueryBytes int64
	// QueriesInFlight bounds the queries under way at a time. 0 means 4.
	QueriesInFlight int

	// Aggregate is used where the request names none. Empty means Average.
	Aggregate Aggregate
	// ConfirmDays is the number of distinct days from which a cluster is
	// confirmed. 0 means 7.
	ConfirmDays int
	// FinalGrace is how long after its end a month becomes final. 0 means 1h,
	// negative means at once.
	FinalGrace time.Duration
	// CurrentTTL is how long an answer of vmselect for a month that is not final
	// is used. 0 means 1m. Less than the second of the rollups is a second.
	CurrentTTL time.Duration
	// OldestQueued returns when the oldest report came that still waits to be
	// forwarded to VictoriaMetrics; zero if none waits. Until those of a month are
	// through, vmselect is not heard for good about it. Nil: nothing is forwarded.
	OldestQueued func() time.Time
	// EmptyTTL is how long it is remembered that vmselect knows nothing of a
	// month that has ended. 0 means 10m.
	EmptyTTL time.Duration
	// CollectEvery is the time between two looks for months to collect. 0 means
	// 10m.
	CollectEvery time.Duration
	// OnAnswer, if set, is told how each answer came about. OnAsk, if set, is told
	// how each ask of vmselect for a window ended: nil if all its queries succeeded.
	// Both must be quick, and may be called concurrently.
	OnAnswer func(Outcome)
	OnAsk    func(error)
	// Replicas is the number of servers that share the clusters. Above 1 what the
	// rollups answer is never complete. 0 means 1.
	Replicas int
}

// Outcome says how an answer came about.
type Outcome string

const (
	// Cached: the answer was ready.
	Cached Outcome = "cached"
	// Computed: the sources were asked, or somebody else's question was waited for.
	// They may have known nothing.
	Computed Outcome = "computed"
	// Failed: the month can't be answered now.
	Failed Outcome = "failed"
)

func (c Config) withDefaults() (Config, error) {
	if c.Now == nil {
		return c, errors.New("overview: a clock is required")
	}
	setDefault(&c.QueryBudget, 20*time.Second)
	setDefault(&c.ProbeEvery, c.QueryBudget*3/2)
	setDefault(&c.QueryBytes, 8<<20)
	setDefault(&c.QueriesInFlight, 4)
	setDefault(&c.Aggregate, Average)
	setDefault(&c.ConfirmDays, 7)
	setDefault(&c.FinalGrace, time.Hour)
	setDefault(&c.CurrentTTL, time.Minute)
	setDefault(&c.EmptyTTL, 10*time.Minute)
	setDefault(&c.CollectEvery, 10*time.Minute)
	setDefault(&c.Replicas, 1)
	if c.OldestQueued == nil {
		c.OldestQueued = func() time.Time { return time.Time{} }
	}
	if c.OnAnswer == nil {
		c.OnAnswer = func(Outcome) {}
	}
	if c.OnAsk == nil {
		c.OnAsk = func(error) {}
	}
	c.FinalGrace = max(c.FinalGrace, 0)
	c.CurrentTTL = max(c.CurrentTTL, rollupsTTL)
	_, err := ParseAggregate(string(c.Aggregate))
	return c, err
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
