package site

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/httpanswer"
	"github.com/cozystack/cozystack-telemetry-server/overview/web"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// pageAsk is what a request asks of the page.
type pageAsk struct {
	question overview.Question
	span     web.Span
	// usual is what is shown to those who choose nothing.
	usual web.Choice
	// months are those of which something is known.
	months []rollup.MonthID
	// server is where reports are sent to, again the address that was asked.
	server, again string
}

func (a pageAsk) choice() web.Choice {
	return web.Choice{Product: a.question.Product, Month: a.question.Month, Span: a.span, Publish: a.question.Publish}
}

// parsePage reads month, period, product and publish, none of which need be there. Without
// a month it is the newest one of which something is known.
func (s *Site) parsePage(r *http.Request) (ask pageAsk, err error) {
	params := r.URL.Query()
	ask.server, ask.again = serverOf(r), r.URL.RequestURI()
	if params.Get("product") == "" {
		params.Set("product", s.cfg.Products[0])
	}
	if ask.question, err = s.choices(params, s.now(), "product", "publish"); err != nil {
		return ask, err
	}
	if ask.span, err = parseSpan(params); err != nil {
		return ask, err
	}
	unasked, err := s.overview.ParseChoices(url.Values{}, s.now())
	if err != nil {
		return ask, err
	}
	ask.usual = web.Choice{Product: s.cfg.Products[0], Month: s.now(), Span: web.Month, Publish: unasked.Publish}
	ask.months = monthsKnown(r.Context(), s.Publication(keyOf(ask.question)))
	if err := r.Context().Err(); err != nil { // others get the page that is made for this one
		return ask, err
	}
	if len(ask.months) > 0 {
		ask.usual.Month = ask.months[len(ask.months)-1]
	}
	ask.question.Month = ask.usual.Month
	if text := params.Get("month"); text != "" {
		ask.question.Month, err = parseEnd("month", text, s.now())
	}
	return ask, err
}

func parseSpan(params url.Values) (web.Span, error) {
	text := params.Get("period")
	if text == "" {
		return web.Month, nil
	}
	if span := web.Span(text); slices.Contains(web.Spans(), span) {
		return span, nil
	}
	return "", badQuestion("invalid period parameter: it is month, quarter or year")
}

// monthsKnown are the months of a publication's history of which something is known.
func monthsKnown(ctx context.Context, p *Publication) (months []rollup.MonthID) {
	h, err := p.History(ctx)
	switch {
	case err != nil:
		return nil
	case h.Product != nil:
		for _, r := range h.Product.Months {
			if r.Instances != nil {
				months = append(months, r.Month)
			}
		}
	default:
		for _, r := range h.Cozystack.Months {
			if r.Clusters != nil {
				months = append(months, r.Month)
			}
		}
	}
	return months
}

// gatherPage waits for all parts of a publication, of which render makes a page.
func (s *Site) gatherPage(ctx context.Context, p *Publication, ask pageAsk, render func(web.Page) ([]byte, error)) (maker, error) {
	parts, err := p.parts(ctx)
	if err = errors.Join(err, parts.OverviewErr); err != nil {
		return nil, err
	}
	page := web.Page{
		Choice: ask.choice(), Default: ask.usual, Products: s.cfg.Products,
		Months:    ask.months,
		Aggregate: p.Aggregate, ConfirmDays: s.cfg.ConfirmDays, Now: s.cfg.Now(),
		Overview: parts.Overview, Product: parts.Product, History: parts.History.Cozystack, ProductHistory: parts.History.Product,
		Breakdown: parts.Breakdown, Adoption: parts.Adoption, Retention: parts.Retention,
		Counting: parts.Counting,
	}
	page.Months = append(page.Months[:len(page.Months):len(page.Months)], monthsKnown(ctx, p)...)
	slices.Sort(page.Months)
	page.Months = slices.Compact(page.Months)
	if page.LastReport, _, err = s.cfg.LastReport(p.Product); err != nil {
		s.warn(err, p.Key)
	}
	return func() (*httpanswer.Answer, error) {
		body, err := render(page)
		if err != nil {
			return nil, err
		}
		// What is said of the age of the data does not hold for long, however old the month is.
		a := httpanswer.New(httpanswer.HTML, body, false)
		a.Passing = parts.Counting
		return a, nil
	}, nil
}
