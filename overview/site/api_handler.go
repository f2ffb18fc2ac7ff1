package site

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/httpanswer"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Register adds the routes.
func (s *Site) Register(e *echo.Echo) {
	s.registerPages(e)
	for path, get := range s.resources() {
		httpanswer.Register(e, path, get)
	}
}

// resources are what can be read, by path.
func (s *Site) resources() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"/api/overview.csv":        s.data(s.parseMonth, "overview.csv", overviewCSV),
		"/api/history":             s.data(s.parseHistory, "history.json", historyJSON),
		"/api/history.csv":         s.data(s.parseHistory, "history.csv", historyCSV),
		"/api/breakdown":           s.data(s.parseBreakdown, "breakdown.json", asJSON((*Publication).Breakdown)),
		"/api/breakdown.csv":       s.data(s.parseBreakdown, "breakdown.csv", breakdownCSV),
		"/api/adoption":            s.data(s.parseNow, "adoption.json", asJSON((*Publication).Adoption)),
		"/api/retention":           s.data(s.parseNow, "retention.json", asJSON((*Publication).Retention)),
		"/api/dataset":             s.dataset("dataset.", (*Publication).file),
		"/api/dataset.sha256":      s.dataset("dataset.sha256.", (*Publication).sum),
		"/openapi.yaml":            openAPI(),
		"/api/badge/clusters.json": s.badge,
		"/api/badge/nodes.json":    s.badge,
		"/api/badge/tenants.json":  s.badge,
		"/api/badge/app/:name":     s.badge,
	}
}

// parser reads what a request asks for. Its errors are [overview.BadQuestion].
type parser func(*http.Request) (Key, error)

// renderer waits for the parts of a publication that a form needs.
type renderer func(context.Context, *Publication) (maker, error)

// data answers with a form of the publication that a request asks for.
func (s *Site) data(parse parser, name string, render renderer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key, err := parse(r)
		var a *httpanswer.Answer
		if err == nil {
			a, err = s.Publication(key).form(r.Context(), name, render)
		}
		if err != nil {
			httpanswer.Refuse(w, overview.StatusOf(err), overview.TextOf(err, key.Month.String()))
			return
		}
		a.Write(w, r)
	}
}

// asJSON renders a part as it is.
func asJSON[T any](part func(*Publication, context.Context) (T, error)) renderer {
	return func(ctx context.Context, p *Publication) (maker, error) {
		value, err := part(p, ctx)
		return toJSON(value, false), err
	}
}

func toJSON(value any, settled bool) maker {
	return func() (*httpanswer.Answer, error) {
		body, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("site: %w", err)
		}
		return httpanswer.New(httpanswer.JSON, append(body, '\n'), settled), nil
	}
}

// historyJSON is the one of the product that is asked for.
func historyJSON(ctx context.Context, p *Publication) (maker, error) {
	h, err := p.History(ctx)
	switch {
	case err != nil:
		return nil, err
	case h.Product != nil:
		return toJSON(h.Product, h.Settled), nil
	}
	return toJSON(h.Cozystack, h.Settled), nil
}

// parseMonth reads year and month, and the choices of an overview.
func (s *Site) parseMonth(r *http.Request) (Key, error) {
	q, err := s.overview.ParseQuestion(r.URL.Query())
	return keyOf(q), err
}

// parseBreakdown reads year and month.
func (s *Site) parseBreakdown(r *http.Request) (Key, error) {
	q, err := s.overview.ParseQuestion(r.URL.Query())
	if err == nil {
		q, err = s.choices(r.URL.Query(), q.Month, "product")
	}
	return keyOf(q), err
}

// parseNow is the month that is running.
func (s *Site) parseNow(r *http.Request) (Key, error) {
	q, err := s.choices(r.URL.Query(), s.now(), "product")
	return keyOf(q), err
}

// choices reads the choices of an overview. All must be right; of those whose names are not
// given the answer does not depend: it is that of the server's own choice, not another one.
func (s *Site) choices(all url.Values, month rollup.MonthID, names ...string) (overview.Question, error) {
	if q, err := s.overview.ParseChoices(all, month); err != nil {
		return q, err
	}
	some := url.Values{}
	for _, name := range names {
		some.Set(name, all.Get(name))
	}
	return s.overview.ParseChoices(some, month)
}

// now is the month that is running.
func (s *Site) now() rollup.MonthID { return rollup.MonthOf(s.cfg.Now()) }

// mostMonths is the longest history that is answered.
const mostMonths = 120

// parseHistory reads from and to. Without from it is two years, without to they end now.
func (s *Site) parseHistory(r *http.Request) (key Key, err error) {
	params := r.URL.Query()
	to := s.now()
	if text := params.Get("to"); text != "" {
		if to, err = parseEnd("to", text, s.now()); err != nil {
			return key, err
		}
	}
	q, err := s.choices(params, to, "product", "publish")
	if err != nil {
		return key, err
	}
	key = keyOf(q)
	if text := params.Get("from"); text != "" {
		key.From, err = parseEnd("from", text, s.now())
	}
	switch {
	case err != nil:
		return key, err
	case key.From > to:
		return key, badQuestion("from is after to")
	case to-key.From >= mostMonths:
		return key, badQuestion(fmt.Sprintf("at most %d months can be asked for at once", mostMonths))
	}
	return key, nil
}

// parseEnd reads the first or last month of a history.
func parseEnd(name, text string, now rollup.MonthID) (rollup.MonthID, error) {
	month, err := rollup.ParseMonth(text)
	switch {
	case err != nil || month < firstMonth():
		return 0, badQuestion(fmt.Sprintf("invalid %s parameter: it is a month such as 2026-03, from %s on", name, firstMonth()))
	case month > now:
		return 0, badQuestion(name + " is in the future")
	}
	return month, nil
}

func badQuestion(text string) error {
	return &overview.BadQuestion{Status: http.StatusBadRequest, Text: text}
}
