package rewrite

import (
	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
)

// reports puts what the files, and those that they were made of, have counted. Of a file's
// count the highest holds, which is the newest.
func (c *combiner) reports() error {
	counts := make(map[string]uint64)
	for _, s := range c.from {
		err := s.view(func(tx *bolt.Tx) error {
			for key, n := range layout.ReportCounts(tx) {
				counts[key] = max(counts[key], n)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return c.write(func(tx *bolt.Tx, _ *layout.Dictionaries) error { return layout.PutReportCounts(tx, counts) })
}
