package overview

import (
	"fmt"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/product/synapse"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// BenchmarkTally2000Synapses counts 2000 homeservers of a month, and of a year as one.
func BenchmarkTally2000Synapses(b *testing.B) {
	r := newProductRig(b, "2026-12-31T23", 5)
	last := rollup.NewMonth(2026, time.December)
	for id := last - 11; id <= last; id++ {
		for _, date := range []rollup.Date{id.First(), id.Last()} {
			var days []rollup.InstanceDay
			for i := range 2000 {
				body := fmt.Sprintf(`{"homeserver":"h","total_users":%d,"monthly_active_users":7,"daily_active_users":3,"total_room_count":40,
					"daily_messages":%d,"daily_e2ee_messages":9,"daily_active_rooms":4,"daily_active_e2ee_rooms":1,"daily_user_type_native":1,
					"r30v2_users_all":2,"r30v2_users_web":1,"r30v2_users_ios":1,"database_engine":"psycopg2","database_server_version":"15.8",
					"python_version":"3.11.2"}`, i, i%90)
				report, err := r.decoders["synapse"].Decode(nil, []byte(body), func(string) string { return "Synapse/1.157.1" })
				if err != nil {
					b.Fatal(err)
				}
				day := rollup.FromReport(rollup.Report{Received: date.Start(), Samples: report.Samples})
				days = append(days, rollup.InstanceDay{Instance: fmt.Sprintf("%032x", i), Day: day})
			}
			if err := r.store.MergeDays(b.Context(), "synapse", date, days); err != nil {
				b.Fatal(err)
			}
		}
		if err := r.store.CloseDays(b.Context(), id, id.Last()); err != nil {
			b.Fatal(err)
		}
	}
	for _, months := range []int{1, 12} {
		b.Run(fmt.Sprintf("months=%d", months), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f, err := r.read(synapse.Product(), lastMonths(last, months))
				if err != nil || f.Instances != 2000 {
					b.Fatal(f.Instances, err)
				}
			}
		})
	}
}
