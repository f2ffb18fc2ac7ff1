package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Record merges a report into its instance's day and, unless lines is empty,
// appends lines to the forward queue, both in one transaction. A report of another product
// than Cozystack is counted as well, see [Store.Reports], and one without an instance only that. lines is text of
// the exposition format with a line per sample, each with a timestamp and a line
// feed. A nil error means that both are on disk. ErrFull, ErrNameless,
// ErrClosed, and an error that was there before the report was handed in, mean
// that neither is. Any other error
// means that they may or may not be; recording the same report again is harmless
// to the rollups.
//
// Report and lines are not kept after the return, unless the error is that of
// ctx: then they must not be changed any more.
func (s *Store) Record(ctx context.Context, report rollup.Report, lines []byte) error {
	nameless := report.Instance == "" && report.Product != rollup.Cozystack
	if !isProduct(report.Product) || !isName(report.Instance) && !nameless {
		return fmt.Errorf("store: record: %w", dberrors.ErrNameless)
	}
	if err := s.submit(ctx, &request{report: &report, lines: lines}); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// isName tells whether an instance can be a key. bbolt refuses any other with the whole
// transaction.
func isName(s string) bool { return s != "" && len(s) <= bolt.MaxKeySize }

// isProduct tells whether a product can be a key, also behind the eight bytes of a
// block's number or of "removed/".
func isProduct(s string) bool { return s != "" && len(s) <= bolt.MaxKeySize-8 }

// change is a report that may change its instance's day.
type change struct {
	request *request
	date    rollup.Date
	key     []byte // of the instance
}

// compareChanges orders changes as their records lie in the file, which is what
// a B+tree likes best.
func compareChanges(a, b change) int {
	return cmp.Or(
		cmp.Compare(a.date, b.date),
		cmp.Compare(a.request.report.Product, b.request.report.Product),
		bytes.Compare(a.key, b.key),
	)
}

// record merges the batch's reports into their days. What can't be read fails the
// reports that need it: it must not keep every other cluster's out.
func (w *writer) record(tx *bolt.Tx, batch []*request) error {
	var into *layout.DayMerge
	for _, c := range w.changes(batch) {
		report := c.request.report
		if into == nil || into.Date != c.date || into.Product != report.Product {
			var err error
			if into, err = layout.OpenDay(tx, &w.dicts, report.Product, c.date); c.fails(err) {
				into = nil
				continue
			} else if err != nil {
				return err
			}
		}
		if err := into.Merge(c.key, rollup.FromReport(*report)); c.fails(err) {
			continue
		} else if err != nil {
			return err
		}
		w.recent.add(report)
	}
	return nil
}

// fails sets the outcome of a single report, if the error concerns no more.
func (c change) fails(err error) bool {
	if !errors.Is(err, dberrors.ErrDamaged) {
		return false
	}
	c.request.err = fmt.Errorf("%s of %s: %w", c.request.report.Instance, c.date, err)
	return true
}

// changes returns the reports that do not just repeat one before, in order.
func (w *writer) changes(batch []*request) []change {
	var changes []change
	for _, r := range batch {
		if r.report == nil || r.report.Instance == "" || len(r.report.Samples) == 0 || w.recent.has(r.report) {
			continue
		}
		changes = append(changes, change{r, rollup.DateOf(r.report.Received), record.Key(r.report.Instance)})
	}
	slices.SortStableFunc(changes, compareChanges)
	return changes
}
