package serve

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const (
	// retentionEvery is how often old days and months are looked for. Each time
	// removes a few only, so a flag that was lowered takes effect over some days.
	retentionEvery = time.Hour
	// maxSilence is how many days without any report are usual. Days with reports
	// after a longer silence count for retention once there are believedDays of
	// them: until then a clock that jumped ahead is the likelier reason.
	maxSilence   = 30
	believedDays = 7
)

// retention removes days and months that are older than they need be.
type retention struct {
	store *store.Store
	// days and months are how long each is kept; 0 means for ever. sessions is how long the
	// days of sessions are.
	days, months, sessions time.Duration
	// settle makes sure that a month of sessions has its final figures. It returns false for
	// one that has not ended.
	settle  func(context.Context, product.Product, rollup.MonthID) (final bool, err error)
	now     func() time.Time
	removed func(what string, n int)
	log     zerolog.Logger
	// lived are the days of this run. What was promised to go goes by them too, where
	// nobody reports any more.
	lived []rollup.Date
}

// run removes what is too old, hourly, until ctx ends.
func (r *retention) run(ctx context.Context) {
	tick := time.NewTicker(retentionEvery)
	defer tick.Stop()
	for {
		if err := r.round(ctx); err != nil && ctx.Err() == nil {
			r.log.Error().Err(err).Msg("old days and months could not be removed; if the file is full or damaged, see to that, else check the clock, --rollup-retention and --month-retention")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// round removes some of what is too old.
func (r *retention) round(ctx context.Context) error {
	days, err := r.store.Days()
	if err != nil {
		return err
	}
	clock := rollup.DateOf(r.now())
	today, ok := trustedDay(clock, days)
	names, err := r.store.Products()
	for _, name := range names {
		sessions := slices.IndexFunc(products.Sessions(), func(p product.Product) bool { return p.Name == name })
		switch {
		case sessions >= 0:
			first := r.keepSessions(ctx, products.Sessions()[sessions], r.passed(clock, days))
			err = errors.Join(err, r.product(ctx, name, store.Keep{Days: first, Promised: true}))
		case ok:
			err = errors.Join(err, r.product(ctx, name, r.keep(today)))
		}
	}
	return err
}

// passed returns the day from which a promise counts back. It believes the days of this
// run as it does those with reports.
func (r *retention) passed(clock rollup.Date, days []rollup.Date) rollup.Date {
	if !slices.Contains(r.lived, clock) {
		r.lived = append(r.lived, clock)
	}
	all := slices.Concat(days, r.lived)
	slices.Sort(all)
	day, _ := trustedDay(clock, slices.Compact(all)) // the clock's day is one of them
	return day
}

// keepSessions returns the first day of a product of sessions that is kept. Its months have
// nothing but their days, so the days stay until the month's figures are final, but never
// for longer than the product promises.
func (r *retention) keepSessions(ctx context.Context, p product.Product, today rollup.Date) rollup.Date {
	first, promised := today-wholeDays(r.sessions), today-rollup.Date(p.KeepDays)
	id, ok, err := r.store.FirstMonth(p.Name)
	for ; err == nil && ok && id <= first.Month(); id++ {
		var final bool
		if final, err = r.settle(ctx, p, id); !final {
			first = max(min(first, id.First()), promised)
			break
		}
	}
	if err != nil {
		first = promised
		r.log.Error().Err(err).Str("product", p.Name).Stringer("month", id).Int("days", p.KeepDays).
			Msg("a month could not be counted before its days are removed; they stay for as many days as promised at most")
	}
	return first
}

// product removes some of what is too old of a product.
func (r *retention) product(ctx context.Context, product string, keep store.Keep) error {
	pruned, err := r.store.Prune(ctx, product, keep)
	r.removed("days", len(pruned.Days))
	r.removed("months", len(pruned.Months))
	for _, lost := range pruned.Unreadable {
		r.removed("unreadable records", lost.Records)
		r.log.Error().Err(lost.Err).Str("product", product).Stringer("day", lost.Day).Int("records", lost.Records).
			Msg("records can't be read; their day is older than " + flagOf(product) + ", so they are removed without being in the figures of their month; a backup may have them")
	}
	for _, day := range pruned.Days {
		r.log.Info().Str("product", product).Stringer("day", day).Msg("a day was removed, as " + flagOf(product) + " says; its month keeps the figures")
	}
	for _, month := range pruned.Months {
		r.log.Info().Str("product", product).Stringer("month", month).Msg("a month was removed, as " + monthFlagOf(product) + " says; its figures over all instances stay")
	}
	return err
}

// flagOf names the flag that says how long days of a product are kept.
func flagOf(name string) string {
	if slices.ContainsFunc(products.Sessions(), func(p product.Product) bool { return p.Name == name }) {
		return "--" + name + "-retention"
	}
	return "--rollup-retention"
}

// monthFlagOf names the flag that says how long its months are: those of sessions go with
// their last day.
func monthFlagOf(name string) string {
	if days := flagOf(name); days != "--rollup-retention" {
		return days
	}
	return "--month-retention"
}

func (r *retention) keep(today rollup.Date) (keep store.Keep) {
	if r.days > 0 {
		keep.Days = today - wholeDays(r.days)
	}
	if r.months > 0 {
		keep.Months = (today - wholeDays(r.months)).Month()
	}
	return keep
}

func wholeDays(d time.Duration) rollup.Date { return rollup.Date(d / (24 * time.Hour)) }

// trustedDay returns the day from which retention counts back: the newest one
// with reports, but none that is yet to come, and none behind a long silence
// before it is confirmed by others. So neither a clock that is wrong, nor a
// record that one has left, makes retention remove more than it should. days are
// sorted. ok is false if no day can be trusted: then nothing is removed.
func trustedDay(clock rollup.Date, days []rollup.Date) (day rollup.Date, ok bool) {
	past := days
	for len(past) > 0 && past[len(past)-1] > clock {
		past = past[:len(past)-1]
	}
	for len(past) > 0 {
		first := len(past) - 1
		for first > 0 && past[first]-past[first-1] <= maxSilence {
			first--
		}
		if first == 0 || len(past)-first >= believedDays {
			return past[len(past)-1], true
		}
		past = past[:first]
	}
	return 0, false
}
