package ingest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/ingest/forward"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/product/coroot"
	"github.com/cozystack/cozystack-telemetry-server/product/kubeatlas"
	"github.com/cozystack/cozystack-telemetry-server/product/synapse"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// fixedKeys are keys of a test; err is what asking for one returns.
type fixedKeys struct{ err error }

func (k fixedKeys) Instance() ([]byte, error) { return []byte("of the file"), k.err }

func (k fixedKeys) Session(day rollup.Date) ([]byte, error) { return []byte(day.String()), k.err }

// newProductHandler returns the handler of a product, whose lines are those of instances.
func newProductHandler(t testing.TB, recorder Recorder, config Config, table product.Product) *Handler {
	t.Helper()
	config.Now = func() time.Time { return noon }
	h, err := NewHandler(recorder, config)
	if err != nil {
		t.Fatal(err)
	}
	if h, err = h.Of(Product{Table: table, Keys: fixedKeys{}, Lines: forward.AppendInstanceLines}); err != nil {
		t.Fatal(err)
	}
	return h
}

// productFixture is a variation of a product's report, and what is kept of it.
type productFixture struct {
	name, body, agent string
	want              []string
}

func productFixtures(t testing.TB, p product.Product) (all []productFixture) {
	t.Helper()
	files, err := filepath.Glob("../product/" + p.Name + "/testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no fixtures: %v", p.Name, err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		want, wantErr := os.ReadFile(strings.TrimSuffix(file, "json") + "want")
		if err := errors.Join(err, wantErr); err != nil {
			t.Fatal(err)
		}
		f := productFixture{name: filepath.Base(file), body: string(body), want: strings.Split(strings.TrimSuffix(string(want), "\n"), "\n")}
		if agent, ok := strings.CutPrefix(f.want[0], "User-Agent: "); ok {
			f.agent, f.want = agent, f.want[1:]
		}
		all = append(all, f)
	}
	return all
}

// What comes of each variation of the products' reports is recorded under the hash of its
// name, or under none, and forwarded as that. It does not matter whether the report is so
// large that it is decoded as it comes. Of a session the hour is not told.
func TestReportsOfProducts(t *testing.T) {
	for _, table := range []product.Product{synapse.Product(), coroot.Product(), kubeatlas.Product()} {
		for _, f := range productFixtures(t, table) {
			for _, before := range []string{"", strings.Repeat(" ", 2*ownBytes)} {
				recorder := &memory{}
				h := newProductHandler(t, recorder, Config{}, table)
				req := httptest.NewRequest(http.MethodPost, table.Routes[0].Path, strings.NewReader(before+f.body))
				req.Header.Set("User-Agent", f.agent)
				answer := httptest.NewRecorder()
				h.ServeHTTP(answer, req)
				if !h.budget.free() {
					t.Errorf("%s leaves something in the budget", f.name)
				}
				if reason, refused := strings.CutPrefix(f.want[0], "refused: "); refused {
					if answer.Code != http.StatusBadRequest || len(recorder.reports) > 0 || before == "" && !strings.Contains(answer.Body.String(), reason) {
						t.Errorf("%s: %d %s, recorded %v", f.name, answer.Code, answer.Body, recorder.reports)
					}
					continue
				}
				if answer.Code != http.StatusOK || answer.Body.String() != "{}" || len(recorder.reports) != 1 {
					t.Fatalf("%s: %d %s, recorded %v", f.name, answer.Code, answer.Body, recorder.reports)
				}
				checkProductReport(t, f, table, recorder.reports[0], recorder.lines[0])
			}
		}
	}
}

