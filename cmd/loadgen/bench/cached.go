package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/child"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
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
	o := load.DBOptions{
		Path: l.file("cached.db"), From: month, To: month, Every: 24 * time.Hour, Now: l.Now,
		Fleet: fleet.Config{Seed: 1, Clusters: l.Size.Few, Full: true},
	}
	if _, err := load.DB(ctx, o); err != nil {
		return c, err
	}
	s, err := l.serve(ctx, o.Path)
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
	c.beside, err = l.getBeside(ctx, s.URL+"/", url)
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

// getBeside asks for url, as often as the goal wants it answered, while reports
// are posted.
func (l *lab) getBeside(ctx context.Context, post, url string) (load.Result, error) {
	posted := make(chan error, 1)
	go func() {
		r, err := load.Post(ctx, load.PostOptions{
			URL: post, Conns: conns, Rate: ingestRate, Duration: l.Size.Beside, Now: l.Now,
			Fleet: fleet.Config{Seed: 1, Clusters: l.Size.Few, Full: true},
		})
		posted <- answered(r, err)
	}()
	r, err := l.get(ctx, load.GetOptions{
		URL: url, Conns: conns, Rate: cachedRate, Count: int(cachedRate * l.Size.Beside.Seconds()),
	})
	return r, errors.Join(err, <-posted)
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
