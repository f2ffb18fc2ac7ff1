package attack

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const (
	// askers is how many connections ask at once.
	askers = 32
	// previewEvery is how many requests one of which is for a preview.
	previewEvery = 50
	// promptly is a third of the time after which clients give up, on a machine that does
	// much else.
	promptly = 10 * time.Second
	// askTime bounds one question with its answer.
	askTime = 30 * time.Second
)

// question returns the n-th of all that is dear to answer and costs nothing to ask. Each is
// another one, as long as there are more: by its month, its span, its base and its history, by
// a parameter that nobody knows, or by a name that there is not.
func (s *stage) question(n int) string {
	first, months := s.month()-rollup.MonthID(s.Size.Months), s.Size.Months+1
	month := first + rollup.MonthID(n/8%months)
	turn := n / 8 / months
	base := []string{"seen", "confirmed"}[turn%2] + "&aggregate=" + []string{"average", "distinct"}[turn/2%2]
	span := []string{"month", "quarter", "year"}[turn/4%3]
	year, of := month.Start().Year(), int(month.Start().Month())
	switch n % 8 {
	case 0:
		return fmt.Sprintf("/?month=%s&period=%s&publish=%s", month, span, base)
	case 1:
		return fmt.Sprintf("/embed?month=%s&period=%s&publish=%s", month, span, base)
	case 2:
		return fmt.Sprintf("/api/history?from=%s&to=%s&publish=%s", month-rollup.MonthID(turn%36), month, base)
	case 3:
		return fmt.Sprintf("/api/dataset?month=%s&format=%s", month, []string{"csv", "parquet"}[turn%2])
	case 4:
		return fmt.Sprintf("/api/breakdown.csv?year=%d&month=%d&publish=%s", year-turn%3, of, base)
	case 5:
		return fmt.Sprintf("/api/overview?year=%d&month=%d&publish=%s", year, of, base)
	case 6:
		return fmt.Sprintf("/api/badge/app/made-up-%d.json", n)
	}
	return fmt.Sprintf("/?made-up=%d", n)
}

// ask asks for all that is dear, over and over, and for previews of the largest reports.
func (s *stage) ask(ctx context.Context) error {
	asking, stop := context.WithTimeout(ctx, s.Size.Over)
	defer stop()
	client := &http.Client{Timeout: askTime, Transport: &http.Transport{MaxIdleConnsPerHost: askers}}
	defer client.CloseIdleConnections()
	long := strings.Repeat("x", 170)
	preview := report(func(n int) string { return fmt.Sprintf(`cozy_made_up{long="%s%05d"}`, long, n) })
	var asked atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range askers {
		wg.Go(func() {
			for asking.Err() == nil {
				req, err := s.request(asking, int(asked.Add(1)-1), preview)
				status := 0
				if err == nil {
					status, err = answerOf(client, req)
				}
				if asking.Err() != nil {
					return
				}
				mu.Lock()
				s.row.Sent.count(status)
				s.promise(err == nil && expected[status], "%s: %d, %v", req.URL, status, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

// request returns the n-th request: a preview now and then, and a question otherwise.
func (s *stage) request(ctx context.Context, n int, preview []byte) (*http.Request, error) {
	if n%previewEvery != 0 {
		return http.NewRequestWithContext(ctx, http.MethodGet, s.process.URL+s.question(n), nil)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.process.URL+"/api/preview", bytes.NewReader(preview))
	if err == nil {
		req.Header.Set("Content-Encoding", "gzip")
		req.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.%d.1", n/previewEvery%250))
	}
	return req, err
}

// answerOf sends a request, reads its answer, and returns the status.
func answerOf(client *http.Client, req *http.Request) (status int, err error) {
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// expected are the answers that there are: what there is, what there is not, what can't be
// asked, previews of one network beyond its limit, and too much at once.
var expected = map[int]bool{
	http.StatusOK: true, http.StatusNotFound: true, http.StatusBadRequest: true,
	http.StatusTooManyRequests: true, http.StatusServiceUnavailable: true,
}
