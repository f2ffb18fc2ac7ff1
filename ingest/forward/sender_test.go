package forward

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// scripted is a receiver that gives its answers in turn, and the last one again and
// again.
type scripted struct {
	answers []func() (*http.Response, error)
	asked   int
}

func (s *scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	next := s.answers[min(s.asked, len(s.answers)-1)]
	s.asked++
	return next()
}

// A sender waits for a receiver that can't take lines now, for some minutes and not
// for ever, and stops at once at what no other try can mend.
func TestSender(t *testing.T) {
	status := func(code int, text string, header http.Header) func() (*http.Response, error) {
		return func() (*http.Response, error) {
			return &http.Response{StatusCode: code, Header: header, Body: io.NopCloser(strings.NewReader(text))}, nil
		}
	}
	fails := func(err error) func() (*http.Response, error) {
		return func() (*http.Response, error) { return nil, err }
	}
	type script = []func() (*http.Response, error)
	taken, down := status(204, "", nil), status(503, "down", nil)
	for name, test := range map[string]struct {
		script        script
		asked         int
		want          string // of the error; "" is none
		least, longer time.Duration
	}{
		"taken":        {script{taken}, 1, "", 0, time.Millisecond},
		"down at once": {script{down, fails(io.ErrUnexpectedEOF), taken}, 3, "", time.Second, 10 * time.Second},
		"asks to wait": {script{status(429, "", http.Header{"Retry-After": {"7"}}), taken}, 2, "", 7 * time.Second, 8 * time.Second},
		"down":         {script{down}, sendTries, `answer 503: "down"`, 20 * time.Second, 3 * time.Minute},
		"wrong path":   {script{status(400, "unsupported path requested", nil)}, 1, "unsupported path", 0, time.Millisecond},
		"wrong text":   {script{status(400, "cannot parse", nil)}, 1, "cannot parse", 0, time.Millisecond},
		"no rights":    {script{status(401, "", nil)}, 1, "answer 401", 0, time.Millisecond},
		"no such host": {script{fails(&net.DNSError{Err: "no such host", IsNotFound: true})}, 1, "no such host", 0, time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				receiver, told, begin := &scripted{answers: test.script}, 0, time.Now()
				s := Sender{newClient("http://vm", Config{Transport: receiver}.withDefaults()), func(error) { told++ }}
				err := s.Send(t.Context(), []byte("a 1 1\n"))
				took := time.Since(begin)
				if receiver.asked != test.asked || told != test.asked-1 || took < test.least || took > test.longer {
					t.Errorf("asked %d times, told %d, in %v", receiver.asked, told, took)
				}
				if test.want == "" && err != nil || test.want != "" && (!errors.Is(err, ErrReceiver) || !strings.Contains(err.Error(), test.want)) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}
