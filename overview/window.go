package overview

import (
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// FirstYear and LastYear are those that can be asked for.
const FirstYear, LastYear = 2024, 2100

// window is a run of calendar months in UTC, both ends included.
type window struct{ from, to rollup.MonthID }

// lastMonths returns the window of n months that ends with a month.
func lastMonths(to rollup.MonthID, n int) window {
	return window{to - rollup.MonthID(n) + 1, to}
}

func (w window) start() time.Time { return w.from.Start() }

// end returns the first instant after the window.
func (w window) end() time.Time { return w.to.End() }

func (w window) months() int { return int(w.to-w.from) + 1 }

// days returns the number of days from the first to the end of day last.
func (w window) days(last rollup.Date) int { return int(last-w.from.First()) + 1 }

// length returns the number of days of the whole window.
func (w window) length() int { return w.days(w.to.Last()) }

// label names the window as the website shows it, such as "March 2026" or
// "January 2026 — March 2026".
func (w window) label() string {
	if w.from == w.to {
		return w.to.Name()
	}
	return w.from.Name() + " \u2014 " + w.to.Name()
}
