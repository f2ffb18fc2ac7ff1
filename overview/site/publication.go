package site

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/census"
	"github.com/cozystack/cozystack-telemetry-server/overview/httpanswer"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/overview/tasks"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Key says what a [Publication] is of.
type Key struct {
	overview.Question
	// From is the first month of the history, which ends with the month of the question.
	From rollup.MonthID
}

// historyMonths are those of a history that is not asked for otherwise.
const historyMonths = 24

// keyOf is the key of a question, with a history of two years.
func keyOf(q overview.Question) Key {
	return Key{q, max(q.Month-historyMonths+1, firstMonth())}
}

// firstMonth is the first one that can be asked for.
func firstMonth() rollup.MonthID { return rollup.NewMonth(overview.FirstYear, time.January) }

// Publication is all that is published of a month. Its parts are counted when they are first
// asked for, and then are what they are for as long as it lives. Its methods may be called
// concurrently; what they return is shared and must not be changed.
type Publication struct {
	Key
	site  *Site
	era   uint64 // of the overview, when it was begun
	begun time.Time

	overview  part[*overview.Answer]
	history   part[*History]
	breakdown part[*published.Breakdown]
	adoption  part[*published.Adoption]
	retention part[*published.Retention]

	mu sync.Mutex
	// until is how long it lives by what is counted of it; counting is how much is just
	// being counted, and failed is set where some of it could not be.
	until    time.Time
	counting int
	failed   bool
	forms    map[string]*part[*httpanswer.Answer]
}

// History is that of Cozystack, or of the product that the question is of: the other one is
// nil.
type History struct {
	Cozystack *published.History
	Product   *published.ProductHistory
	// Settled is set where it will hardly change.
	Settled bool
}

// parts are all parts of a publication. One that could not be counted is nil.
type parts struct {
	// Overview is set for Cozystack, Product for another product.
	Overview *published.Overview
	Product  *published.ProductOverview
	// OverviewErr says why there is neither, by the errors of package overview.
	OverviewErr error
	History     History
	Breakdown   *published.Breakdown
	Adoption    *published.Adoption
	Retention   *published.Retention
	// Counting is set where one of the last three is still being counted.
	Counting bool
}

// patience is how long a page waits for what the census counts: it has much else to show.
const patience = time.Second

// parts counts all parts at once, and waits for them no longer than ctx; for those of the
// census no longer than is good for a page.
func (p *Publication) parts(ctx context.Context) (all parts, err error) {
	soon, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var late [3]error
	var wg sync.WaitGroup
	wg.Go(func() {
		var a *overview.Answer
		if a, all.OverviewErr = p.Overview(ctx); a != nil {
			all.Overview, all.Product = a.Overview, a.Product
		}
	})
	wg.Go(func() {
		if h, err := p.History(ctx); err == nil {
			all.History = *h
		}
	})
	wg.Go(func() { all.Breakdown, late[0] = p.Breakdown(soon) })
	wg.Go(func() { all.Adoption, late[1] = p.Adoption(soon) })
	wg.Go(func() { all.Retention, late[2] = p.Retention(soon) })
	wg.Wait()
	all.Counting = errors.Is(errors.Join(late[:]...), context.DeadlineExceeded)
	return all, ctx.Err()
}

// Overview returns the figures of the month. Errors are those of package overview.
func (p *Publication) Overview(ctx context.Context) (*overview.Answer, error) {
	return counted(ctx, p, &p.overview, func(ctx context.Context) (*overview.Answer, error) {
		return p.site.overview.Ask(ctx, p.Question)
	})
}

// History returns the months from From on. That of the question is the one of the overview.
func (p *Publication) History(ctx context.Context) (*History, error) {
	return counted(ctx, p, &p.history, p.countHistory)
}

// errNotCozystack is the error of what only Cozystack has.
var errNotCozystack = &overview.BadQuestion{Status: http.StatusNotFound, Text: "only cozystack has this; leave product away"}

// Breakdown returns what the clusters of the month are made of.
func (p *Publication) Breakdown(ctx context.Context) (*published.Breakdown, error) {
	return ofCensus(ctx, p, &p.breakdown, func(ctx context.Context) (*published.Breakdown, error) {
		return p.site.census.Breakdown(ctx, p.Month)
	})
}

