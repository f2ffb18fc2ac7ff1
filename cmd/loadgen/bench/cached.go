package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/child"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
)

const (
	// cachedRate is how many answers a second are wanted, ingestRate how many
	// reports come in beside.
	cachedRate = 20_000
	ingestRate = 1000
)

// cachedFigures are of answers from the cache, alone and beside reports.
type cachedFigures struct{ alone, beside load.Result }

// answerCached asks a server for a month that is final, alone and while reports
// come in.
func (l *lab) answerCached(ctx context.Context) (c cachedFigures, err error) {
	month := l.lastMonth()
	h, err := l.makeFile(ctx, load.DBOptions{Fleet: steadyFleet(l.Size.Few), From: month, To: month, Every: 24 * time.Hour})
	if err != nil {
		return c, err
	}
	s, err := l.serve(ctx, h.path)
	if err != nil {
		return c, err
	}
	defer s.Kill()
	url := s.URL + overviewPath(month)
	if err := settled(ctx, url); err != nil {
		return c, err
	}
	if c.alone, err = l.get(ctx, load.GetOptions{URL: url, Conns: conns, Count: l.Size.Cached}); err != nil {
		return c, err
	}
	c.beside, _, err = l.getBeside(ctx, s.URL+"/", cachedRate, load.GetOptions{URL: url})
	return c, err
}

// settled waits until the answer is one that stays: until then it is made anew
// every second.
func settled(ctx context.Context, url string) error {
	return child.Await(ctx, 100*time.Millisecond, func(ctx context.Context) (bool, error) {
		a, err := child.Get(ctx, url)
		return err == nil && strings.Contains(a.Header.Get("Cache-Control"), "max-age=3600"), err
	})
}

// getBeside asks for the same thing so many times a second, while reports are posted.
func (l *lab) getBeside(ctx context.Context, post string, rate float64, o load.GetOptions) (got, reports load.Result, err error) {
	posted := make(chan error, 1)
	go func() {
		var err error
		reports, err = l.reports(ctx, post)
		posted <- err
	}()
	o.Conns, o.Rate, o.Count = conns, rate, int(max(1, rate*l.Size.Beside.Seconds()))
	got, err = l.get(ctx, o)
	return got, reports, errors.Join(err, <-posted)
}

// reports posts as many a second as the goal says.
func (l *lab) reports(ctx context.Context, url string) (load.Result, error) {
	r, err := load.Post(ctx, load.PostOptions{
		URL: url, Conns: conns, Rate: ingestRate, Duration: l.Size.Beside, Fleet: steadyFleet(l.Size.Few), Now: l.Now,
	})
	return r, answered(r, err)
}

func (l *lab) get(ctx context.Context, o load.GetOptions) (load.Result, error) {
	o.Now = l.Now
	r, err := load.Get(ctx, o)
	return r, answered(r, err)
}

func (l *lab) cached(ctx context.Context) (measured, error) {
	c, err := l.cachedOne.get(ctx, l.answerCached)
	return measured{
		fmt.Sprintf("%.0f/s, p99 %s", c.alone.PerSecond(), milliseconds(c.alone.P99)), c.alone.PerSecond() / cachedRate,
	}, err
}

func (l *lab) cachedBesideIngest(ctx context.Context) (measured, error) {
	c, err := l.cachedOne.get(ctx, l.answerCached)
	return measured{
		fmt.Sprintf("%s at %.0f/s", milliseconds(c.beside.P99), c.beside.PerSecond()),
		ratio(c.beside.P99, 3*time.Millisecond),
	}, err
}
