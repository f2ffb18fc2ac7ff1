// Package mirror keeps the content of the store as JSON in a folder, for people
// and for the day on which the file is lost: YYYY-MM.json per month, and under
// rollups a YYYY-MM-DD.jsonl.gz per day, one line per instance, beside a manifest.json
// that says which version of a day its file holds. The newest day is a plain
// YYYY-MM-DD.jsonl. What there is of another product than Cozystack lies alike in a folder
// of its name.
//
// The way through it:
//
//   - line.go, month.go and productmonth.go are the format: an instance's day as a line,
//     a month's snapshot as a file, each written and read.
//   - place.go tells where the files of a product are, and which products there are.
//   - file.go names the files, writes each one durably and as a whole, and bounds
//     what is read. dayfile.go reads and writes a day's file in either of its forms.
//   - mirror.go is the [Mirror] of a [Store]: Repair at the start, then Sync.
//     months.go takes over and writes months, days.go writes and removes days, and
//     manifest.go remembers which. bound.go keeps all days within their bytes, and
//     leaves the volume its reserve. run.go does all that again and again.
//   - excluded.go is excluded.json, with whom the figures leave out.
//   - lock.go keeps other servers away. ahead.go notices a file that is older than its
//     mirror; then nothing is written.
//   - forget.go removes an instance's lines.
//   - read.go gives the folder back, to make a file of it; check.go holds it against
//     a file; holds.go tells whether it has anything at all.
package mirror
