package backfill

import (
	"errors"
	"fmt"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Months names the days to take over from a VictoriaMetrics.
type Months struct {
	From rollup.MonthID `json:"from,omitzero"`
	To   rollup.MonthID `json:"to,omitzero"`
	// Again also takes the days that were taken before.
	Again bool `json:"again,omitzero"`
}

// parseMonths reads the months of a request or, with dashes, of a command line.
func parseMonths(dashes, from, to string, again bool, now time.Time) (Months, error) {
	t := Months{Again: again}
	var errs [2]error
	t.From, errs[0] = parseMonth(dashes+"from", from)
	t.To, errs[1] = parseMonth(dashes+"to", to)
	switch {
	case errs[0] != nil || errs[1] != nil:
		return t, errors.Join(errs[:]...)
	case t.To < t.From:
		return t, fmt.Errorf("%sto: %s is before %s", dashes, t.To, t.From)
	case t.From < firstTaken:
		return t, fmt.Errorf("%sfrom: there is nothing of %s: the first month is %s", dashes, t.From, firstTaken)
	case t.From > rollup.MonthOf(now):
		return t, fmt.Errorf("%sfrom: %s is in the future", dashes, t.From)
	case t.To > lastTaken:
		return t, fmt.Errorf("%sto: %s is behind the last month, %s", dashes, t.To, lastTaken)
	}
	return t, nil
}

func parseMonth(name, text string) (rollup.MonthID, error) {
	month, err := rollup.ParseMonth(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %q is not a month such as 2026-01", name, text)
	}
	return month, nil
}

// days returns how many days there are to take over by now.
func (t Months) days(now time.Time) int {
	return max(0, int(min(t.To.Last(), rollup.DateOf(now))-t.From.First())+1)
}
