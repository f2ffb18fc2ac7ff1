package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/repotest"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// testKeys are those of a file in a test.
type testKeys struct{}

func (testKeys) Instance() ([]byte, error) { return make([]byte, 32), nil }

func (testKeys) Session(day rollup.Date) ([]byte, error) { return fmt.Appendf(nil, "%32d", day), nil }

// productServer is a server with reports of products, of which all are on unless flags say
// otherwise.
type productServer struct {
	*aged
	*testing.T
	public http.Handler
}

func newProductServer(t *testing.T, now string, flags ...string) *productServer {
	t.Helper()
	if !slices.ContainsFunc(flags, func(flag string) bool { return strings.HasPrefix(flag, "--products=") }) {
		flags = append(flags, "--products=cozystack,synapse,coroot,kubeatlas")
	}
	s := &productServer{aged: newAged(t, 0, flags...), T: t}
	s.at(now)
	s.public = s.server.public()
	return s
}

// at sets the clock to an hour such as "2026-03-01T12".
func (s *productServer) at(hour string) {
	s.Helper()
	now, err := time.Parse("2006-01-02T15", hour)
	if err != nil {
		s.Fatal(err)
	}
	s.set(now)
}

// fixture returns a product's sample.
func (s *productServer) fixture(name, of string) string {
	s.Helper()
	return repotest.Read(s.T, filepath.Join("product", of, "testdata", name+".json"))
}

// records lets the store have a report of an hour, as its client sends it: by the product's
// own decoder and identity.
func (s *productServer) records(name, agent, body, hour string) {
	s.Helper()
	received, err := time.Parse("2006-01-02T15", hour)
	if err != nil {
		s.Fatal(err)
	}
	for _, p := range products.All() {
		if p.Name != name {
			continue
		}
		decoder, err := product.NewDecoder(p, false)
		if err != nil {
			s.Fatal(err)
		}
		report, err := decoder.Decode(nil, []byte(body), func(string) string { return agent })
		if err != nil {
			s.Fatal(err)
		}
		id, err := p.ID(testKeys{}, report.Name, rollup.DateOf(received))
		if err != nil {
			s.Fatal(err)
		}
		if p.Sessions {
			received = rollup.DateOf(received).Start()
		}
		r := rollup.Report{Product: name, Instance: id, Received: received, Samples: report.Samples}
		if err := s.store.Record(context.Background(), r, nil); err != nil {
			s.Fatal(err)
		}
	}
}

// shown is a period of an answer.
type shown struct {
	Label, Start, End string
	Instances         int64
	Reports           int64
	Metrics           map[string]float64
	Shares            map[string]map[string]int64
	Source            rollup.Source
	Complete          bool
	Months            int
}

type productAnswer struct {
	Product   string
	Aggregate overview.Aggregate
	Periods   struct{ Month, Quarter, Year shown }
}

// get asks the public listener.
func (s *productServer) get(query string) *httptest.ResponseRecorder {
	s.Helper()
	w := httptest.NewRecorder()
	s.public.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/overview?"+query, nil))
	return w
}

