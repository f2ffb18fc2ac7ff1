// Package store keeps everything the server knows in one bbolt file: the daily
// rollups of each instance, the month rollups and month snapshots, the queue of
// samples that wait to be forwarded, and the list of applications.
//
// One goroutine writes. It takes whatever has queued up while the last commit
// ran and commits it in one transaction, so that a lone client waits for one
// commit only and many clients share one. [Store.Record] returns after that
// commit: what it returned nil for survives a crash.
//
// A day is a bucket of its own. Its records name series by the numbers of a
// dictionary that all days of the month share. Series repeat from cluster to
// cluster and from day to day, so a record is small, and mostly the same bytes as
// that of the day before; and since the dictionary lives and dies with its month,
// it stays bounded. Days are folded into the month's own records as they end, so
// that the figures of a month need not be read from each of its days.
// docs/database.md describes buckets, keys and encodings byte by byte.
//
// Reads run beside the writer, each in a short transaction. A read transaction
// that stays open keeps bbolt from reusing pages, so none is handed out.
package store
