package web

import (
	"fmt"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/chart"
)

// oldAfter is how old the newest report may be before the page is loud about it.
const oldAfter = 48 * time.Hour

// notice is what stands above all figures.
type notice struct {
	Title, Text string
	// Loud is set for what makes the figures doubtful.
	Loud bool
}

func (p *Page) notices(s shown) (all []notice) {
	if age := p.Now.Sub(p.LastReport); !p.LastReport.IsZero() && age > oldAfter {
		all = append(all, notice{
			Title: "This data is old",
			Text: fmt.Sprintf("The newest report came on %s, %s ago. Since then none has reached this server, so what has changed is not in these figures.",
				p.LastReport.UTC().Format("2 January 2006"), chart.Plural(int64(age/(24*time.Hour)), "day", "days")),
			Loud: true,
		})
	}
	covered, of := p.coveredDays(), p.Choice.Month.Days()
	switch {
	case p.isUnfinished(p.Choice.Month):
		text := "These are the figures so far. They will grow until the month ends."
		if covered != nil {
			text = fmt.Sprintf("These are the figures so far, from %d of %d days. They will grow until the month ends.", *covered, of)
		}
		all = append(all, notice{Title: p.Choice.Month.Name() + " is not over", Text: text})
	case covered != nil && *covered > 0 && *covered < of:
		all = append(all, notice{
			Title: "Days are missing",
			Text:  p.coverage(*covered) + " Clusters that were there on the other days alone are not counted.",
		})
	case !s.complete:
		all = append(all, notice{Title: "The data does not cover all of it", Text: "Figures may be lower than they were."})
	}
	return all
}
