// Package layout knows where things lie in the file: docs/database.md describes the
// buckets. It works within transactions that others open.
//
// schema.go has the buckets at the root, open.go makes an empty file and opens one at
// rest, migrate.go brings an older one to the present (schema3.go, unfold.go). All lies by
// product. A product's month says which days are closed into its records (days.go), and
// has its figures (snapshots.go) but for what they leave out (excluded.go). A product's
// day, or its month's records, is a partition, with the dictionary of the month
// (partition.go); who writes keeps [Dictionaries] (dictionaries.go) and [Limits] of
// what comes into records (limits.go; for which series there is room to the last, kept.go
// has), and merges with [DayMerge] and [PutMonths] (merge.go). Who reads all of a partition walks it in chunks, each in a transaction of
// its own (walk.go).
package layout
