package web

import (
	"cmp"
	"net/url"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Page is all that the page of figures shows. Its parts come from one snapshot. A part that
// is nil can't be counted now, and the page says so.
type Page struct {
	// Choice is what is shown, Default what is shown to those who choose nothing.
	Choice, Default Choice
	// Products are all that the server counts, in the order in which they are offered.
	Products []string
	// Months are those that can be chosen, the oldest first.
	Months []rollup.MonthID
	// Aggregate says how a quarter and a year are formed.
	Aggregate published.Aggregate
	// ConfirmDays is on how many days a confirmed cluster was seen.
	ConfirmDays int
	// Now is when the page is made, LastReport when the newest report came; zero: not known.
	Now, LastReport time.Time

	// Overview, and all but the next two, are Cozystack's.
	Overview       *published.Overview
	Product        *published.ProductOverview
	ProductHistory *published.ProductHistory
	History        *published.History
	Breakdown      *published.Breakdown
	Adoption       *published.Adoption
	Retention      *published.Retention
	// Counting is set where what is nil of the last three is just being counted.
	Counting bool
}

// untold says why one of the last three is nil.
func (p *Page) untold(why string) string {
	if p.Counting {
		return "This is just being counted. Load the page again in a moment."
	}
	return why
}

// Choice is what a visitor chooses by links. It is the whole state of a page.
type Choice struct {
	Product string
	Month   rollup.MonthID
	Span    Span
	Publish published.Base
}

// Span is which of the periods of an answer is shown.
type Span string

// The spans, which all end with the chosen month.
const (
	Month   Span = "month"
	Quarter Span = "quarter"
	Year    Span = "year"
)

// Spans returns all of them, the shortest first.
func Spans() []Span { return []Span{Month, Quarter, Year} }

// href is where a choice is shown. It names what differs from the default.
func (p *Page) href(c Choice) string {
	query := url.Values{}
	add := func(name, value, usual string) {
		if value != usual {
			query.Set(name, value)
		}
	}
	add("month", c.Month.String(), p.Default.Month.String())
	add("period", string(c.Span), string(p.Default.Span))
	add("product", c.Product, p.Default.Product)
	if c.Product == rollup.Cozystack {
		add("publish", string(c.Publish), string(p.Default.Publish))
	}
	if len(query) == 0 {
		return "/"
	}
	return "/?" + query.Encode()
}

// api is where a program finds what a part of the page shows of its month.
func (p *Page) api(path string) string {
	month := p.Choice.Month.Start()
	return p.data(path, url.Values{"year": {month.Format("2006")}, "month": {month.Format("1")}})
}

// historyCSV is where a spreadsheet finds the months that the page shows.
func (p *Page) historyCSV(from, to rollup.MonthID) string {
	return p.data("/api/history.csv", url.Values{"from": {from.String()}, "to": {to.String()}})
}

// data is where a program finds what is chosen, with more of the query.
func (p *Page) data(path string, query url.Values) string {
	if p.Choice.Product != rollup.Cozystack {
		query.Set("product", p.Choice.Product)
	} else if p.Choice.Publish != p.Default.Publish {
		query.Set("publish", string(p.Choice.Publish))
	}
	return path + "?" + query.Encode()
}

// isUnfinished tells whether a month still goes on.
func (p *Page) isUnfinished(m rollup.MonthID) bool { return p.Now.Before(m.End()) }

// spanOf returns the period that is shown.
func spanOf[P any](all published.Periods[P], s Span) P {
	switch s {
	case Quarter:
		return all.Quarter
	case Year:
		return all.Year
	}
	return all.Month
}

// productTitle is what a product is called.
func productTitle(name string) string {
	titles := map[string]string{
		rollup.Cozystack: "Cozystack", "synapse": "Synapse", "coroot": "Coroot", "kubeatlas": "KubeAtlas",
	}
	return cmp.Or(titles[name], name)
}
