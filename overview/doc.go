// Package overview answers GET /api/overview: how many clusters, nodes, tenants
// and applications there were in a month, in its quarter and in its year.
//
// The way to an answer, from the bottom up:
//
//   - window.go is a run of months. All that is counted is counted of a window.
//   - book.go reads a month of the [Store] into a table: table.go packs what the
//     month says of each cluster, with a number for each text (numbering.go), and
//     sift.go leaves out what only a flood has brought. counting.go makes figures of
//     tables, confirmed.go those that one report does not lift. keeper.go keeps both
//     for as long as the store says that nothing of them has changed; of a running
//     month reading.go reads anew only the clusters that have.
//   - queries.go asks for the same figures in VictoriaMetrics' words, vmselect.go
//     asks all of a window's questions at once, and breaker.go leaves one alone that
//     has failed slowly.
//   - sources.go decides which of the two is believed. Every figure grows with
//     the set of reports that were seen, so the source that counts more clusters
//     is nearer to the truth.
//   - months.go keeps the result as a month's snapshot. One that was collected
//     after the month's end and a grace period is final.
//   - periods.go forms month, quarter and year from the months; distinct.go
//     counts a window of several months as one.
//   - answer.go renders the answer once, with its gzip form and its ETag.
//     overview.go is who is asked for it, with what cache.go remembers; all that is
//     computed is a task (overview/tasks), and ends with Close.
//   - question.go reads what is asked, handler.go speaks HTTP, and collector.go stores the months that have ended
//     without being asked to. recount.go counts a month anew, of which days were
//     filled in, and exclusions.go those whose figures have clusters that are excluded
//     now; compare.go holds a stored month against its rollups.
//
// Another product than cozystack has a table of what it counts, which [Config] hands in.
// Its way uses the same windows, caches, tasks and rendering: tallies.go counts a window of
// the rollups, its only source, productmonths.go keeps a month's snapshot,
// productperiods.go forms the periods of what may be published, productcollector.go stores
// months as collector.go does, and compareproduct.go holds them against the rollups.
//
// Nothing is counted twice at the same time: requests that need the same month
// wait for one computation, which goes on when the client that started it goes
// away. What could not be learned is an error, never a zero.
package overview
