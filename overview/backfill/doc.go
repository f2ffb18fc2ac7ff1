// Package backfill rebuilds days from the samples that a VictoriaMetrics has of
// an earlier server, so that a deployment that moves keeps its year.
//
// A day is rebuilt exactly as the reports of that day would have left it: the
// samples are exported with their times, and those of one cluster that came
// together are one report again. What no report may bring is skipped, by rules that
// are handed in.
//
// The way of a sample:
//
//   - backfill.go takes months, and in them days, one after the other. marks.go
//     knows which of them an earlier run has taken.
//   - source.go asks for the clusters of a day, and then for the samples of some of
//     them at a time, until it has whole answers.
//   - line.go reads the lines of an answer.
//   - fold.go makes reports of samples, and days of reports; refuse.go leaves out the
//     reports that would not have been taken.
package backfill
