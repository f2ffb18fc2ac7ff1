package site

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

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

// message says to people why there is no page, and what to do.
func (s *Site) message(ask pageAsk, err error) (status int, m web.Message) {
	status = overview.StatusOf(err)
	home := web.MessageLink{Text: "The newest figures", Href: "/"}
	switch status {
	case http.StatusBadRequest:
		return status, web.Message{Title: "That can't be asked", Text: sentence(overview.TextOf(err, "")), Links: []web.MessageLink{home}}
	case http.StatusNotFound:
		return s.nothing(ask, err, home)
	}
	return status, web.Message{
		Title: "The figures can't be counted now",
		Text:  "The server takes reports, but can't answer at the moment. Try again in half a minute; its log says why.",
		Links: []web.MessageLink{{Text: "Try again", Href: ask.again}},
	}
}

// nothing is the message of a month, or a product, or a server of which nothing is known.
func (s *Site) nothing(ask pageAsk, err error, home web.MessageLink) (status int, m web.Message) {
	switch {
	case !errors.Is(err, overview.ErrNoData):
		return http.StatusNotFound, web.Message{Title: "That is not here", Text: sentence(overview.TextOf(err, "")), Links: []web.MessageLink{home}}
	case len(ask.months) > 0:
		newest := ask.months[len(ask.months)-1]
		return http.StatusNotFound, web.Message{
			Title: "Nothing is known of " + ask.question.Month.Name(),
			Text:  fmt.Sprintf("Nothing was reported to this server in that month. There are figures from %s on.", ask.months[0].Name()),
			Links: []web.MessageLink{{Text: newest.Name(), Href: "/?month=" + newest.String() + "&product=" + url.QueryEscape(ask.question.Product)}, home},
		}
	}
	return http.StatusOK, welcome(ask)
}

// Refuse answers what no page and no data is there for: with a page to a browser that opens
// one, else as the API does. A 503 says when to try again.
func (s *Site) Refuse(w http.ResponseWriter, r *http.Request, status int, text string) {
	looks := (r.Method == http.MethodGet || r.Method == http.MethodHead) && !strings.HasPrefix(r.URL.Path, "/api/") &&
		strings.Contains(r.Header.Get("Accept"), "text/html")
	if !looks {
		httpanswer.Refuse(w, status, text)
		return
	}
	title := "That did not work"
	switch status {
	case http.StatusNotFound:
		title, text = "That is not here", "there is nothing at this address"
	case http.StatusServiceUnavailable:
		title = "The server is busy"
	}
	w.Header().Set("Content-Security-Policy", policy(nobody))
	w.Header().Set("Vary", "Accept")
	s.refuseWith(w, r, status, web.Message{Title: title, Text: sentence(text), Links: []web.MessageLink{{Text: "The newest figures", Href: "/"}}})
}

// sentence makes one of a text of the API.
func sentence(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// welcome is what an empty server says: what to send.
func welcome(ask pageAsk) web.Message {
	if ask.question.Product != rollup.Cozystack {
		return web.Message{
			Title: "No reports yet", Text: "This server waits for its first report of " + ask.question.Product + ". Figures are here within a second of it.",
			Links: []web.MessageLink{{Text: "The newest figures", Href: "/"}, {Text: "How this is counted", Href: "/counting"}},
		}
	}
	return web.Message{
		Title: "No reports yet",
		Text: "This server waits for its first cluster. Send it what a cluster sends, and load this page again: the figures are here within a second. " +
			"Any name will do for the cluster; those that report send the UID of their namespace kube-system.",
		Code: strings.Join([]string{
			"curl " + ask.server + ` \`,
			"  -H 'X-Cluster-ID: my-cluster' --data-binary @- <<'END'",
			`cozy_cluster_info{cozystack_version="v1.0.0",kubernetes_version="v1.31.4"} 1`,
			`cozy_nodes_count{os="linux (Talos (v1.8.4))",kernel="6.6.64-talos"} 3`,
			`cozy_application_count{kind="Postgres"} 5`,
			`cozy_application_count{kind="Tenant"} 2`,
			"END",
		}, "\n"),
		Links: []web.MessageLink{{Text: "What is collected, and how to opt out", Href: "/privacy"}, {Text: "How this is counted", Href: "/counting"}},
	}
}

// serverOf is the address by which a request has found this server, as it can be typed.
func serverOf(r *http.Request) string {
	strange := func(c rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-[]", c)
	}
	if r.Host == "" || strings.ContainsFunc(r.Host, strange) {
		return "http://127.0.0.1:8081/"
	}
	scheme := "http://"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https://"
	}
	return scheme + r.Host + "/"
}