// Adoption returns how fast versions are taken up, as it is now.
func (p *Publication) Adoption(ctx context.Context) (*published.Adoption, error) {
	return ofCensus(ctx, p, &p.adoption, p.site.census.Adoption)
}

// Retention returns how long clusters stay, as it is now.
func (p *Publication) Retention(ctx context.Context) (*published.Retention, error) {
	return ofCensus(ctx, p, &p.retention, p.site.census.Retention)
}

// ofCensus returns a part that the census counts, which only Cozystack has. That there is no
// data is the error of package overview.
func ofCensus[T any](ctx context.Context, p *Publication, of *part[*T], count func(context.Context) (*T, error)) (*T, error) {
	if p.Product != rollup.Cozystack {
		return nil, errNotCozystack
	}
	return counted(ctx, p, of, func(ctx context.Context) (*T, error) {
		value, err := count(ctx)
		if errors.Is(err, census.ErrNoData) {
			err = fmt.Errorf("%w: %w", overview.ErrNoData, err)
		}
		return value, err
	})
}

// mostWait is how long who asks for data waits for it.
const mostWait = 25 * time.Second

// errCounting is the error of what takes longer than that.
var errCounting = &overview.BadQuestion{Status: http.StatusServiceUnavailable, Text: "it is just being counted; try again"}

// form returns what is made of the parts that render waits for, under a name for as long as
// the publication lives. There are few names. One that has to be made while too many others
// are is [errBusy]; one that takes too long is [errCounting], and is made nevertheless.
func (p *Publication) form(ctx context.Context, name string, render renderer) (*httpanswer.Answer, error) {
	f, err := p.begunForm(name)
	if err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeoutCause(ctx, mostWait, errCounting)
	defer cancel()
	a, err := f.get(waiting, &p.site.tasks, func() (*httpanswer.Answer, error) {
		defer p.site.desk.end()
		make, err := render(p.site.base, p)
		if err != nil {
			return nil, err
		}
		a, err := p.site.desk.sit(make)
		if err == nil && a.Passing {
			p.dropForm(name)
		}
		return a, err
	})
	if err != nil && context.Cause(waiting) == errCounting {
		err = errCounting
	}
	return a, err
}

// dropForm lets a form be made again.
func (p *Publication) dropForm(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.forms, name)
}

// begunForm returns the form of a name. One that is new has a place at the desk.
func (p *Publication) begunForm(name string) (*part[*httpanswer.Answer], error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.forms[name]; f != nil {
		return f, nil
	}
	if err := p.site.desk.begin(); err != nil {
		return nil, err
	}
	f := new(part[*httpanswer.Answer])
	p.forms[name] = f
	return f, nil
}

// counted returns a part, and lets the publication live by how long it took.
func counted[T any](ctx context.Context, p *Publication, of *part[T], count func(context.Context) (T, error)) (T, error) {
	return of.get(ctx, &p.site.tasks, func() (value T, err error) {
		begun := p.begin()
		defer func() { p.end(begun, err) }()
		value, err = tasks.Caught(func() (T, error) { return count(p.site.base) })
		return value, err
	})
}

// shortestLife is how old figures of the rollups may be, longestLife how old anything.
const shortestLife, longestLife = time.Second, time.Minute

func (p *Publication) begin() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counting++
	return p.site.cfg.Now()
}

func (p *Publication) end(begun time.Time, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counting--
	now := p.site.cfg.Now()
	if err != nil {
		p.failed = true
		if overview.StatusOf(err) == http.StatusServiceUnavailable {
			p.site.warn(err, p.Key)
		}
	}
	if p.failed { // it is tried again soon
		p.until = now.Add(shortestLife)
		return
	}
	life := min(tasks.Rest(now.Sub(begun)), longestLife)
	if until := p.begun.Add(life); until.After(p.until) {
		p.until = until
	}
}

// lives tells whether it is still what is published. While something is counted of it that
// is waited for, not counted twice, unless something else has failed. A clock that was set
// back ends it too.
func (p *Publication) lives(now time.Time, era uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.era == era && !now.Before(p.begun) && (p.counting > 0 && !p.failed || now.Before(p.until))
}
