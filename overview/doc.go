// Package overview answers GET /api/overview: how many clusters, nodes, tenants
// and applications there were in a month, in its quarter and in its year.
//
// The way to an answer, from the bottom up:
//
//   - counting.go counts a window of months from the rollups of the [Store];
//     queries.go and vmselect.go ask VictoriaMetrics for the same figures.
//   - sources.go decides which of the two is believed. Every figure grows with
//     the set of reports that were seen, so the source that counts more clusters
//     is nearer to the truth.
//   - months.go keeps the result as a month's snapshot. One that was collected
//     after the month's end and a grace period is final.
//   - periods.go forms month, quarter and year from the months; distinct.go
//     counts a window of several months as one.
//   - answer.go renders the answer once, with its gzip form and its ETag.
//   - handler.go speaks HTTP, and collector.go stores the months that have ended
//     without being asked to.
//
// Nothing is counted twice at the same time: requests that need the same month
// wait for one computation, which goes on when the client that started it goes
// away. What could not be learned is an error, never a zero.
package overview
