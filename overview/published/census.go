package published

import "github.com/cozystack/cozystack-telemetry-server/store/rollup"

// Adoption is how fast confirmed clusters take up versions of Cozystack: GET /api/adoption.
// A cluster has taken up a version when it has run that one or a newer one. All counts are
// whole steps of MinShare, rounded down, and days and shares are made of them: so no two
// figures differ by fewer clusters. A cluster is active until a week after it was last seen.
type Adoption struct {
	GeneratedAt string `json:"generated_at"`
	// Clusters are the confirmed ones that were active on the last day that has ended: "now".
	Clusters int64 `json:"clusters"`
	MinShare int64 `json:"min_share"`
	// Versions are those that enough clusters have run, the newest first.
	Versions []VersionAdoption `json:"versions"`
}

// VersionAdoption is how fast one version was taken up.
type VersionAdoption struct {
	Version string `json:"version"`
	// FirstReport is the day on which a confirmed cluster first reported it, 2026-03-14. Where
	// that is in the first days of which the server knows, the version may be older, and it
	// is not known how long anything took: the four figures of days below are nil.
	FirstReport string `json:"first_report"`
	// Clusters are the active ones that have taken it up by now.
	Clusters int64 `json:"clusters"`
	// DaysTo10 and so on are the days from the first report until so many percent of the
	// clusters that were active then had taken it up; nil while they have not.
	DaysTo10 *int `json:"days_to_10_percent"`
	DaysTo50 *int `json:"days_to_50_percent"`
	DaysTo90 *int `json:"days_to_90_percent"`
	// Upgraded are the clusters that came to it from an older one; MedianDays is the median
	// of the days that this took them since the first report; nil where they are too few.
	Upgraded   int64 `json:"upgraded"`
	MedianDays *int  `json:"median_days_to_upgrade"`
	// Shares are the adoption by days since the first report, from day 0 up to day 180.
	Shares []AdoptionShare `json:"shares"`
}

// AdoptionShare is how many clusters had taken up a version some days after its first report.
type AdoptionShare struct {
	Day int `json:"day"`
	// Clusters of those Active on that day.
	Clusters int64 `json:"clusters"`
	Active   int64 `json:"active"`
}

// Retention is how long confirmed clusters stay: GET /api/retention. All counts are whole
// steps of MinShare, rounded down.
type Retention struct {
	GeneratedAt string `json:"generated_at"`
	MinShare    int64  `json:"min_share"`
	// Months are those that have ended, the oldest first. In the first that the server knows,
	// all that were there already have joined.
	Months []Cohort `json:"months"`
}

// Cohort are the clusters that were first seen in a month, and on enough days of it and the
// next to be confirmed.
type Cohort struct {
	Month rollup.MonthID `json:"month"`
	// Joined is how many they are.
	Joined int64 `json:"joined"`
	// Left is how many clusters, of whichever cohort, were seen in the month for the last
	// time; nil while they could still come back: until the month after has ended.
	Left *int64 `json:"left"`
	// After1 and so on are how many of those that joined were seen so many months later, or
	// still later; nil where that month has not ended, or where too few joined.
	After1  *int64 `json:"seen_after_1_month"`
	After3  *int64 `json:"seen_after_3_months"`
	After6  *int64 `json:"seen_after_6_months"`
	After12 *int64 `json:"seen_after_12_months"`
}
