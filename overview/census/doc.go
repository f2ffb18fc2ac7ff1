// Package census counts what the clusters of a month are made of, how fast they take up
// versions, and how long they stay. Its figures may be published: none tells of a few clusters.
//
// The way to them, from the bottom up:
//
//   - words.go turns the texts of reports into values that a reader can compare, and newest.go
//     says which of a cluster's values in a month is the newest.
//   - tally.go adds up values, each once per cluster, also of a flood.
//   - month.go reads a month of the [Store] once: the tallies of all dimensions, and rows.go
//     packs what is needed of each cluster for [Census.Adoption] and [Census.Retention].
//   - fold.go decides which values of a dimension are shown, packages.go which packages.
//   - months.go keeps the months for as long as the store says that nothing of them has changed.
//   - lives.go puts the months of each cluster together.
//   - breakdown.go, adoption.go and retention.go make the answers; census.go is who is asked.
//
// What no answer tells. Values of fewer than [Config.MinShare] steady clusters are added to
// others, and others are at least so many again. Steady is who was seen on [Config.ConfirmDays]
// days of the month and the one before: who makes up clusters can lift no value over the line
// in less. Between a month and the one before no few clusters come to the others or leave them.
// Adoption and retention are of steady clusters, in whole steps of MinShare, so that no two of
// their figures, or of those and others, differ by a few clusters that can be told.
package census
