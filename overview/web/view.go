package web

import (
	"cmp"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// view is what the templates write down.
type view struct {
	frame
	Heading  string
	Choices  choices
	Notices  []notice
	Tiles    []tile
	Sections []section
	Facts    []fact
	Links    []link
	// Whole is the page that an embedded one is a part of.
	Whole string
}

// link leads to another choice, or to a file.
type link struct {
	Text, Href string
	// Current is set for what is chosen already.
	Current bool
}

// shown is what pages of all products know of the period that they show.
type shown struct {
	published.Names
	source      rollup.Source
	complete    bool
	months      int
	generatedAt string
}

// view returns what the page says, or what its tiles alone say.
func (p *Page) view() view {
	s := p.shown()
	title := productTitle(p.Choice.Product)
	v := view{
		frame:   frame{Title: title + ", " + s.Label, Description: "Anonymous usage statistics of " + title + ": " + s.Label + "."},
		Heading: title + " in " + s.Label,
		Choices: p.choices(),
		Notices: p.notices(s),
		Facts:   p.facts(s),
		Links:   p.files(),
		Whole:   p.href(p.Choice),
	}
	if p.Product != nil {
		v.Tiles, v.Sections = p.productTiles(), p.productSections()
	} else {
		v.Tiles, v.Sections = p.tiles(), p.sections()
	}
	return v
}

func (p *Page) shown() shown {
	if p.Product != nil {
		x := p.productPeriod()
		return shown{x.Names, x.Source, x.Complete, x.Months, p.Product.GeneratedAt}
	}
	x := p.period()
	return shown{x.Names, x.Source, x.Complete, x.Months, p.Overview.GeneratedAt}
}

// period is what is shown of Cozystack.
func (p *Page) period() published.Period { return spanOf(p.Overview.Periods, p.Choice.Span) }

// sections are those of Cozystack's page.
func (p *Page) sections() []section {
	all := []section{p.apps(), p.history(), p.breakdown()}
	if p.Breakdown != nil {
		for _, s := range []section{p.packages(), p.capacity()} {
			if len(s.Figures) > 0 {
				all = append(all, s)
			}
		}
	}
	return append(all, p.adoption(), p.retention())
}

// files are where programs find what the page shows.
func (p *Page) files() []link {
	links := []link{{Text: "These figures as JSON", Href: p.api("/api/overview")}}
	if p.Product != nil {
		return links
	}
	return append(links,
		link{Text: "as CSV", Href: p.api("/api/overview.csv")},
		link{Text: "All of the month as one CSV file", Href: p.dataset("csv")},
		link{Text: "as Parquet", Href: p.dataset("parquet")},
	)
}

func (p *Page) dataset(format string) string {
	return "/api/dataset?format=" + format + "&month=" + p.Choice.Month.String()
}

// row returns what the history knows of a month; nil where it knows nothing.
func (p *Page) row(m rollup.MonthID) *published.HistoryMonth {
	if p.History == nil {
		return nil
	}
	for i := range p.History.Months {
		if r := &p.History.Months[i]; r.Month == m && r.Clusters != nil {
			return r
		}
	}
	return nil
}

// coveredDays is on how many days of the chosen month there were reports; nil: not known.
func (p *Page) coveredDays() *int {
	if p.ProductHistory != nil {
		for _, r := range p.ProductHistory.Months {
			if r.Month == p.Choice.Month {
				return r.DaysWithData
			}
		}
	}
	if r := p.row(p.Choice.Month); r != nil {
		return r.DaysWithData
	}
	return nil
}

// baseText is what clusters are called that figures are of.
func baseText(b published.Base) string { return string(cmp.Or(b, published.Seen)) }
