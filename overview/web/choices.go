package web

import (
	"strconv"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// choices are the links by which a visitor chooses what is shown.
type choices struct {
	Products, Spans, Bases []link
	// Before and After lead to the neighbours of the chosen month; "" where there is none.
	Before, After link
	// Month is the chosen one, Years are all.
	Month string
	Years []yearOfMonths
}

type yearOfMonths struct {
	Year   string
	Months []monthLink
}

// monthLink is one of the twelve of a year; without Href where nothing is known of it.
type monthLink struct {
	link
	Name, Time string
}

func (p *Page) choices() choices {
	c := choices{Month: p.Choice.Month.Name(), Years: p.years()}
	if len(p.Products) > 1 {
		for _, name := range p.Products {
			c.Products = append(c.Products, p.choice(productTitle(name), name == p.Choice.Product, func(x *Choice) {
				if name != x.Product { // of another one nobody has chosen whose figures
					x.Product, x.Publish = name, p.Default.Publish
				}
			}))
		}
	}
	for _, s := range Spans() {
		c.Spans = append(c.Spans, p.choice(spanTitle(s), s == p.Choice.Span, func(x *Choice) { x.Span = s }))
	}
	if p.Choice.Product == rollup.Cozystack {
		for _, b := range []published.Base{published.Seen, published.Confirmed} {
			c.Bases = append(c.Bases, p.choice(baseTitle(b), b == p.Choice.Publish, func(x *Choice) { x.Publish = b }))
		}
	}
	for _, m := range p.Months {
		l := p.choice(m.Name(), false, func(x *Choice) { x.Month = m })
		switch {
		case m < p.Choice.Month:
			c.Before = l
		case m > p.Choice.Month && c.After.Href == "":
			c.After = l
		}
	}
	return c
}

func (p *Page) choice(text string, current bool, change func(*Choice)) link {
	c := p.Choice
	change(&c)
	return link{Text: text, Href: p.href(c), Current: current}
}

// years are those of all months that can be chosen, the newest first.
func (p *Page) years() (years []yearOfMonths) {
	if len(p.Months) == 0 {
		return nil
	}
	known := make(map[rollup.MonthID]bool, len(p.Months))
	for _, m := range p.Months {
		known[m] = true
	}
	first, last := p.Months[0].Start().Year(), p.Months[len(p.Months)-1].Start().Year()
	for year := last; year >= first; year-- {
		y := yearOfMonths{Year: strconv.Itoa(year)}
		for m := rollup.NewMonth(year, 1); m < rollup.NewMonth(year+1, 1); m++ {
			l := monthLink{Name: m.Start().Format("Jan"), Time: m.String()}
			l.Text = m.Name()
			if known[m] {
				l.link = p.choice(l.Text, m == p.Choice.Month, func(x *Choice) { x.Month = m })
			}
			y.Months = append(y.Months, l)
		}
		years = append(years, y)
	}
	return years
}

func spanTitle(s Span) string {
	switch s {
	case Quarter:
		return "3 months"
	case Year:
		return "12 months"
	}
	return "Month"
}

func baseTitle(b published.Base) string {
	if b == published.Confirmed {
		return "Confirmed"
	}
	return "Seen"
}
