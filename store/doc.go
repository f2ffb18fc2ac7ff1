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
// it stays bounded. Days are closed into the month's own records as they end, so
// that the figures of a month need not be read from each of its days.
// docs/database.md describes buckets, keys and encodings byte by byte.
//
// Reads run beside the writer, each in a short transaction. A read transaction
// that stays open keeps bbolt from reusing pages, so none is handed out.
//
// # In the order to read
//
// What a file is to bbolt stands in store/internal/boltfile, keys and values in
// store/internal/record, where they lie in store/internal/layout, the walk over them in
// store/internal/fold. The errors stand in store/dberrors.
//
//   - A running file: open.go, store.go, writer.go; health.go tells whether it takes writes.
//   - What comes: record.go, recent.go, import.go; queuetx.go and queue.go for what waits to be
//     forwarded; notes.go and snapshots.go.
//   - What is read: days.go, fold.go, changes.go, stats.go; backup.go copies all of it.
//   - What ages: closedays.go, prune.go, unreadable.go.
//   - What is forgotten: forget.go puts a new file, which store/rewrite makes, in the place of
//     the running one (live.go).
//   - A file at rest: readonly.go; check.go with checkfold.go and checkrest.go; build.go makes one. What makes
//     a file of files is store/rewrite.
package store
