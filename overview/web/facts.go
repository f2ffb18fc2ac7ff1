package web

import (
	"fmt"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/chart"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// fact says in plain words where figures come from.
type fact struct {
	Term, Text string
	// Time is set where the text is an instant.
	Time string
}

// coverage says of how many days of the chosen month there are reports.
func (p *Page) coverage(covered int) string {
	return fmt.Sprintf("There are reports of %d of the %d days of %s.", covered, p.Choice.Month.Days(), p.Choice.Month.Name())
}

func (p *Page) facts(s shown) []fact {
	all := []fact{{Term: "Source", Text: sourceText(s.source)}}
	if covered := p.coveredDays(); covered != nil {
		all = append(all, fact{Term: "Days covered", Text: p.coverage(*covered)})
	}
	if p.Choice.Span != Month {
		all = append(all, fact{Term: "Period", Text: p.spanText(s)})
	}
	all = append(all, instant("Collected", s.generatedAt))
	if !p.LastReport.IsZero() {
		all = append(all, instant("Newest report", p.LastReport.Format(time.RFC3339)))
	}
	if p.Product != nil {
		return all
	}
	return append(all,
		fact{Term: "Seen", Text: "A cluster that sent any report in the month, with the highest figures that it reported."},
		fact{Term: "Confirmed", Text: fmt.Sprintf("A cluster that was seen on at least %s of the month, with those of its second-highest day: "+
			"one report, or one bad day, lifts none of them.", chart.Plural(p.ConfirmDays, "day", "days"))},
	)
}

// instant is a fact of a moment in RFC 3339.
func instant(term, at string) fact {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return fact{Term: term, Text: at}
	}
	t = t.UTC().Truncate(time.Minute) // a page in which nothing else has changed is the same
	return fact{Term: term, Text: t.Format("2 January 2006, 15:04 UTC"), Time: t.Format(time.RFC3339)}
}

func (p *Page) spanText(s shown) string {
	if p.Aggregate == published.Distinct {
		return s.Label + ": one count over the whole period, each cluster once."
	}
	return fmt.Sprintf("%s: the mean of the monthly figures, over the %s that have data.", s.Label, chart.Plural(s.months, "month", "months"))
}

func sourceText(s rollup.Source) string {
	switch s {
	case rollup.SourceRollups:
		return "This server's own records of what was reported on each day."
	case rollup.SourceVictoriaMetrics:
		return "A VictoriaMetrics database to which all reports are forwarded. It has seen more than this server's own records."
	case rollup.SourceImported:
		return "Figures that were collected earlier by other means, and taken over as they were."
	case rollup.SourceMixed:
		return "Months of this period come from different sources; the table by month names them."
	}
	return string(s)
}
