package overview

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/product"
)

// What may be asked of an [Overview]: how a quarter and a year are formed from their months,
// and which clusters the figures are of.
type (
	Aggregate = published.Aggregate
	Publish   = published.Base
)

const (
	Average   = published.Average
	Distinct  = published.Distinct
	Seen      = published.Seen
	Confirmed = published.Confirmed
)

// parseAggregate reads the name of an aggregate.
func parseAggregate(s string) (Aggregate, error) {
	switch a := Aggregate(s); a {
	case Average, Distinct:
		return a, nil
	}
	return "", fmt.Errorf("overview: aggregate is %q or %q, not %q", Average, Distinct, s)
}

// parsePublish reads the name of what is published.
func parsePublish(s string) (Publish, error) {
	switch p := Publish(s); p {
	case Seen, Confirmed:
		return p, nil
	}
	return "", fmt.Errorf("overview: what is published is %q or %q, not %q", Seen, Confirmed, s)
}

// Config holds what an [Overview] may be told. Only Now is required. What is 0 or
// empty is as in [DefaultConfig], where that says something.
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
	// QueryBudget bounds everything one answer asks of vmselect. The website gives up
	// after 30s.
	QueryBudget time.Duration
	// ProbeEvery is how long vmselect is left alone after it has failed slowly, and
	// the rollups answer at once: then it is asked in the background, and again until
	// it answers. For windows of several months it is so many times as long. 0 means
	// 1.5 of QueryBudget.
	ProbeEvery time.Duration
	// QueryBytes bounds the body of one query's answer.
	QueryBytes int64
	// QueriesInFlight bounds the queries under way at a time.
	QueriesInFlight int

	// Aggregate is used where the request names none.
	Aggregate Aggregate
	// Publish is used where the request names none.
	Publish Publish
	// Products are those that are answered for beside cozystack, and Off the names of
	// those that could be and are not.
	Products []product.Product
	Off      []string
	// MinShare is of how many instances a share of these products tells at least; fewer
	// are folded into others. 1 shows all.
	MinShare int64
	// ConfirmDays is the number of distinct days from which a cluster is
	// confirmed.
	ConfirmDays int
	// FinalGrace is how long after its end a month becomes final. Negative means at
	// once.
	FinalGrace time.Duration
	// CurrentTTL is how long an answer of vmselect for a month that is not final
	// is used. What is less than the rollups' second, or negative, is that second.
	CurrentTTL time.Duration
	// OldestQueued returns when the oldest report came that still waits to be
	// forwarded to VictoriaMetrics; zero if none waits. Until those of a month are
	// through, vmselect is not heard for good about it. Nil: nothing is forwarded.
	OldestQueued func() time.Time
	// EmptyTTL is how long it is remembered that vmselect knows nothing of a
	// month that has ended.
	EmptyTTL time.Duration
	// CollectEvery is the time between two looks for months to collect.
	CollectEvery time.Duration
	// OnAnswer, if set, is told how each answer came about. OnAsk, if set, is told
	// how each ask of vmselect for a window ended: nil if all its queries succeeded.
	// Both must be quick, and may be called concurrently.
	OnAnswer func(Outcome)
	OnAsk    func(error)
	// Replicas is the number of servers that share the clusters. Above 1 what the
	// rollups answer is never complete.
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

// DefaultConfig returns the config of a server that is told nothing. The flags have
// their defaults from it.
func DefaultConfig() Config {
	return Config{
		QueryBudget:     20 * time.Second,
		QueryBytes:      8 << 20,
		QueriesInFlight: 4,
		Aggregate:       Average,
		Publish:         Seen,
		MinShare:        5,
		ConfirmDays:     7,
		FinalGrace:      time.Hour,
		CurrentTTL:      time.Minute,
		EmptyTTL:        10 * time.Minute,
		CollectEvery:    10 * time.Minute,
		Replicas:        1,
	}
}

func (c Config) withDefaults() (Config, error) {
	if c.Now == nil {
		return c, errors.New("overview: a clock is required")
	}
	d := DefaultConfig()
	c.QueryBudget = cmp.Or(c.QueryBudget, d.QueryBudget)
	c.ProbeEvery = cmp.Or(c.ProbeEvery, c.QueryBudget*3/2)
	c.QueryBytes = cmp.Or(c.QueryBytes, d.QueryBytes)
	c.QueriesInFlight = cmp.Or(c.QueriesInFlight, d.QueriesInFlight)
	c.Aggregate = cmp.Or(c.Aggregate, d.Aggregate)
	c.Publish = cmp.Or(c.Publish, d.Publish)
	c.MinShare = cmp.Or(c.MinShare, d.MinShare)
	c.ConfirmDays = cmp.Or(c.ConfirmDays, d.ConfirmDays)
	c.FinalGrace = cmp.Or(c.FinalGrace, d.FinalGrace)
	c.CurrentTTL = cmp.Or(c.CurrentTTL, d.CurrentTTL)
	c.EmptyTTL = cmp.Or(c.EmptyTTL, d.EmptyTTL)
	c.CollectEvery = cmp.Or(c.CollectEvery, d.CollectEvery)
	c.Replicas = cmp.Or(c.Replicas, d.Replicas)
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
	_, aggregateErr := parseAggregate(string(c.Aggregate))
	_, publishErr := parsePublish(string(c.Publish))
	return c, errors.Join(aggregateErr, publishErr)
}
