//go:build race

package anomalies

// honestDays is shorter with the race detector: the days are looked at one after the other,
// and each costs several times as much.
const honestDays = 75
