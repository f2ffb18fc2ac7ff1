package overview

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Question is what may be asked of an [Overview]: [Overview.ParseQuestion] reads one. Two are
// the same question exactly when they are equal.
type Question struct {
	Product   string
	Month     rollup.MonthID
	Aggregate Aggregate
	Publish   Publish
}

// BadQuestion is the error of a question that can't be asked. It is for the client.
type BadQuestion struct {
	// Status is that of HTTP: 400, or 404 for a product that is known and off.
	Status int
	Text   string
}

func (b *BadQuestion) Error() string { return b.Text }

func badQuestion(text string) error { return &BadQuestion{http.StatusBadRequest, text} }

// StatusOf returns the status of HTTP of an error of an Overview's methods.
func StatusOf(err error) int {
	var bad *BadQuestion
	switch {
	case errors.As(err, &bad):
		return bad.Status
	case errors.Is(err, ErrNoData):
		return http.StatusNotFound
	}
	return http.StatusServiceUnavailable
}

// TextOf returns what a client is told of an error: of causes that are the server's own,
// nothing. when is the month, or the months, that it has asked for.
func TextOf(err error, when string) string {
	var bad *BadQuestion
	switch {
	case errors.As(err, &bad):
		return bad.Text
	case errors.Is(err, ErrNoData):
		return "no telemetry data for " + when
	}
	return "no telemetry data available"
}

// ParseQuestion reads the parameters year and month, and those of ParseChoices. Its errors
// are [BadQuestion].
func (o *Overview) ParseQuestion(params url.Values) (q Question, err error) {
	yearText, monthText := params.Get("year"), params.Get("month")
	if yearText == "" || monthText == "" {
		return q, badQuestion("year and month query parameters are required")
	}
	year, ok := decimal(yearText)
	if !ok || year < FirstYear || year > LastYear {
		return q, badQuestion("invalid year parameter")
	}
	month, ok := decimal(monthText)
	if !ok || len(monthText) > 2 || month < 1 || month > 12 {
		return q, badQuestion("invalid month parameter")
	}
	return o.ParseChoices(params, rollup.NewMonth(year, time.Month(month)))
}

// decimal reads a number of digits alone, without a sign.
func decimal(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err == nil
}

// ParseChoices reads the parameters that need not be there: product, aggregate and publish;
// what is not given is as the server is told. A month that is in the future can't be asked
// for. Its errors are [BadQuestion].
func (o *Overview) ParseChoices(params url.Values, month rollup.MonthID) (q Question, err error) {
	q = Question{Product: cmp.Or(params.Get("product"), rollup.Cozystack), Month: month, Aggregate: o.cfg.Aggregate, Publish: o.cfg.Publish}
	if month > rollup.MonthOf(o.cfg.Now()) {
		return q, badQuestion("month is in the future")
	}
	if name := params.Get("aggregate"); name != "" {
		if q.Aggregate, err = parseAggregate(name); err != nil {
			return q, badQuestion("invalid aggregate parameter")
		}
	}
	if name := params.Get("publish"); name != "" {
		if q.Publish, err = parsePublish(name); err != nil {
			return q, badQuestion("invalid publish parameter")
		}
	}
	if q.Product == rollup.Cozystack {
		return q, nil
	}
	return q, o.parseProduct(params, &q)
}

// parseProduct reads what another product than cozystack does not have all of. A default
// of the server that it can't have is none for it.
func (o *Overview) parseProduct(params url.Values, q *Question) error {
	p, err := o.productOf(q.Product)
	switch {
	case err != nil && o.isOff(q.Product):
		return &BadQuestion{http.StatusNotFound, "invalid product parameter: " + o.productsText()}
	case err != nil:
		return badQuestion("invalid product parameter: " + o.productsText())
	case params.Get("publish") == string(Confirmed):
		return badQuestion("invalid publish parameter: only cozystack has confirmed figures")
	case params.Get("aggregate") != "" && canCount(p, q.Aggregate) != nil:
		return badQuestion("invalid aggregate parameter: " + p.Name + " " + ErrNoDistinct.Error())
	case canCount(p, q.Aggregate) != nil:
		q.Aggregate = Average
	}
	q.Publish = Seen
	return nil
}
