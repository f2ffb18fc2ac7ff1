package site

import (
	"net/http"
	"runtime"

	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/httpanswer"
)

// mostBegun is how many forms may be begun and not made yet: what waits for data, or for a
// seat, takes memory, also when nobody waits for it any more.
const mostBegun = 64

// errBusy is the error of one form too many.
var errBusy = &overview.BadQuestion{Status: http.StatusServiceUnavailable, Text: "too much is asked at once; try again"}

// desk is where forms are made. Few are made at a time: however much strangers ask, reports
// find a processor.
type desk struct{ places, seats chan struct{} }

// newDesk returns a desk for half of the processors.
func newDesk() desk {
	return desk{places: make(chan struct{}, mostBegun), seats: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
}

// begin takes a place for a form until end. It does not wait for one: without it is [errBusy].
func (d desk) begin() error {
	select {
	case d.places <- struct{}{}:
		return nil
	default:
		return errBusy
	}
}

func (d desk) end() { <-d.places }

// maker makes a form. It has all that it needs, so that it waits for nothing.
type maker func() (*httpanswer.Answer, error)

// sit makes a form when there is a seat.
func (d desk) sit(make maker) (*httpanswer.Answer, error) {
	d.seats <- struct{}{}
	defer func() { <-d.seats }()
	return make()
}