func checkProductReport(t *testing.T, f productFixture, table product.Product, r rollup.Report, lines string) {
	t.Helper()
	name := strings.TrimPrefix(f.want[0], "from: ")
	id, err := table.ID(fixedKeys{}, name, rollup.DateOf(noon))
	received := noon
	if table.Sessions {
		received = rollup.DateOf(noon).Start()
	}
	if err != nil || r.Product != table.Name || r.Instance != id || !r.Received.Equal(received) {
		t.Errorf("%s: recorded %s of %q at %s", f.name, r.Product, r.Instance, r.Received)
	}
	slots := map[rollup.Slotting]string{rollup.ByDay: " by day", rollup.ByHour: " by hour"}
	var got []string
	for _, s := range r.Samples {
		got = append(got, fmt.Sprintf("%s %v%s", s.Series, s.Value, slots[s.Slot]))
	}
	slices.Sort(got)
	want := slices.DeleteFunc(slices.Clone(f.want[1:]), func(line string) bool { return strings.HasPrefix(line, "left out: ") })
	if !slices.Equal(got, want) {
		t.Errorf("%s: recorded\n%s\nwant\n%s", f.name, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if id == "" && lines != "" || id != "" && strings.Count(lines, `{instance="`+id+`"`) != len(want) ||
		strings.Count(lines, fmt.Sprintf(" %d\n", received.UnixMilli())) != strings.Count(lines, "\n") || name != "" && strings.Contains(lines, name) {
		t.Errorf("%s: forwarded %s", f.name, lines)
	}
}

// Bodies are bounded as Cozystack's are, whether or not they are decoded as they come, and
// leave nothing behind in the budget.
func TestBodiesOfProducts(t *testing.T) {
	const max = 64 << 10
	report := func(n int) string {
		return `{"instance":{"uuid":"u-1"},"infra":{"projects":1},"profile":{"cpu":"` + strings.Repeat("x", n) + `"}}`
	}
	broken := io.MultiReader(strings.NewReader(report(max)[:max/2]), &trickle{"x", io.ErrUnexpectedEOF})
	for name, tt := range map[string]struct {
		body     io.Reader
		length   int64
		encoding string
		status   int
		text     string
	}{
		"small":                  {strings.NewReader(report(1)), -1, "", 200, "{}"},
		"one byte at a time":     {&trickle{report(max / 2), io.EOF}, -1, "", 200, "{}"},
		"large":                  {strings.NewReader(report(max / 2)), int64(len(report(max / 2))), "", 200, "{}"},
		"as large as can be":     {strings.NewReader(report(max - len(report(0)))), max, "", 200, "{}"},
		"a byte too large":       {strings.NewReader(report(max + 1 - len(report(0)))), -1, "", 413, "larger than 65536 bytes"},
		"too large, by its head": {strings.NewReader(report(max)), max + 100, "", 413, "larger than 65536 bytes"},
		"breaks off":             {broken, -1, "", 400, "could not be read to its end"},
		"cut":                    {strings.NewReader(report(max / 2)[:max/2]), -1, "", 400, "the body is no JSON"},
		"packed":                 {strings.NewReader(zipped(t, report(max/2))), -1, "gzip", 200, "{}"},
		"a bomb":                 {strings.NewReader(zipped(t, report(max))), -1, "gzip", 413, "larger than 65536 bytes"},
		"damaged":                {strings.NewReader(zipped(t, report(max/2))[:40]), -1, "gzip", 400, "damaged or cut off"},
		"of another encoding":    {strings.NewReader(report(1)), -1, "br", 415, "gzip or absent"},
		"empty":                  {strings.NewReader(""), 0, "", 400, "is no JSON object"},
	} {
		recorder := &memory{}
		h := newProductHandler(t, recorder, Config{Limits: Limits{BodyBytes: max}}, coroot.Product())
		req := httptest.NewRequest(http.MethodPost, "/", tt.body)
		req.ContentLength = tt.length
		if tt.encoding != "" {
			req.Header.Set("Content-Encoding", tt.encoding)
		}
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, req)
		if answer.Code != tt.status || !strings.Contains(answer.Body.String(), tt.text) || (tt.status == 200) != (len(recorder.reports) == 1) {
			t.Errorf("%s: %d %s, recorded %v", name, answer.Code, answer.Body, recorder.reports)
		}
		if !h.budget.free() {
			t.Errorf("%s leaves something in the budget", name)
		}
	}
}

// So many large reports may come at once as there is room for what their decoding takes. One
// more is put off; a small one is not.
func TestLargeReportsOfProductsAtOnce(t *testing.T) {
	h := newProductHandler(t, &memory{}, Config{}, coroot.Product())
	start := `{"instance":{"uuid":"u-1"},"profile":"` + strings.Repeat("x", 2*ownBytes)
	const room = bufferedBytes / streamBytes
	var wg sync.WaitGroup
	var writers []*io.PipeWriter
	for range room {
		r, w := io.Pipe()
		writers = append(writers, w)
		wg.Go(func() {
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/", r))
			if answer.Code != http.StatusOK {
				t.Errorf("%d %s", answer.Code, answer.Body)
			}
		})
		if _, err := io.WriteString(w, start); err != nil { // all of it is read, so it has its room
			t.Fatal(err)
		}
	}
	for body, want := range map[string]int{start + `"}`: http.StatusServiceUnavailable, `{"instance":{"uuid":"u-1"}}`: http.StatusOK} {
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
		if answer.Code != want || (want != http.StatusOK) != (answer.Header().Get("Retry-After") != "") {
			t.Errorf("of %d bytes: %d %s", len(body), answer.Code, answer.Body)
		}
	}
	for _, w := range writers {
		if _, err := io.WriteString(w, `"}`); err != nil {
			t.Error(err)
		}
		_ = w.Close() // always nil
	}
	wg.Wait()
	if !h.budget.free() {
		t.Error("something is left in the budget")
	}
}

// A proxy that is not named stands before all products: its sign is told once.
func TestUnnamedProxyOfAllProductsIsToldOnce(t *testing.T) {
	var told []ProxySign
	cozy := newHandler(t, &memory{}, Config{Senders: &SenderLimits{OnUnnamedProxy: func(sign ProxySign) { told = append(told, sign) }}})
	other, err := cozy.Of(Product{Table: coroot.Product(), Keys: fixedKeys{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []*Handler{cozy, other} {
		req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"instance":{"uuid":"a"}}`))
		req.RemoteAddr = "10.244.0.17:80"
		req.Header.Set("X-Forwarded-For", "198.51.100.1")
		req.Header.Set(clusterHeader, "a")
		h.ServeHTTP(httptest.NewRecorder(), req)
	}
	if len(told) != 1 {
		t.Errorf("told are %v", told)
	}
}

// A product's senders are limited by their ids and networks, apart from those of another.
func TestSendersOfProducts(t *testing.T) {
	now := noon
	config := Config{Now: func() time.Time { return now }, Senders: &SenderLimits{Burst: 2, NewBurst: 3, NetworkNewBurst: 5, NewEvery: time.Hour, NetworkNewEvery: time.Hour}}
	recorder := &memory{}
	cozy, err := NewHandler(recorder, config)
	if err != nil {
		t.Fatal(err)
	}
	h, err := cozy.Of(Product{Table: coroot.Product(), Keys: fixedKeys{}})
	if err != nil {
		t.Fatal(err)
	}
	send := func(body, peer string) (int, string) {
		req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		req.RemoteAddr = peer + ":1"
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, req)
		if answer.Code == http.StatusTooManyRequests && answer.Header().Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
		return answer.Code, answer.Body.String()
	}
	instance := func(id string) string { return `{"instance":{"uuid":"` + id + `"}}` }
	for i, tt := range []struct {
		body, peer string
		status     int
		text       string
	}{
		{instance("a"), "203.0.113.1", 200, "{}"},
		{instance("A"), "198.51.100.1", 200, "{}"},
		{instance("a"), "198.51.100.2", 429, "too many reports of this instance"},
		{instance("b"), "198.51.100.2", 200, "{}"},
		{instance("c"), "198.51.100.2", 200, "{}"},
		{instance("d"), "198.51.100.2", 429, "too many new instance ids"},
		{"no report", "198.51.100.2", 429, "too many reports from one network"},
		{instance(""), "203.0.113.1", 200, "{}"},
		{instance(""), "10.0.0.1", 200, "{}"},
	} {
		if status, text := send(tt.body, tt.peer); status != tt.status || !strings.Contains(text, tt.text) {
			t.Errorf("%d: %s of %s: %d %s", i, tt.body, tt.peer, status, text)
		}
	}
	req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("cozy_a 1\n"))
	req.Header.Set("X-Cluster-ID", "new")
	answer := httptest.NewRecorder()
	if cozy.ServeHTTP(answer, req); answer.Code != http.StatusOK {
		t.Errorf("a cluster beside them: %d %s", answer.Code, answer.Body)
	}
}

// Without a key nothing is recorded: else it would be under a name.
func TestReportsWithoutKey(t *testing.T) {
	recorder := &memory{}
	h, err := NewHandler(recorder, Config{Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	if h, err = h.Of(Product{Table: kubeatlas.Product(), Keys: fixedKeys{errors.New("no key")}}); err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	body := `{"schema_version":"1.0","session_nonce":"9f86d081884c7d659a2feaa0c55ad015"}`
	h.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/v1/report", strings.NewReader(body)))
	if answer.Code != http.StatusServiceUnavailable || len(recorder.reports) > 0 || strings.Contains(answer.Body.String(), "key") {
		t.Errorf("%d %s, recorded %v", answer.Code, answer.Body, recorder.reports)
	}
}

// A session whose body comes until the next day is of that day: the key of the day before is
// gone then.
func TestSessionOverMidnight(t *testing.T) {
	var now atomic.Pointer[time.Time]
	set := func(at time.Time) { now.Store(&at) }
	midnight := noon.Add(12 * time.Hour)
	set(midnight.Add(-time.Second))
	recorder := &memory{}
	h, err := NewHandler(recorder, Config{Now: func() time.Time { return *now.Load() }})
	if err != nil {
		t.Fatal(err)
	}
	if h, err = h.Of(Product{Table: kubeatlas.Product(), Keys: fixedKeys{}}); err != nil {
		t.Fatal(err)
	}
	const nonce = "9f86d081884c7d659a2feaa0c55ad015"
	end := during(func() { set(midnight.Add(time.Second)) })
	body := io.MultiReader(strings.NewReader(`{"schema_version":"1.0","tier":"memory",`), end, strings.NewReader(`"session_nonce":"`+nonce+`"}`))
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/v1/report", body))
	today := rollup.DateOf(midnight)
	id, err := kubeatlas.Product().ID(fixedKeys{}, nonce, today)
	if err != nil || len(recorder.reports) != 1 || recorder.reports[0].Instance != id || !recorder.reports[0].Received.Equal(today.Start()) {
		t.Errorf("%d %s, recorded %v, %v", answer.Code, answer.Body, recorder.reports, err)
	}
}

// midnightKeys are those of a day only while it is that day. The first key is asked for at
// its very end.
type midnightKeys struct {
	fixedKeys
	now *time.Time
}

func (k midnightKeys) Session(day rollup.Date) ([]byte, error) {
	if k.now.Before(noon.Add(12 * time.Hour)) {
		*k.now = noon.Add(12 * time.Hour)
	}
	if day != rollup.DateOf(*k.now) {
		return nil, errors.New("its key is gone")
	}
	return k.fixedKeys.Session(day)
}

// A session's report is not lost where the day ends between its stamp and its key.
func TestSessionAtMidnight(t *testing.T) {
	now := noon.Add(12*time.Hour - time.Nanosecond)
	recorder := &memory{}
	h, err := NewHandler(recorder, Config{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	if h, err = h.Of(Product{Table: kubeatlas.Product(), Keys: midnightKeys{now: &now}}); err != nil {
		t.Fatal(err)
	}
	body := `{"schema_version":"1.0","tier":"memory","session_nonce":"9f86d081884c7d659a2feaa0c55ad015"}`
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/v1/report", strings.NewReader(body)))
	if answer.Code != http.StatusOK || len(recorder.reports) != 1 || !recorder.reports[0].Received.Equal(noon.Add(12*time.Hour)) {
		t.Errorf("%d %s, recorded %v", answer.Code, answer.Body, recorder.reports)
	}
}

// during is a reader of nothing, that does something when it is read.
type during func()

func (d during) Read([]byte) (int, error) {
	d()
	return 0, io.EOF
}
