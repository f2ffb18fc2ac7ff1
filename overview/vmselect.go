package overview

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

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
		logger: cfg.Logger, inFlight: semaphore.NewWeighted(int64(cfg.QueriesInFlight)), failing: map[int]bool{},
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
func (v *vmselect) ask(ctx context.Context, queries []query) (figures, error) {
	answers := make([]model.Vector, len(queries))
	g, ctx := errgroup.WithContext(ctx)
	for i, q := range queries {
		g.Go(func() (err error) {
			answers[i], err = v.askOne(ctx, q)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return figures{}, fmt.Errorf("overview: vmselect: %w", err)
	}
	var f figures
	for i, q := range queries {
		f.known = f.known || len(answers[i]) > 0
		if err := q.fill(&f, answers[i]); err != nil {
			return figures{}, fmt.Errorf("overview: vmselect: %s: %w", q.text, err)
		}
	}
	return f, nil
}

func (v *vmselect) askOne(ctx context.Context, q query) (model.Vector, error) {
	if err := v.inFlight.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer v.inFlight.Release(1)
	return v.client.Query(ctx, q.text, q.at)
}
