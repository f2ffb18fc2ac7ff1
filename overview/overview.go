package overview

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/tasks"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

var (
	// ErrNoData is returned when every source has answered and none knows anything
	// of the month.
	ErrNoData = errors.New("overview: no data for the month")
	// ErrUnavailable is returned when the month can't be answered now: vmselect
	// failed and the rollups have nothing.
	ErrUnavailable = errors.New("overview: the month can't be answered now")
	// errUnseen is the ErrUnavailable of a month of which this server has never
	// seen anything: no report and no snapshot.
	errUnseen = fmt.Errorf("%w, and nothing was ever seen of it", ErrUnavailable)
)

// Overview answers for months. Create it with [New]. Its methods may be called
// concurrently.
type Overview struct {
	cfg   Config
	store Store
	apps  Apps
	vm    *vmselect // nil: the rollups alone answer

	// base ends with Close; the tasks run under it, not under a request.
	base  context.Context
	stop  context.CancelFunc
	tasks tasks.Group
	// wake lets Run look at the months at once.
	wake chan struct{}

	breaker breaker

	answers       cache[Question, *Answer]
	months        cache[rollup.MonthID, rollup.Snapshot]
	productMonths cache[productMonth, rollup.ProductSnapshot] // of other products than cozystack
	heard         cache[heardKey, figures]
	// running has what was folded for windows that have not ended, ended for the
	// others: who asks for the present does not wait for the past.
	running, ended keeper
	tallies        tallies
}

// New returns an Overview over a store. It returns an error for a Config that
// can't be meant. Close it after the last use.
func New(store Store, apps Apps, cfg Config) (*Overview, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	o := &Overview{cfg: cfg, store: store, apps: apps, wake: make(chan struct{}, 1)}
	if cfg.VMSelectURL != "" {
		if o.vm, err = newVMSelect(cfg); err != nil {
			return nil, err
		}
	}
	o.base, o.stop = context.WithCancel(context.Background())
	return o, nil
}

// Close ends the computations under way and waits for them, so that the store
// can be closed. No computation begins after it: an Answer that needs one is
// [ErrUnavailable]. Call it when no other method is running or will be called any
// more.
func (o *Overview) Close() {
	o.stop()
	o.tasks.Close()
}

// Forget drops all that was computed of records that are there no more. Call it after they
// were removed from the store. What the months lack since is collected at once.
func (o *Overview) Forget() {
	o.running.unshare()
	o.forget()
	select {
	case o.wake <- struct{}{}:
	default: // it is awake already
	}
}

// forget drops all that was computed from what was known before, and whatever is
// being computed from it. Call it after what is stored of a month has changed.
func (o *Overview) forget() {
	o.heard.clear()
	o.months.clear()
	o.productMonths.clear()
	o.answers.clear()
}

// Era returns a number that grows whenever what was computed before is dropped: whoever keeps
// what is made of answers drops it too once it is another.
func (o *Overview) Era() uint64 {
	_, since, _ := o.answers.get(Question{}, time.Time{})
	return uint64(since)
}

// rollupsTTL is the longest time that figures of the rollups are used.
const rollupsTTL = time.Second

// Answer returns the overview of a month that has begun. The result is shared
// and must not be changed. Errors wrap [ErrNoData] or [ErrUnavailable], or are
// that of ctx.
func (o *Overview) Answer(ctx context.Context, month rollup.MonthID, aggregate Aggregate, publish Publish) (*Answer, error) {
	return o.Ask(ctx, Question{rollup.Cozystack, month, aggregate, publish})
}

// ProductAnswer does for another product than cozystack what Answer does. What can't be
// asked wraps [ErrNoProduct] or [ErrNoDistinct].
func (o *Overview) ProductAnswer(ctx context.Context, product string, month rollup.MonthID, aggregate Aggregate) (*Answer, error) {
	p, err := o.productOf(product)
	if err == nil {
		err = canCount(p, aggregate)
	}
	if err != nil {
		return nil, err
	}
	return o.Ask(ctx, Question{p.Name, month, aggregate, Seen})
}

// Ask answers a question that [Overview.ParseQuestion] has read, as Answer does.
func (o *Overview) Ask(ctx context.Context, q Question) (*Answer, error) {
	l, cached, err := o.answers.recall(ctx, &o.tasks, q, o.cfg.Now(), func() (leased[*Answer], error) {
		l, err := o.build(q)
		if err != nil && !errors.Is(err, ErrNoData) {
			o.cfg.Logger.Warn().Err(err).Str("product", q.Product).Stringer("month", q.Month).Msg("the overview can't be answered")
		}
		return l, err
	})
	o.cfg.OnAnswer(outcomeOf(cached, err))
	return l.value, err
}

func outcomeOf(cached bool, err error) Outcome {
	if cached {
		return Cached
	}
	if err == nil || errors.Is(err, ErrNoData) {
		return Computed
	}
	return Failed
}
