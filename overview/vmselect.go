package overview

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/cozystack/cozystack-telemetry-server/overview/promapi"
)

// vmselect asks VictoriaMetrics for figures. Its methods may be called
// concurrently.
type vmselect struct {
	logger   zerolog.Logger
	now      func() time.Time
	client   *promapi.Client
	inFlight *semaphore.Weighted

	// failing tells, by the months of the window, whether the last ask failed, so
	// that only changes are logged. A year may be too much for a vmselect that
	// answers for a month.
	mu      sync.Mutex
	failing map[int]bool
}

func newVMSelect(cfg Config) (*vmselect, error) {
	v := &vmselect{
		logger: cfg.Logger, now: cfg.Now,
		inFlight: semaphore.NewWeighted(int64(cfg.QueriesInFlight)), failing: map[int]bool{},
	}
	if cfg.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = cfg.QueriesInFlight
		cfg.Transport = t
	}
	var err error
	v.client, err = promapi.New(promapi.Config{
		URL: cfg.VMSelectURL, Transport: cfg.Transport, Bytes: cfg.QueryBytes, OnSwitch: v.noteSwitch,
	})
	if err != nil {
		return nil, fmt.Errorf("overview: %w", err)
	}
	return v, nil
}

// noteSwitch logs that a single node has taken the place of a cluster, or the other
// way round.
func (v *vmselect) noteSwitch(path string) {
	what := "a cluster's"
	if path == promapi.SingleNodePath {
		what = "a single-node VictoriaMetrics"
	}
	v.logger.Info().Msg("vmselect is " + what + ": asking on " + path)
}

// note logs that vmselect began or ceased to fail for windows of so many months.
func (v *vmselect) note(months int, err error) {
	if errors.Is(err, context.Canceled) {
		return // the server is going down
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.failing[months] == (err != nil) {
		return
	}
	v.failing[months] = err != nil
	if err != nil {
		v.logger.Warn().Err(err).Int("months", months).Msg("vmselect is unavailable, the rollups answer")
	} else {
		v.logger.Info().Int("months", months).Msg("vmselect answers again")
	}
}

// ask runs all queries and returns the figures, or an error if any of them fails.
// longest is how long vmselect took for one of them at most.
func (v *vmselect) ask(ctx context.Context, queries []query) (f figures, longest time.Duration, err error) {
	answers, took := make([]model.Vector, len(queries)), make([]time.Duration, len(queries))
	g, ctx := errgroup.WithContext(ctx)
	for i, q := range queries { // each has its place before the next one waits for its own
		if err = v.inFlight.Acquire(ctx, 1); err != nil {
			break
		}
		g.Go(func() (err error) {
			defer v.inFlight.Release(1)
			answers[i], took[i], err = v.askOne(ctx, q)
			return err
		})
	}
	err = cmp.Or(g.Wait(), err)
	longest = slices.Max(took)
	if err != nil {
		return figures{}, longest, fmt.Errorf("overview: vmselect: %w", err)
	}
	for i, q := range queries {
		f.known = f.known || len(answers[i]) > 0
		if err := q.fill(&f, answers[i]); err != nil {
			return figures{}, longest, fmt.Errorf("overview: vmselect: %s: %w", q.text, err)
		}
	}
	return f, longest, nil
}

// askOne asks one query, and tells how long that took.
func (v *vmselect) askOne(ctx context.Context, q query) (answer model.Vector, took time.Duration, err error) {
	start := v.now()
	answer, err = v.client.Query(ctx, q.text, q.at)
	return answer, v.now().Sub(start), err
}
