package site

import (
	"context"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/cozystack/cozystack-telemetry-server/overview/httpanswer"
	"github.com/cozystack/cozystack-telemetry-server/overview/web"
)

// registerPages adds the routes of what people look at. That of the page leaves other methods
// to those who take reports there.
func (s *Site) registerPages(e *echo.Echo) {
	page := echo.WrapHandler(framed(s.page("page", s.web.Render), nobody))
	e.GET("/", page)
	e.HEAD("/", page)
	for path, get := range map[string]http.HandlerFunc{
		"/embed":             framed(s.page("embed", s.web.RenderEmbed), s.cfg.EmbedOrigins),
		web.AssetsPath + "*": s.asset,
	} {
		httpanswer.Register(e, path, get)
	}
}

// nobody may show a page in a frame.
var nobody []string

// framed lets what get answers be a page, in frames of the given origins alone.
func framed(get http.HandlerFunc, by []string) http.HandlerFunc {
	policy := policy(by)
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(echo.HeaderContentSecurityPolicy, policy)
		get(w, r)
	}
}

// policy is what pages of this server may do, as browsers hold them to it: have style, script
// and pictures of this server alone. framedBy are the origins that may show them in a frame.
func policy(framedBy []string) string {
	ancestors := "'none'"
	if len(framedBy) > 0 {
		ancestors = strings.Join(framedBy, " ")
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; " +
		"frame-ancestors " + ancestors + "; require-trusted-types-for 'script'"
}

// page answers with a form of the page that a request asks for.
func (s *Site) page(form string, render func(web.Page) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ask, err := s.parsePage(r)
		var a *httpanswer.Answer
		if err == nil {
			a, err = s.Publication(keyOf(ask.question)).form(r.Context(), form+" "+string(ask.span), func(ctx context.Context, p *Publication) (maker, error) {
				return s.gatherPage(ctx, p, ask, render)
			})
		}
		if err != nil {
			s.refusePage(w, r, ask, err)
			return
		}
		a.Write(w, r)
	}
}

// refusePage says in a page why there is none.
func (s *Site) refusePage(w http.ResponseWriter, r *http.Request, ask pageAsk, err error) {
	status, message := s.message(ask, err)
	s.refuseWith(w, r, status, message)
}

// refuseWith answers with the page of a message.
func (s *Site) refuseWith(w http.ResponseWriter, r *http.Request, status int, message web.Message) {
	page, err := s.web.RenderMessage(message)
	if err != nil {
		httpanswer.Refuse(w, http.StatusInternalServerError, "the page can't be made")
		return
	}
	httpanswer.RefusePage(w, r, status, page)
}

// asset answers with a file that pages ask for.
func (s *Site) asset(w http.ResponseWriter, r *http.Request) {
	a := s.assets[r.URL.Path]
	if a == nil {
		httpanswer.Refuse(w, http.StatusNotFound, "there is no such file; load the page anew")
		return
	}
	a.Write(w, r)
}

// assetsOf returns the files that pages ask for, by their paths.
func assetsOf(r *web.Renderer) map[string]*httpanswer.Answer {
	all := make(map[string]*httpanswer.Answer)
	for _, a := range r.Assets() {
		answer := httpanswer.New(a.ContentType, a.Body, true)
		answer.Forever = true
		all[a.Path] = answer
	}
	return all
}
