package anomaly

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// What is usual of a running server's traffic. Few in an hour are nothing, whatever part
// they are: scanners ask everybody.
const (
	refusedAnHour, mostRefused = 100, 0.1
	leftOutAnHour, mostLeftOut = 1000, 0.01
)

// traffic finds reports that are refused and series that are left out at a rate.
func traffic(t Traffic) (found []Finding) {
	if t.Span <= 0 {
		return nil
	}
	// What began just now is judged as if it had taken an hour: a rate needs some time.
	hours := max(t.Span.Hours(), 1)
	since := t.Since.UTC().Format("2006-01-02T15:04Z")
	var refused int64
	for _, n := range t.Refused {
		refused += n
	}
	if usual := max(refusedAnHour*hours, mostRefused*float64(t.Taken+refused)); float64(refused) > usual {
		found = append(found, Finding{
			Kind: KindRefused, When: since, Found: float64(refused), Expected: usual,
			What: fmt.Sprintf("%d reports were refused in %s beside %d that were taken (%s); up to %.0f are usual",
				refused, minutes(t.Span), t.Taken, byReason(t.Refused), usual),
			Next: "see the reasons: sender is too many from one cluster or network, others are senders that are no clients",
		})
	}
	if usual := max(leftOutAnHour*hours, mostLeftOut*float64(t.Stored)); float64(t.LeftOut) > usual {
		found = append(found, Finding{
			Kind: KindLeftOut, When: since, Found: float64(t.LeftOut), Expected: usual,
			What: fmt.Sprintf("%d series were left out in %s because of a bound, of reports with %d samples; up to %.0f are usual",
				t.LeftOut, minutes(t.Span), t.Stored, usual),
			Next: "look who has many series: cozy-telemetry-server export --what series, of a backup",
		})
	}
	return found
}

func minutes(d time.Duration) string { return fmt.Sprintf("%.0f minutes", max(d.Minutes(), 1)) }

// byReason lists counts, the largest first.
func byReason(counts map[string]int64) string {
	reasons := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	var parts []string
	for _, reason := range reasons {
		if counts[reason] > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", reason, counts[reason]))
		}
	}
	return strings.Join(parts, ", ")
}
