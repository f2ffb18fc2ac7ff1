// Package backfill rebuilds days from the samples that a VictoriaMetrics has of
// an earlier server, so that a deployment that moves keeps its year.
//
// A day is rebuilt exactly as the reports of that day would have left it: the
// samples are exported with their times, and those of one cluster that came
// together are one report again. What no report may bring is skipped, by rules that
// are handed in. fold.go does that for some clusters at a time, refuse.go skips,
// source.go asks VictoriaMetrics, line.go reads its lines, marks.go knows which
// days are done, and backfill.go ties them.
package backfill
