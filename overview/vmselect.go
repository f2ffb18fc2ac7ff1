package overview

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/api"
	prom "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// vector is the answer to an instant query.
type vector = model.Vector

const (
	clusterPath    = "/select/0/prometheus"
	singleNodePath = "/prometheus"
)

// vmselect asks VictoriaMetrics for figures. Its methods may be called
// concurrently.
type vmselect struct {
	logger   zerolog.Logger
	inFlight *semaphore.Weighted

	// base answers queries; fallback is the path of the single-node binary on the
	// same host, nil where the operator has named a path. single is set while the
	// fallback is the one that answers: each may be put in the place of the other.
	base, fallback prom.API
	single         atomic.Bool

	// failing tells, by the months of the window, whether the last ask failed, so
	// that only changes are logged. A year may be too much for a vmselect that
	// answers for a month.
	mu      sync.Mutex
	failing map[int]bool
}

func newVMSelect(cfg Config) (*vmselect, error) {
	u, err := url.Parse(cfg.VMSelectURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("overview: the vmselect URL must be a http or https URL")
	}
	next := cfg.Transport
	if next == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = cfg.QueriesInFlight
		next = t
	}
	strict := strictTransport{next, cfg.QueryBytes}
	v := &vmselect{
		logger:   cfg.Logger,
		inFlight: semaphore.NewWeighted(int64(cfg.QueriesInFlight)),
		failing:  map[int]bool{},
	}
	if strings.Trim(u.Path, "/") != "" {
		v.base, err = newAPI(u, strict)
		return v, err
	}
	if v.base, err = newAPI(u.JoinPath(clusterPath), strict); err != nil {
		return nil, err
	}
	v.fallback, err = newAPI(u.JoinPath(singleNodePath), strict)
	return v, err
}

func newAPI(u *url.URL, t http.RoundTripper) (prom.API, error) {
	c, err := api.NewClient(api.Config{Address: u.String(), RoundTripper: t})
	if err != nil {
		return nil, fmt.Errorf("overview: vmselect: %w", err)
	}
	return prom.NewAPI(c), nil
}

// ask runs all queries and returns the figures, or an error if any of them
// fails. Where the path is not known, it tries the other one, and stays with that
// if it answers.
func (v *vmselect) ask(ctx context.Context, queries []query) (figures, error) {
	single := v.single.Load()
	f, err := v.askAll(ctx, v.pick(single), queries)
	if v.fallback == nil || !errors.Is(err, errUnknownPath) {
		return f, err
	}
	other, otherErr := v.askAll(ctx, v.pick(!single), queries)
	if otherErr != nil {
		return f, err
	}
	if v.single.CompareAndSwap(single, !single) {
		what := "vmselect is a single-node VictoriaMetrics: asking on " + singleNodePath
		if single {
			what = "vmselect is a cluster's: asking on " + clusterPath
		}
		v.logger.Info().Msg(what)
	}
	return other, nil
}

func (v *vmselect) pick(single bool) prom.API {
	if single {
		return v.fallback
	}
	return v.base
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

func (v *vmselect) askAll(ctx context.Context, a prom.API, queries []query) (figures, error) {
	answers := make([]vector, len(queries))
	g, ctx := errgroup.WithContext(ctx)
	for i, q := range queries {
		g.Go(func() (err error) {
			answers[i], err = v.askOne(ctx, a, q)
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

func (v *vmselect) askOne(ctx context.Context, a prom.API, q query) (vector, error) {
	if err := v.inFlight.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer v.inFlight.Release(1)
	value, warnings, _, err := a.Query(ctx, q.text, q.at)
	if err != nil {
		return nil, err
	}
	// Thanos tells by a warning that a part of its stores did not answer.
	if len(warnings) > 0 {
		return nil, fmt.Errorf("answer with a warning: %s", warnings[0])
	}
	answer, ok := value.(vector)
	if !ok {
		return nil, errors.New("answer is not a vector")
	}
	if slices.Contains(answer, nil) {
		return nil, errors.New("answer with a series that is null")
	}
	return answer, nil
}

// single makes a fill of a setter for queries that answer with one number. An
// empty answer is 0: VictoriaMetrics knows nothing.
func single(set func(*figures, int64)) func(*figures, vector) error {
	return func(f *figures, answer vector) error {
		if len(answer) > 1 {
			return fmt.Errorf("%d series instead of one", len(answer))
		}
		for _, s := range answer {
			n, err := count(s.Value)
			if err != nil {
				return err
			}
			set(f, n)
		}
		return nil
	}
}

// fillNodes adds up the nodes of the clusters that are counted exactly, and of those
// that are not.
func fillNodes(f *figures, answer vector) error {
	for _, s := range answer {
		n, err := count(s.Value)
		if err != nil {
			return err
		}
		switch exact := s.Metric["exact"]; exact {
		case "true":
		case "":
			f.upperNodes = true
		default:
			return fmt.Errorf("a series with exact=%q", exact)
		}
		f.nodes = min(f.nodes+n, rollup.MaxValue)
	}
	return nil
}

func fillKinds(f *figures, answer vector) error {
	f.kinds = make(map[string]int64, len(answer))
	for _, s := range answer {
		n, err := count(s.Value)
		if err != nil {
			return err
		}
		if kind := s.Metric[rollup.LabelKind]; kind != "" {
			f.kinds[string(kind)] = n
		}
	}
	return nil
}

// count refuses what no sum of accepted samples can be.
func count(v model.SampleValue) (int64, error) {
	f := float64(v)
	if math.IsNaN(f) || f < 0 || f > rollup.MaxValue {
		return 0, fmt.Errorf("%v is not a count", f)
	}
	return round(f), nil
}
