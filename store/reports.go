package store

import (
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Reports returns how many reports of a product were recorded in a month, those without an
// instance and repeated ones, too. Cozystack's are not counted. Of a file that was merged it
// is the sum over the servers.
func (s *Store) Reports(product string, month rollup.MonthID) (n int64, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		n = int64(layout.Reports(tx, product, month))
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("store: reports of %s in %s: %w", product, month, err)
	}
	return n, nil
}

// isCounted tells whether a request's report is one to be counted.
func isCounted(r *request) bool {
	return r.report != nil && !r.totals && r.err == nil && r.report.Product != rollup.Cozystack
}

// countReports counts the reports of a batch that were recorded.
func countReports(tx *bolt.Tx, batch []*request) error {
	type month struct {
		product string
		month   rollup.MonthID
	}
	var counts map[month]uint64
	for _, r := range batch {
		if isCounted(r) {
			if counts == nil {
				counts = make(map[month]uint64)
			}
			counts[month{r.report.Product, rollup.MonthOf(r.report.Received)}]++
		}
	}
	for of, n := range counts {
		if err := layout.CountReports(tx, of.product, of.month, n); err != nil {
			return err
		}
	}
	return nil
}
