package site

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// busyCensus says what was asked of it, and lets one question for adoption through the gate at
// a time.
type busyCensus struct {
	gate                          chan struct{}
	adoptions, retentions, forgot atomic.Int64
}

func (c *busyCensus) Breakdown(context.Context, rollup.MonthID) (*published.Breakdown, error) {
	return nil, errors.New("nobody asks")
}

func (c *busyCensus) Adoption(ctx context.Context) (*published.Adoption, error) {
	c.adoptions.Add(1)
	select {
	case <-c.gate:
		return &published.Adoption{}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *busyCensus) Retention(context.Context) (*published.Retention, error) {
	c.retentions.Add(1)
	return &published.Retention{}, nil
}

func (c *busyCensus) Forget() { c.forgot.Add(1) }

// The census is read at the start and looked after from then on, one read at a time, also of
// what was removed. It ends with the server.
func TestCensusIsReadAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, err := overview.New(nil, nil, overview.Config{Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		c := &busyCensus{gate: make(chan struct{})}
		s := &Site{cfg: Config{Now: time.Now}, overview: o, census: c}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			s.Run(ctx)
			close(ended)
		}()
		time.Sleep(10 * aheadEvery)
		synctest.Wait()
		if c.adoptions.Load() != 1 || c.retentions.Load() != 0 {
			t.Errorf("while it reads, it was asked %d times", c.adoptions.Load())
		}
		c.gate <- struct{}{}
		synctest.Wait()
		o.Forget()
		c.gate <- struct{}{}
		synctest.Wait()
		if c.adoptions.Load() != 2 || c.retentions.Load() != 2 || c.forgot.Load() != 1 {
			t.Errorf("%d, %d, %d", c.adoptions.Load(), c.retentions.Load(), c.forgot.Load())
		}
		time.Sleep(aheadEvery)
		stop()
		<-ended
	})
}

// An answer that takes long is an error that says so, and is there for who asks again.
func TestLongAnswersAreAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &asker{site: &Site{desk: newDesk(), base: t.Context()}, gate: make(chan struct{})}
		defer a.site.tasks.Close()
		p, begun := a.publication(), time.Now()
		if err := a.ask(t.Context(), p); !errors.Is(err, errCounting) || time.Since(begun) != mostWait {
			t.Errorf("after %s: %v", time.Since(begun), err)
		}
		close(a.gate)
		if err := a.ask(t.Context(), p); err != nil || a.made != 1 {
			t.Errorf("asked again: %v; made are %d", err, a.made)
		}
	})
}
