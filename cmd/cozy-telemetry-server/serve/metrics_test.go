package serve

import (
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
)

// The last backup is never one of the future, which would keep an alert on its age
// quiet for as long as the clock was ahead.
func TestMetricOfTheLastBackupIsNeverAheadOfNow(t *testing.T) {
	now := readmeTime.AddDate(4, 0, 0)
	m := newMetrics(func() time.Time { return now }, products.Flag{})
	m.onBackup(nil)
	now = readmeTime // the clock is set back
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != namespace+"_last_backup_timestamp_seconds" {
			continue
		}
		if got := f.Metric[0].Gauge.GetValue(); got != float64(now.Unix()) {
			t.Errorf("the last backup is of %v, and now is %v", time.Unix(int64(got), 0).UTC(), now)
		}
		return
	}
	t.Error("there is no such metric")
}
