package overview

import (
	"context"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Store is what the overview needs of the file. All methods may be called
// concurrently.
type Store interface {
	// Fold calls fn once for every instance of a product that has any of the metrics
	// between two months, both included. months[i] is the fold of the instance's days
	// in month from+i, restricted to the metrics; it is zero for a month without them.
	// fn must not keep months or what they point to, except for the strings. An error
	// of fn ends the walk and is returned. What was recorded before the call is seen.
	Fold(ctx context.Context, product string, from, to rollup.MonthID, metrics []string,
		fn func(instance string, months []rollup.Month) error) error
	// FoldAll is Fold with the instances that are excluded, which Fold leaves out.
	FoldAll(ctx context.Context, product string, from, to rollup.MonthID, metrics []string,
		fn func(instance string, months []rollup.Month) error) error
	// FoldChanged is Fold of one month, for who has kept what an earlier one has found. It
	// calls known for each instance that has records, with a digest of them, and decodes
	// only those of which known returns false: fn is then called, with the same digest,
	// unless they have none of the metrics. Where the digest is the same as in an earlier
	// call for that instance, product and month, so is what Fold says of it. Neither known
	// nor fn is called while the other is.
	FoldChanged(ctx context.Context, product string, month rollup.MonthID, metrics []string,
		known func(instance string, digest uint64) bool, fn func(instance string, digest uint64, m rollup.Month) error) error
	// Exclusions returns the instances of a product that Fold leaves out. Whoever has
	// got them finds that Changes has grown since it was another set.
	Exclusions(product string) rollup.Exclusions
	// Changes returns a number that grows whenever what Fold says of a product's month may
	// have changed. It has grown when the call returns that has made the change.
	Changes(product string, month rollup.MonthID) uint64
	// CloseDays closes the days of a month, up to and including one, into the month's
	// rollups, so that folds over the month stay cheap. Days that are closed already
	// cost nothing.
	CloseDays(ctx context.Context, month rollup.MonthID, through rollup.Date) error
	// FirstMonth returns the first month that has any rollup of a product; ok is false
	// while there is none.
	FirstMonth(product string) (month rollup.MonthID, ok bool, err error)
	// Snapshot returns the stored snapshot of a month; ok is false if there is
	// none.
	Snapshot(month rollup.MonthID) (s rollup.Snapshot, ok bool, err error)
	// Snapshots returns all stored snapshots, the oldest month first.
	Snapshots() ([]rollup.Snapshot, error)
	// OfferSnapshot stores a month's snapshot, unless a better one is stored, by the
	// rule of [rollup.Exclusions.Keep], and returns what stands now. It returns once that is
	// durable.
	OfferSnapshot(ctx context.Context, s rollup.Snapshot) (kept rollup.Snapshot, err error)
	// InstancesOf calls fn for each instance of a product on a day, also for those that
	// are excluded. An error of fn ends the walk and is returned.
	InstancesOf(ctx context.Context, product string, date rollup.Date, fn func(instance string, day rollup.Day) error) error
	// Reports returns how many reports of a product a month has had, also of those without an
	// instance.
	Reports(product string, month rollup.MonthID) (int64, error)
	// ProductSnapshot does for another product than cozystack what Snapshot does.
	ProductSnapshot(product string, month rollup.MonthID) (s rollup.ProductSnapshot, ok bool, err error)
	// OfferProductSnapshot does so too, by the rule of [rollup.Exclusions.KeepProduct].
	OfferProductSnapshot(ctx context.Context, s rollup.ProductSnapshot) (kept rollup.ProductSnapshot, err error)
}

// Apps maps what clusters report to what the page shows. Methods may be called
// concurrently.
type Apps interface {
	// ByApp adds up kinds by application name. Every listed application is
	// present, even when 0; an unlisted one only above 0. The result is a new map
	// that the caller may change.
	ByApp(kinds map[string]int64) map[string]int64
	// Keep returns the kinds that ByApp takes into account, of what anybody may
	// have reported: their number is bounded, none of them in two spellings.
	Keep(kinds map[string]int64) map[string]int64
}
