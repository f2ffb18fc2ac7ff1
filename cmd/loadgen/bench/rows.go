package bench

import (
	"context"
	"slices"
)

// goal is what a figure is held against.
type goal struct {
	text string
	// ratio is the goal, least what must be reached at the least; 0 if that is the
	// goal itself.
	ratio, least float64
	// more is set where a higher ratio is better.
	more bool
}

func (g goal) judge(ratio float64) Verdict {
	reached := func(bound float64) bool {
		if g.more {
			return ratio >= bound
		}
		return ratio <= bound
	}
	switch {
	case reached(g.ratio):
		return OK
	case g.least != 0 && reached(g.least):
		return Least
	}
	return Missed
}

// measured is a figure and what it is of the one it is compared to.
type measured struct {
	figure string
	ratio  float64
}

// row is how a row of the table is made.
type row struct {
	key, what string
	goal      goal
	measure   func(*lab, context.Context) (measured, error)
}

// within is the goal of a figure that is compared to an amount.
func within(text string) goal { return goal{text: text, ratio: 1} }

// rows are all rows of the table, in its order. Those that share a server or a
// file measure both when the first of them is asked for.
func rows() []row {
	return slices.Concat([]row{
		{"cpu", "CPU per report, lean client", goal{"vmagent's, least 1.35×", 1, 1.35, false}, (*lab).cpu},
		{"rate", "reports/s at 32 connections, lean client", goal{"vmagent's, least 0.8×", 1, 0.8, true}, (*lab).rate},
		{"cpu-ordinary", "CPU per report, ordinary client", goal{"vmagent's, least 1.35×", 1, 1.35, false}, (*lab).cpuOrdinary},
		{"rate-ordinary", "reports/s at 32 connections, ordinary client", goal{"vmagent's, least 0.8×", 1, 0.8, true}, (*lab).rateOrdinary},
		{"rate-many", "the same at 128 connections", goal{"vmagent's, least 0.8×", 1, 0.8, true}, (*lab).rateMany},
		{"latency", "latency alone, p50", goal{"1.2× a bare bbolt Update, least 1.5×", 1.2, 1.5, false}, (*lab).latency},
		{"memory", "peak memory, few clusters", within("64 MB"), (*lab).memory},
		{"memory-many", "peak memory, many clusters", within("256 MB"), (*lab).memoryMany},
		{"month", "cold month", goal{"1/50 of VictoriaMetrics', least 1/20", 0.02, 0.05, false}, (*lab).month},
		{"year", "cold year of closed months", within("1 s"), (*lab).year},
		{"distinct", "distinct year, new reports since the last answer", goal{"0.05 s, least 0.1 s", 1, 2, false}, (*lab).distinct},
		{"distinct-memory", "its own memory meanwhile, many clusters", goal{"192 MB, least 256 MB", 1, 256.0 / 192, false}, (*lab).distinctMemory},
		{"cached", "answered from cache, 32 connections", goal{"20000/s", 1, 0, true}, (*lab).cached},
		{"cached-p99", "the same beside 1000 reports/s, p99", within("3 ms"), (*lab).cachedBesideIngest},
		{"bytes", "bytes per cluster and day, compacted", within("300"), (*lab).bytes},
		{"start", "start", within("1 s"), (*lab).start},
		{"growth", "CPU per request, many clusters", goal{"1.3× that of few", 1.3, 0, false}, (*lab).growth},
	}, pageRows())
}

// Rows returns the names that Options.Only may have.
func Rows() (keys []string) {
	for _, r := range rows() {
		keys = append(keys, r.key)
	}
	return keys
}
