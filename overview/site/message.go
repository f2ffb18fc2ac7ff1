package site

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/httpanswer"
	"github.com/cozystack/cozystack-telemetry-server/overview/web"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

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
