package e2e

import (
	"bufio"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// flakySink is a receiver that fails every third request, or as it is told to.
type flakySink struct {
	url      string
	mu       sync.Mutex
	requests int
	fails    bool
	status   int               // of all answers, unless it is 0
	got      map[string][]bool // by cluster and value
}

func newFlakySink(t *testing.T) *flakySink {
	s := &flakySink{fails: true, got: make(map[string][]bool)}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// only makes it answer with nothing but a status. 0: it takes all from now on.
func (s *flakySink) only(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails, s.status = false, status
}

func (s *flakySink) has(cluster string, value int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return value < len(s.got[cluster]) && s.got[cluster][value]
}

func (s *flakySink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.requests++; s.fails && s.requests%3 == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if s.status != 0 {
		w.WriteHeader(s.status)
		return
	}
	zip, err := gzip.NewReader(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	body, err := io.ReadAll(zip)
	if err != nil { // the server was killed while it sent
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	lines := bufio.NewScanner(strings.NewReader(string(body)))
	for lines.Scan() {
		s.take(lines.Text())
	}
	w.WriteHeader(http.StatusNoContent)
}

// take notes the value of a line such as
// cozy_application_count{cluster_id="cluster-1",kind="app-of-cluster-1"} 7 1767225600000.
func (s *flakySink) take(line string) {
	series, rest, _ := strings.Cut(line, "} ")
	_, kind, found := strings.Cut(series, `kind="app-of-`)
	if !found {
		return
	}
	cluster := strings.TrimSuffix(kind, `"`)
	text, _, _ := strings.Cut(rest, " ")
	value, err := strconv.Atoi(text)
	if err != nil {
		return
	}
	if missing := value + 1 - len(s.got[cluster]); missing > 0 {
		s.got[cluster] = append(s.got[cluster], make([]bool, missing)...)
	}
	s.got[cluster][value] = true
}
