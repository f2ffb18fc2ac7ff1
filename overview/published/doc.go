// Package published holds what is published: the shapes of all answers and of all that the
// page shows. Tables, charts and files are made of these structs and of nothing else, so
// that the same figure is the same everywhere.
//
// [Overview] and [ProductOverview] are the figures of a month, a quarter and a year
// (overview.go), [History] and [ProductHistory] those of many months (history.go),
// [Breakdown] is what a month's clusters are made of (breakdown.go), [Adoption] how fast
// they take up versions, and [Retention] how long they stay (census.go).
//
// Counts are whole numbers of clusters, nodes, tenants or applications. A pointer that is
// nil, and a missing value of a map that is nil, is a figure that is not known: never a zero.
// A value does not change once it is published, so any number may read it at once.
package published
