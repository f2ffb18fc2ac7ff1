package backfill

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/overview/backfill"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// onlooker shows a person, or a log, how a backfill goes.
type onlooker struct {
	stderr io.Writer
	bar    *cli.Progress
	last   backfill.Progress
}

func (o *onlooker) onDay(p backfill.Progress) {
	o.last = p
	o.bar.Tell(int64(p.Days), int64(p.Total))
}

func (o *onlooker) onMonth(month rollup.MonthID) {
	if !cli.IsTerminal(o.stderr) {
		fmt.Fprintf(o.stderr, "%s is done: %d of %d days, %d samples; %s\n",
			month, o.last.Days, o.last.Total, o.last.Samples, skippedText(o.last.Skipped))
	}
}

func (o *onlooker) onRetry(err error) {
	fmt.Fprintf(o.stderr, "%s: %v; trying again\n", cli.Name, err)
}

// tellTakenOver prints what came of all.
func tellTakenOver(env cli.Environment, p backfill.Progress) error {
	_, err := fmt.Fprintf(env.Stdout, "%d days are taken over, %d of them by an earlier run: %d samples; %s\n",
		p.Days, p.Resumed, p.Samples, skippedText(p.Skipped))
	return err
}

// skippedText tells how many samples were skipped, and why.
func skippedText(s backfill.Skipped) string {
	text := fmt.Sprintf("%d were skipped", s.Total())
	var whys []string
	for _, why := range slices.Sorted(maps.Keys(s)) {
		whys = append(whys, fmt.Sprintf("%s %d", why, s[why]))
	}
	if len(whys) == 0 {
		return text
	}
	return text + " (" + strings.Join(whys, ", ") + ")"
}
