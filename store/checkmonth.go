package store

import (
	"errors"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// checkMonth looks at a month's record, which can't be of a day that was never to be
// closed, nor have a value of a day on which its metric was not reported.
func checkMonth(v []byte, dict *record.Dictionary, pending rollup.DaySet) error {
	m, err := record.DecodeMonth(v, dict)
	switch {
	case err != nil:
		return err
	case m.Days()&^pending != 0:
		return errors.New("it has a day that is not folded")
	case slices.ContainsFunc(m.Metrics, func(mm rollup.MetricMonth) bool { return highestDays(mm.Highest)&^mm.Days != 0 }),
		slices.ContainsFunc(m.Peaks, func(p rollup.Peak) bool { return peakDays(p)&^metricDays(m, p.Series.Metric()) != 0 }):
		return errors.New("it has a value of a day on which its metric was not reported")
	}
	return nil
}

// metricDays returns the days of one of a month's metrics.
func metricDays(m rollup.Month, metric string) rollup.DaySet {
	i, ok := slices.BinarySearchFunc(m.Metrics, metric, func(mm rollup.MetricMonth, metric string) int {
		return strings.Compare(mm.Metric, metric)
	})
	if !ok {
		return 0
	}
	return m.Metrics[i].Days
}

// highestDays returns which days are named as the two highest.
func highestDays(h rollup.Highest) (days rollup.DaySet) {
	for _, day := range []uint8{h.PeakDay, h.SecondDay} {
		if day != 0 {
			days |= rollup.DaySetOf(int(day))
		}
	}
	return days
}

// peakDays returns all days that are named. The first hour may be one that is not
// known.
func peakDays(p rollup.Peak) rollup.DaySet {
	days := highestDays(p.Highest)
	if p.Seen > 0 {
		days |= rollup.DaySetOf(int(p.Seen)/24 + 1)
	}
	for _, s := range p.Slots {
		days |= rollup.DaySetOf(int(s.At)/24 + 1)
	}
	return days
}