// ask returns the answer for a month such as "2026-03".
func (s *productServer) ask(name, month string, a overview.Aggregate) (answer productAnswer) {
	s.Helper()
	year, number, _ := strings.Cut(month, "-")
	w := s.get("product=" + name + "&year=" + year + "&month=" + number + "&aggregate=" + string(a))
	if w.Code != http.StatusOK {
		s.Fatalf("%s of %s, %s: %d %s", month, name, a, w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		s.Fatal(err)
	}
	if answer.Product != name || answer.Aggregate != a {
		s.Errorf("asked for %s of %s, the answer is of %s and %s", a, name, answer.Product, answer.Aggregate)
	}
	return answer
}

// holds holds a period to what was reckoned by hand. Metrics that are not named must be 0
// or not there, and shares that are not named must be empty.
func (p shown) holds(t *testing.T, what string, want shown) {
	t.Helper()
	if p.Label != want.Label || p.Start != want.Start || p.End != want.End || p.Instances != want.Instances ||
		p.Reports != want.Reports || p.Months != want.Months || p.Complete != want.Complete || p.Source != rollup.SourceRollups {
		t.Errorf("%s is %+v", what, p)
	}
	all := maps.Clone(p.Metrics)
	maps.Copy(all, want.Metrics)
	for name := range all {
		if got := p.Metrics[name]; got-want.Metrics[name] > 1e-9 || want.Metrics[name]-got > 1e-9 {
			t.Errorf("%s: %s is %v, want %v", what, name, got, want.Metrics[name])
		}
	}
	figures := maps.Clone(p.Shares)
	maps.Copy(figures, want.Shares)
	for name := range figures {
		if got := p.Shares[name]; len(got)+len(want.Shares[name]) > 0 && !maps.Equal(got, want.Shares[name]) {
			t.Errorf("%s: %s is %v, want %v", what, name, got, want.Shares[name])
		}
	}
}

type (
	numbers = map[string]float64
	shares  = map[string]map[string]int64
)

// The figures of the fixtures, by hand: a Synapse in all of a quarter, which is upgraded, and
// a Dendrite in its last month.
func TestProductAnswersSynapse(t *testing.T) {
	s := newProductServer(t, "2026-04-02T12", "--min-share=1")
	own, other := s.fixture("synapse", "synapse"), s.fixture("dendrite", "synapse")
	s.records("synapse", "Synapse/1.156.0", own, "2026-01-31T23")
	s.records("synapse", "Synapse/1.157.1", own, "2026-03-01T00")
	s.records("synapse", "Synapse/1.157.1", strings.Replace(own, `"daily_active_users":4`, `"daily_active_users":7`, 1), "2026-03-01T03")
	s.records("synapse", "Synapse/1.157.1", strings.Replace(own, `"total_users":160`, `"total_users":170`, 1), "2026-03-31T21")
	s.records("synapse", "Dendrite/0.13.8", other, "2026-03-31T23")

	one := numbers{ // of the fixture
		"users": 160, "nonbridged_users": 120, "monthly_active_users": 31, "daily_active_users": 4, "rooms": 340,
		"messages_per_day": 110, "encrypted_messages_per_day": 25,
		"encrypted_messages_percent": 100 * 25.0 / (110 + 25), "encrypted_rooms_percent": 100 * 5.0 / (15 + 5),
		"new_users_per_day_native": 2, "new_users_per_day_bridged": 1,
		"r30v2_users_all": 9, "r30v2_users_android": 4, "r30v2_users_ios": 3, "r30v2_users_electron": 2, "r30v2_users_web": 5,
	}
	january := shares{
		"homeservers": {"with users": 1}, "size": {"21-100": 1}, "server": {"synapse": 1}, "version": {"synapse 1.156": 1},
		"database_engine": {"postgresql": 1}, "database": {"postgresql 15": 1}, "python": {"3.11": 1},
	}
	both := numbers{
		"users": 170 + 160, "nonbridged_users": 240, "monthly_active_users": 62,
		"daily_active_users": (7.0+4)/2 + 4, // the 1st and the 31st
		"rooms":              340, "messages_per_day": 220, "encrypted_messages_per_day": 50,
		"encrypted_messages_percent": one["encrypted_messages_percent"], "encrypted_rooms_percent": one["encrypted_rooms_percent"],
		"new_users_per_day_native": 4, "new_users_per_day_bridged": 2,
		"r30v2_users_all": 18, "r30v2_users_android": 8, "r30v2_users_ios": 6, "r30v2_users_electron": 4, "r30v2_users_web": 10,
	}
	march := shares{
		"homeservers": {"with users": 2}, "size": {"21-100": 2}, "server": {"synapse": 1, "dendrite": 1},
		"version":         {"synapse 1.157": 1, "dendrite 0.13": 1},
		"database_engine": {"postgresql": 2}, "database": {"postgresql 15": 1, "postgresql 16": 1}, "python": {"3.11": 1},
	}
	s.ask("synapse", "2026-01", overview.Average).Periods.Month.holds(t, "January", shown{
		Label: "January 2026", Start: "2026-01-01", End: "2026-01-31", Instances: 1, Reports: 1, Months: 1, Metrics: one, Shares: january,
	})
	for _, a := range []overview.Aggregate{overview.Average, overview.Distinct} {
		s.ask("synapse", "2026-03", a).Periods.Month.holds(t, "March, "+string(a), shown{
			Label: "March 2026", Start: "2026-03-01", End: "2026-03-31", Instances: 2, Reports: 4, Months: 1, Metrics: both, Shares: march,
		})
	}

	quarter := shown{Label: "January 2026 \u2014 March 2026", Start: "2026-01-01", End: "2026-03-31", Instances: 2, Months: 2}
	mean := quarter
	mean.Reports = 3             // 1 and 4 are 2.5
	mean.Metrics = make(numbers) // of the two months with data
	for name, v := range both {
		mean.Metrics[name] = (one[name] + v) / 2
	}
	mean.Shares = shares{ // 1 and 2 are 1.5, which is rounded; 0 and 1 are 0.5
		"homeservers": {"with users": 2}, "size": {"21-100": 2}, "server": {"synapse": 1, "dendrite": 1},
		"version":         {"synapse 1.156": 1, "synapse 1.157": 1, "dendrite 0.13": 1},
		"database_engine": {"postgresql": 2}, "database": {"postgresql 15": 1, "postgresql 16": 1}, "python": {"3.11": 1},
	}
	average := s.ask("synapse", "2026-03", overview.Average)
	average.Periods.Quarter.holds(t, "the average of the quarter", mean)

	window := quarter // the two homeservers, the one with the days of both months
	window.Reports = 5
	window.Metrics = maps.Clone(both)
	window.Metrics["daily_active_users"] = (4.0+7+4)/3 + 4
	window.Shares = march
	distinct := s.ask("synapse", "2026-03", overview.Distinct)
	distinct.Periods.Quarter.holds(t, "the distinct count of the quarter", window)
	window.Label, window.Start = "April 2025 \u2014 March 2026", "2025-04-01"
	distinct.Periods.Year.holds(t, "the distinct count of the year", window)
}

// Sessions are counted by day, and a window of them joins nothing.
func TestProductAnswersKubeAtlas(t *testing.T) {
	s := newProductServer(t, "2026-04-02T12", "--min-share=1", "--aggregate=distinct")
	own := s.fixture("kubeatlas", "kubeatlas")
	other := strings.Replace(s.fixture("kubeatlas", "kubeatlas"), "9f86", "0f86", 1)
	s.records("kubeatlas", "", own, "2026-02-10T00")
	for _, hour := range []string{"2026-03-01T00", "2026-03-01T05", "2026-03-02T05"} { // one repeat
		s.records("kubeatlas", "", own, hour)
	}
	s.records("kubeatlas", "", strings.Replace(other, "1.5.0", "1.6.0", 1), "2026-03-01T00")
	got := s.ask("kubeatlas", "2026-03", overview.Average)
	got.Periods.Month.holds(t, "March", shown{
		Label: "March 2026", Start: "2026-03-01", End: "2026-03-31", Instances: 3, Reports: 4, Months: 1,
		Metrics: numbers{product.SessionsMean: 1.5, product.SessionsHighest: 2},
		Shares: shares{
			"version": {"1.5.0": 2, "1.6.0": 1}, "kubernetes": {"1.31": 3}, "platform": {"linux/amd64": 3}, "tier": {"postgres": 3},
			"resources": {"<1K": 3}, "packs": {"argocd": 3, "cert-manager": 3, "other": 3}, "clusters": {"2": 3},
		},
	})
	got.Periods.Quarter.holds(t, "the quarter", shown{
		Label: "January 2026 \u2014 March 2026", Start: "2026-01-01", End: "2026-03-31", Instances: 2, Reports: 3, Months: 2,
		Metrics: numbers{product.SessionsMean: 1.25, product.SessionsHighest: 1.5},
		Shares: shares{ // 1 and 2, and 1 and 3
			"version": {"1.5.0": 2, "1.6.0": 1}, "kubernetes": {"1.31": 2}, "platform": {"linux/amd64": 2}, "tier": {"postgres": 2},
			"resources": {"<1K": 2}, "packs": {"argocd": 2, "cert-manager": 2, "other": 2}, "clusters": {"2": 2},
		},
	})
	// The server's default is distinct, which means nothing here.
	if w := s.get("product=kubeatlas&year=2026&month=3"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"aggregate":"average"`) {
		t.Errorf("without an aggregate: %d %s", w.Code, w.Body)
	}
}

// What can't be asked is told, and why.
func TestProductQuestions(t *testing.T) {
	some := newProductServer(t, "2026-04-02T12", "--products=synapse,kubeatlas")
	for query, want := range map[string]string{
		"product=dendrite&year=2026&month=3":                         `400 invalid product parameter: this server answers for cozystack, synapse, kubeatlas`,
		"product=coroot&year=2026&month=3":                           `404 invalid product parameter: this server answers for cozystack, synapse, kubeatlas`,
		"product=kubeatlas&year=2026&month=3&aggregate=distinct":     `400 invalid aggregate parameter: kubeatlas has sessions, which nothing joins from one day to the next, so there is no distinct count; ask for the average`,
		"product=synapse&year=2026&month=3&publish=confirmed":        `400 invalid publish parameter: only cozystack has confirmed figures`,
		"product=synapse&year=2026&month=3&publish=seen":             `404 no telemetry data for 2026-03`,
		"product=synapse&year=2026&month=3&aggregate=mean":           `400 invalid aggregate parameter`,
		"product=synapse&year=2026&month=5":                          `400 month is in the future`,
		"product=synapse&year=2026":                                  `400 year and month query parameters are required`,
		"product=cozystack&year=2026&month=3&publish=confirmed":      `404 no telemetry data for 2026-03`,
		"product=&year=2026&month=3":                                 `404 no telemetry data for 2026-03`,
		"product=kubeatlas&year=2026&month=3&aggregate=" + "average": `404 no telemetry data for 2026-03`,
	} {
		w := some.get(query)
		var refusal struct{ Error string }
		if err := json.Unmarshal(w.Body.Bytes(), &refusal); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%d %s", w.Code, refusal.Error); got != want || w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}

// What docs/reference.md shows is what a server answers, and as all overviews are answered:
// with a name for what is not changed, compressed, and for pages of other sites.
func TestProductAnswerOverHTTP(t *testing.T) {
	s := newProductServer(t, "2026-03-15T12")
	clients := []struct{ agent, body string }{
		{"Synapse/1.157.1", s.fixture("synapse", "synapse")},
		{"Synapse/1.150.0", s.fixture("synapse-old", "synapse")},
		{"Dendrite/0.13.8", s.fixture("dendrite", "synapse")},
	}
	for i, n := range []int{12, 6, 3} { // so many of each
		for j := range n {
			name := fmt.Sprintf(`"homeserver":"h%d-%d.example"`, i, j)
			body := regexp.MustCompile(`"homeserver":\s*"[^"]*"`).ReplaceAllString(clients[i].body, name)
			r := httptest.NewRequest(http.MethodPut, "/report-usage-stats/push", strings.NewReader(body))
			r.Header.Set("User-Agent", clients[i].agent)
			w := httptest.NewRecorder()
			if s.public.ServeHTTP(w, r); w.Code != http.StatusOK {
				t.Fatal(w.Code, w.Body)
			}
		}
	}
	const query = "product=synapse&year=2026&month=03"
	w := s.get(query)
	shown := firstPeriod(t, w.Body.String())
	if w.Code != http.StatusOK || !strings.Contains(repotest.Read(t, "docs/reference.md"), "\n```json\n"+shown+"\n```\n") {
		t.Errorf("%d; docs/reference.md does not show\n%s", w.Code, shown)
	}
	header := w.Header()
	if header.Get("Access-Control-Allow-Origin") != "*" || header.Get("Cache-Control") != "public, max-age=60" || header.Get("Content-Type") != "application/json" {
		t.Errorf("the header is %v", header)
	}
	for _, c := range []struct {
		method, name, value string
		want                int
	}{
		{http.MethodGet, "If-None-Match", header.Get("ETag"), http.StatusNotModified},
		{http.MethodGet, "Accept-Encoding", "gzip", http.StatusOK},
		{http.MethodHead, "Accept-Encoding", "identity", http.StatusOK},
		{http.MethodOptions, "Origin", "https://example.org", http.StatusNoContent},
		{http.MethodPost, "Origin", "https://example.org", http.StatusMethodNotAllowed},
	} {
		r := httptest.NewRequest(c.method, "/api/overview?"+query, nil)
		r.Header.Set(c.name, c.value)
		w := httptest.NewRecorder()
		s.public.ServeHTTP(w, r)
		if w.Code != c.want || w.Header().Get("Access-Control-Allow-Origin") != "*" || (w.Header().Get("Content-Encoding") == "gzip") != (c.value == "gzip") {
			t.Errorf("%s with %s: %d %v", c.method, c.name, w.Code, w.Header())
		}
	}
	// Cozystack's answer is another one, and knows nothing of these.
	if w := s.get("year=2026&month=03"); w.Code != http.StatusNotFound {
		t.Errorf("cozystack: %d %s", w.Code, w.Body)
	}
}
