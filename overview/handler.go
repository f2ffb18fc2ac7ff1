package overview

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cozystack/cozystack-telemetry-server/ingest/jsonerror"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// route is where the overview is served.
const route = "/api/overview"

const (
	allowedMethods = "GET, HEAD, OPTIONS"
	// retryAfter is the advice, in seconds, to clients that can't be answered now.
	retryAfter = "30"
	// A browser may keep an answer that still grows for a minute.
	cacheGrowing = "public, max-age=60"
	cacheSettled = "public, max-age=3600"
)

// Handler serves GET /api/overview.
type Handler struct{ overview *Overview }

// NewHandler returns the handler of an Overview.
func NewHandler(o *Overview) *Handler { return &Handler{o} }

// Register adds the route. It takes every method, so that every answer carries
// the header that lets pages of other sites read it.
func (h *Handler) Register(e *echo.Echo) {
	e.Any(route, h.Serve)
	e.RouteNotFound(route, h.Serve)
}

// Serve answers one request. It never returns an error.
func (h *Handler) Serve(c echo.Context) error {
	w := c.Response()
	w.Header().Set("Access-Control-Allow-Origin", "*")
	switch c.Request().Method {
	case http.MethodGet, http.MethodHead:
		h.get(w, c.Request())
	case http.MethodOptions:
		w.Header().Set("Allow", allowedMethods)
		w.Header().Set("Access-Control-Allow-Methods", allowedMethods)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", allowedMethods)
		jsonerror.Write(w, http.StatusMethodNotAllowed, "method not allowed")
	}
	return nil
}

func (h *Handler) get(w http.ResponseWriter, r *http.Request) {
	q, message := h.parse(r)
	if message != "" {
		status := http.StatusBadRequest
		if h.overview.isOff(q.product) {
			status = http.StatusNotFound
		}
		jsonerror.Write(w, status, message)
		return
	}
	a, err := h.overview.answer(r.Context(), q)
	switch {
	case err == nil:
		writeAnswer(w, r, a)
	case errors.Is(err, ErrNoData):
		jsonerror.Write(w, http.StatusNotFound, fmt.Sprintf("no telemetry data for %s", q.month))
	default:
		w.Header().Set("Retry-After", retryAfter)
		jsonerror.Write(w, http.StatusServiceUnavailable, "no telemetry data available")
	}
}

// parse reads the query parameters. The message is for the client, "" if the
// question is a good one.
func (h *Handler) parse(r *http.Request) (q question, message string) {
	params := r.URL.Query()
	yearText, monthText := params.Get("year"), params.Get("month")
	if yearText == "" || monthText == "" {
		return q, "year and month query parameters are required"
	}
	year, ok := decimal(yearText)
	if !ok || year < FirstYear || year > LastYear {
		return q, "invalid year parameter"
	}
	month, ok := decimal(monthText)
	if !ok || len(monthText) > 2 || month < 1 || month > 12 {
		return q, "invalid month parameter"
	}
	q.month = rollup.NewMonth(year, time.Month(month))
	if q.month > rollup.MonthOf(h.overview.cfg.Now()) {
		return q, "month is in the future"
	}
	return q, h.parseChoices(params, &q)
}

// parseChoices reads the parameters that need not be there.
func (h *Handler) parseChoices(params url.Values, q *question) (message string) {
	var err error
	q.aggregate, q.publish = h.overview.cfg.Aggregate, h.overview.cfg.Publish
	if name := params.Get("aggregate"); name != "" {
		if q.aggregate, err = parseAggregate(name); err != nil {
			return "invalid aggregate parameter"
		}
	}
	if name := params.Get("publish"); name != "" {
		if q.publish, err = parsePublish(name); err != nil {
			return "invalid publish parameter"
		}
	}
	q.product = cmp.Or(params.Get("product"), rollup.Cozystack)
	if q.product == rollup.Cozystack {
		return ""
	}
	return h.parseProduct(params, q)
}

// parseProduct reads what another product than cozystack does not have all of. A default
// of the server that it can't have is none for it.
func (h *Handler) parseProduct(params url.Values, q *question) (message string) {
	p, err := h.overview.productOf(q.product)
	switch {
	case err != nil:
		return "invalid product parameter: " + h.overview.productsText()
	case params.Get("publish") == string(Confirmed):
		return "invalid publish parameter: only cozystack has confirmed figures"
	case params.Get("aggregate") != "" && canCount(p, q.aggregate) != nil:
		return "invalid aggregate parameter: " + p.Name + " " + ErrNoDistinct.Error()
	case canCount(p, q.aggregate) != nil:
		q.aggregate = Average
	}
	q.publish = Seen
	return ""
}

// decimal reads a number of digits alone, without a sign.
func decimal(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err == nil
}

func writeAnswer(w http.ResponseWriter, r *http.Request, a *Answer) {
	h := w.Header()
	h.Set("ETag", a.ETag)
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", cacheGrowing)
	if a.Settled {
		h.Set("Cache-Control", cacheSettled)
	}
	if matches(r.Header.Values("If-None-Match"), a.ETag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := a.JSON
	if acceptsGzip(r.Header.Values("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = a.Gzip
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		// Nobody is left to tell of a connection that broke.
		_, _ = w.Write(body)
	}
}

// matches compares weakly, as If-None-Match does.
func matches(headers []string, etag string) bool {
	for _, header := range headers {
		for tag := range strings.SplitSeq(header, ",") {
			tag = strings.TrimSpace(tag)
			if tag == "*" || strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(etag, "W/") {
				return true
			}
		}
	}
	return false
}

// acceptsGzip reads Accept-Encoding. A weight of zero forbids.
func acceptsGzip(headers []string) bool {
	any := false
	for _, header := range headers {
		for coding := range strings.SplitSeq(header, ",") {
			name, params, _ := strings.Cut(coding, ";")
			weight, found := strings.CutPrefix(strings.TrimSpace(params), "q=")
			q, err := strconv.ParseFloat(strings.TrimSpace(weight), 64)
			accepted := !found || err == nil && q > 0
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "gzip":
				return accepted
			case "*":
				any = accepted
			}
		}
	}
	return any
}
