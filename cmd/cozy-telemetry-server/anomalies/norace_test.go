//go:build !race

package anomalies

// honestDays are how long an ordinary fleet is watched: 24 months.
const honestDays = 730
