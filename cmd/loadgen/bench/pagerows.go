package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
)

// pageRow makes a row of what the page came to.
func pageRow(of func(pageFigures) measured) func(*lab, context.Context) (measured, error) {
	return func(l *lab, ctx context.Context) (measured, error) {
		p, err := l.pageOne.get(ctx, l.measurePage)
		return of(p), err
	}
}

// pageRows are those of the public page.
func pageRows() []row {
	return []row{
		{"page-bytes", "the page, its first load", within("60 kB"), pageRow(func(p pageFigures) measured {
			return measured{fmt.Sprintf("%.1f kB", float64(p.bytes)/1e3), float64(p.bytes) / 60e3}
		})},
		{"page-first", "the same, first after a start, to the last byte", within("1 s"), pageRow(func(p pageFigures) measured {
			return measured{fmt.Sprintf("%s, then %s", milliseconds(p.first), milliseconds(p.again)), p.first.Seconds()}
		})},
		{"page", "the same, cached, 32 connections", goal{"10000/s", 1, 0, true}, pageRow(func(p pageFigures) measured {
			return measured{fmt.Sprintf("%s, %s of CPU each", manyOf(p.cached), microseconds(p.cpu)), p.cached.PerSecond() / 10_000}
		})},
		{"page-304", "the same, not changed, 32 connections", goal{"20000/s", 1, 0, true}, pageRow(func(p pageFigures) measured {
			return measured{manyOf(p.unchanged), p.unchanged.PerSecond() / cachedRate}
		})},
		{"page-p99", "the same, 1000/s beside 1000 reports/s, p99", within("10 ms"), pageRow(func(p pageFigures) measured {
			return measured{manyOf(p.beside), ratio(p.beside.P99, 10*time.Millisecond)}
		})},
		{"page-reports", "these reports' p99", goal{"1.5× that without pages, least 3×", 1.5, 3, false}, pageRow(func(p pageFigures) measured {
			return measured{fmt.Sprintf("%s, without %s", quantiles(p.reports), quantiles(p.alone)), ratio(p.reports.P99, p.alone.P99)}
		})},
	}
}

func manyOf(r load.Result) string { return fmt.Sprintf("%.0f/s, %s", r.PerSecond(), quantiles(r)) }

func quantiles(r load.Result) string {
	return fmt.Sprintf("p50 %s p99 %s", milliseconds(r.P50), milliseconds(r.P99))
}
