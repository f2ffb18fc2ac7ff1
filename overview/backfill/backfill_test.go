package backfill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/victoria"
	"github.com/cozystack/cozystack-telemetry-server/overview/promapi"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// memory is a Store without a file.
type memory struct {
	mu    sync.Mutex
	days  map[string]rollup.Day
	marks []byte
	fails error
}

func (m *memory) MergeDays(_ context.Context, _ string, date rollup.Date, days []rollup.InstanceDay) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.days == nil {
		m.days = make(map[string]rollup.Day)
	}
	for _, d := range days {
		key := date.String() + " " + d.Instance
		m.days[key] = m.days[key].Merge(d.Day)
	}
	return m.fails
}

func (m *memory) Backfilled() ([]byte, error) { return m.marks, nil }

func (m *memory) PutBackfilled(_ context.Context, marks []byte) error {
	m.marks = marks
	return nil
}

// answer is what a fake VictoriaMetrics answers; the zero one is empty.
type answer struct {
	status int
	header http.Header
	body   string
	err    error // at the end of the body
}

// fake is a VictoriaMetrics without a network.
type fake func(path string, form url.Values) answer

func (f fake) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	a := f(r.URL.Path, r.Form)
	if a.status == 0 {
		a.status = http.StatusOK
	}
	body := io.Reader(strings.NewReader(a.body))
	if a.err != nil {
		body = io.MultiReader(body, failing{a.err})
	}
	return &http.Response{
		StatusCode: a.status, ProtoMajor: 1, Header: a.header, Request: r,
		TransferEncoding: []string{"chunked"}, ContentLength: -1, Body: io.NopCloser(body),
	}, nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

const listOfC = `{"status":"success","data":["c"]}`

const listPath = "/api/v1/label/cluster_id/values"

func isList(path string) bool { return strings.HasSuffix(path, listPath) }

func testConfig(f fake) Config {
	return Config{
		URL: "http://vm", From: rollup.MonthOf(march), To: rollup.MonthOf(march), Transport: f, Rules: anything{},
		Now: func() time.Time { return march.AddDate(0, 3, 0) },
	}
}

// What goes wrong and may get well is asked again, from the start; what stays
// wrong ends the run without a mark, so that no day is short without a word.
func TestTroubles(t *testing.T) {
	good := answer{body: exportLine("cozy_a", []string{"1"}, []int64{at(time.Hour)})}
	half := good.body[:len(good.body)/2]
	for name, tc := range map[string]struct {
		first answer // to the export of each day
		again bool
		took  time.Duration // at least, of the first day
	}{
		"500":                  {answer{status: 500}, true, 500 * time.Millisecond},
		"503 with a time":      {answer{status: 503, header: http.Header{"Retry-After": {"7"}}}, true, 7 * time.Second},
		"429 with the longest": {answer{status: 429, header: http.Header{"Retry-After": {"9223372036854775807"}}}, true, time.Minute},
		"429 with a long one":  {answer{status: 429, header: http.Header{"Retry-After": {"86400"}}}, true, time.Minute},
		"cut off":              {answer{body: good.body, err: io.ErrUnexpectedEOF}, true, 500 * time.Millisecond},
		"cut off in a line":    {answer{body: good.body + half}, true, 500 * time.Millisecond},
		"an error at the end":  {answer{body: good.body + "cannot read a block\n"}, true, 500 * time.Millisecond},
		"422":                  {answer{status: 422}, false, 0},
		"404":                  {answer{status: 404}, false, 0},
		"a redirect":           {answer{status: 302, header: http.Header{"Location": {"http://elsewhere/"}}}, false, 0},
		"unsupported path":     {answer{status: 400, body: "unsupported path requested"}, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := make(map[string]int)
				var store memory
				cfg := testConfig(func(path string, form url.Values) answer {
					if isList(path) {
						return answer{body: listOfC}
					}
					day := form.Get("start")
					if asked[day]++; asked[day] == 1 {
						return tc.first
					}
					return good
				})
				cfg.URL += "/prometheus"
				begin := time.Now()
				var first time.Duration
				cfg.OnDay = func(p Progress) {
					if p.Days == 1 {
						first = time.Since(begin)
					}
				}
				p, err := Run(t.Context(), &store, cfg)
				if !tc.again {
					if !errors.Is(err, ErrSource) || store.marks != nil || len(asked) != 1 {
						t.Errorf("%v after %d days, marks %s", err, len(asked), store.marks)
					}
					return
				}
				if err != nil || p.Days != 31 || p.Samples != 1 || len(store.days) != 1 || first < tc.took || first > tc.took+time.Minute {
					t.Errorf("%+v after %v: %v", p, first, err)
				}
			})
		})
	}
}

// A source that never answers ends the run after some minutes.
func TestGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tried, told := 0, 0
		begin := time.Now()
		cfg := testConfig(func(string, url.Values) answer {
			tried++
			return answer{status: 503}
		})
		cfg.OnRetry = func(error) { told++ }
		_, err := Run(t.Context(), &memory{}, cfg)
		if took := time.Since(begin); !errors.Is(err, ErrSource) || tried != tries || told != tries-1 || took > 5*time.Minute {
			t.Errorf("%v after %d tries and %v", err, tried, took)
		}
	})
}

// A list that is not whole is no list. One that is as long as a list may be is not
// asked for again: it would be as long.
func TestList(t *testing.T) {
	for name, list := range map[string]string{
		"partial":    `{"status":"success","isPartial":true,"data":["c"]}`,
		"failed":     `{"status":"error","data":[]}`,
		"not JSON":   `<html>`,
		"at a bound": `{"status":"success","data":["c"` + strings.Repeat(`,"c"`, listed-1) + `]}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var store memory
				tried, want := 0, tries
				if name == "at a bound" {
					want = 1
				}
				_, err := Run(t.Context(), &store, testConfig(func(path string, _ url.Values) answer {
					if isList(path) {
						tried++
						return answer{body: list}
					}
					return answer{}
				}))
				if !errors.Is(err, ErrSource) || store.marks != nil || tried != want {
					t.Errorf("%v after %d tries, marks %s", err, tried, store.marks)
				}
			})
		})
	}
}

// An answer that ends when the connection does may have been cut off: it is
// refused. One that breaks off before the end it has promised is asked again.
func TestCutOffByTheNetwork(t *testing.T) {
	for name, tc := range map[string]struct {
		head string
		err  error
	}{
		"no end":           {"", promapi.ErrEndless},
		"a longer length":  {"Content-Length: 5000\r\n", io.ErrUnexpectedEOF},
		"no last chunk":    {"Transfer-Encoding: chunked\r\n", io.ErrUnexpectedEOF},
		"a chunk too long": {"Transfer-Encoding: chunked\r\n", io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			line := exportLine("cozy_a", []string{"1"}, []int64{at(time.Hour)})
			body := line
			switch name {
			case "no last chunk":
				body = fmt.Sprintf("%x\r\n%s\r\n", len(line), line)
			case "a chunk too long":
				body = fmt.Sprintf("%x\r\n%s", len(line)+1, line)
			}
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				conn, out, err := w.(http.Hijacker).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				fmt.Fprintf(out, "HTTP/1.1 200 OK\r\nConnection: close\r\n%s\r\n%s", tc.head, body)
				out.Flush()
				conn.Close()
			}))
			defer s.Close()
			src, err := newSource(Config{URL: s.URL})
			if err != nil {
				t.Fatal(err)
			}
			f := newFold(anything{}, []string{"c"}, march, march.Add(time.Hour), 1e6)
			err = src.client.Stream(t.Context(), exportPath, nil, func(r io.Reader) error { return readLines(r, f) })
			if !errors.Is(err, tc.err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Exactly the clusters and the time that are meant are asked for.
func TestQuestion(t *testing.T) {
	var got []url.Values
	src, err := newSource(Config{URL: "http://vm/prometheus", Transport: fake(func(_ string, form url.Values) answer {
		got = append(got, form)
		return answer{}
	})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := src.read(t.Context(), []string{"a.b", "c-d_E"}, march, march.Add(24*time.Hour), 1); err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"start": {"1773532800.000"}, "end": {"1773619199.999"}, "reduce_mem_usage": {"1"}, "max_rows_per_line": {rowsPerLine},
		"match[]": {`{__name__=~"cozy_.*",cluster_id=~"a\\.b|c-d_E"}`},
	}
	if len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("got %v", got)
	}
}

// The paths are those of the overview: a single node is noticed, once, and a path
// is taken as it is.
func TestPaths(t *testing.T) {
	for address, want := range map[string]map[string]int{
		"http://vm":          {"/select/0/prometheus" + listPath: 1, "/prometheus" + listPath: 31},
		"http://vm/":         {"/select/0/prometheus" + listPath: 1, "/prometheus" + listPath: 31},
		"http://vm/select/7": {"/select/7" + listPath: 31},
	} {
		paths := make(map[string]int)
		cfg := testConfig(func(path string, form url.Values) answer {
			paths[path]++
			if strings.HasPrefix(path, promapi.ClusterPath) {
				return answer{status: 400, body: `remoteAddr: "x"; unsupported path requested: "y"`}
			}
			if form.Get("deny_partial_response") != "1" {
				t.Errorf("asked with %v", form)
			}
			return answer{body: `{"status":"success","data":[]}`}
		})
		cfg.URL = address
		if _, err := Run(t.Context(), &memory{}, cfg); err != nil || !maps.Equal(paths, want) {
			t.Errorf("%s: %v, %v", address, paths, err)
		}
	}
}

// A later run goes on where an earlier one has ended; with another source, or
// again, it begins anew. A day that is not over is never done.
func TestResume(t *testing.T) {
	var store memory
	asked := 0
	cfg := testConfig(func(path string, form url.Values) answer {
		asked++
		return answer{body: `{"status":"success","data":[]}`}
	})
	now := march.Add(24*time.Hour + settled - 1) // samples of the 15th may still come, the 16th runs
	cfg.Now = func() time.Time { return now }
	run := func(days, questions int) {
		t.Helper()
		asked = 0
		p, err := Run(t.Context(), &store, cfg)
		if err != nil || p.Days != days || p.Total != days || asked != questions || p.Resumed != days-questions {
			t.Errorf("%+v, %d questions: %v", p, asked, err)
		}
	}
	run(16, 16)
	now = now.Add(1)
	run(16, 2)
	run(16, 1)
	now = now.AddDate(0, 0, 1)
	run(17, 2)
	cfg.URL = "http://other"
	run(17, 17)
	cfg.Again = true
	run(17, 17)
	cfg.To++
	run(17, 17)
	cfg.From, cfg.To = cfg.From+1, cfg.To+1
	run(0, 0)
}

// Taking a month again says nothing of the others, which stay done.
func TestAgainIsOfItsMonths(t *testing.T) {
	var store memory
	cfg := testConfig(func(string, url.Values) answer { return answer{body: `{"status":"success","data":[]}`} })
	first, last := cfg.From, cfg.From+1
	for _, c := range []struct {
		from, to      rollup.MonthID
		again         bool
		days, resumed int
	}{
		{first, last, false, 61, 0},
		{last, last, true, 30, 0},
		{first, last, false, 61, 61},
	} {
		cfg.From, cfg.To, cfg.Again = c.from, c.to, c.again
		cfg.Now = func() time.Time { return last.End().Add(settled) }
		if p, err := Run(t.Context(), &store, cfg); err != nil || p.Days != c.days || p.Resumed != c.resumed {
			t.Errorf("%+v: %+v, %v", c, p, err)
		}
	}
	store.marks = []byte("{")
	if p, err := Run(t.Context(), &store, cfg); err == nil {
		t.Errorf("marks that can't be read: %+v", p)
	}
	cfg.Again = true
	if p, err := Run(t.Context(), &store, cfg); err != nil || p.Resumed != 0 {
		t.Errorf("again, without marks: %+v, %v", p, err)
	}
}

// A month's end is told after its days, and its trouble ends the run; a day that
// was not stored is not marked.
func TestOrder(t *testing.T) {
	var store memory
	var order []string
	cfg := testConfig(func(string, url.Values) answer { return answer{body: `{"status":"success","data":[]}`} })
	cfg.To++
	cfg.OnDay = func(p Progress) { order = append(order, p.Date.String()) }
	stop := errors.New("stop")
	cfg.OnMonth = func(_ context.Context, m rollup.MonthID) error {
		order = append(order, m.String())
		return stop
	}
	_, err := Run(t.Context(), &store, cfg)
	if n := len(order); !errors.Is(err, stop) || n != 32 || order[30] != "2026-03-31" || order[31] != "2026-03" {
		t.Errorf("%v: %q", err, order)
	}
	store = memory{fails: errors.New("disk full")}
	cfg.Transport = fake(func(path string, _ url.Values) answer {
		if isList(path) {
			return answer{body: listOfC}
		}
		return answer{}
	})
	if _, err := Run(t.Context(), &store, cfg); !errors.Is(err, store.fails) || store.marks != nil {
		t.Errorf("%v, marks %s", err, store.marks)
	}
}

// A real VictoriaMetrics, which gives one time to the lines of a request that it
// reads in one go: a report of several hundred lines has several, and is one
// report all the same. However little room there is, the days are the same, and a
// sample of midnight is of the day that begins.
func TestRealVictoriaMetrics(t *testing.T) {
	v, err := victoria.Start(t.Context(), t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer v.Kill()
	today := rollup.DateOf(time.Now())
	var lines strings.Builder
	const nodes = 3000
	for i := range nodes {
		fmt.Fprintf(&lines, "cozy_nodes_count{cluster_id=\"now\",kernel=\"a kernel with a name of some length, number %06d\"} 1\n", i)
	}
	importLines(t, v, lines.String())
	lines.Reset()
	midnight := today.Start().UnixMilli()
	for c := range 7 {
		for i := range 200 {
			fmt.Fprintf(&lines, "cozy_a{cluster_id=\"c.%d\",x=\"%d\"} %d %d\n", c, i%5, i, midnight-int64(i)*5*60*1000)
		}
	}
	fmt.Fprintf(&lines, "cozy_b{cluster_id=\"c.0\"} +Inf %d\ncozy_b{cluster_id=\"cx0\"} 1 %d\n", midnight-1, midnight-1)
	fmt.Fprintf(&lines, "other{cluster_id=\"c.0\"} 1 %d\ncozy_b{cluster_id=\"not/one\"} 1 %d\n", midnight-1, midnight-1)
	importLines(t, v, lines.String())
	if err := v.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	var plain memory
	cfg := Config{URL: v.URL, From: (today - 1).Month(), To: today.Month(), Now: time.Now, Rules: anything{}}
	p, err := Run(t.Context(), &plain, cfg)
	if err != nil || p.Samples < nodes || p.Skipped.Total() != 1 || p.Others == 0 {
		t.Errorf("%+v: %v", p, err)
	}
	// A test that runs over midnight finds the nodes on the next day.
	sums := plain.days[rollup.DateOf(time.Now()).String()+" now"].Sums
	if len(sums) != 1 || sums[0].Peak != nodes {
		t.Errorf("of %d nodes there are %+v", nodes, sums)
	}
	day, before := plain.days[today.String()+" c.0"], plain.days[(today-1).String()+" c.0"]
	if len(day.Points) != 1 || day.Points[0].Peak != 0 || len(before.Points) != 5 || before.Points[4].Peak != 199 {
		t.Errorf("midnight is in the wrong day: %+v, before %+v", day, before)
	}
	if len(plain.days[(today-1).String()+" cx0"].Points) != 1 {
		t.Error("a dot in an id stands for any sign")
	}

	var split memory
	cfg.Clusters, cfg.Room = 3, 120
	cfg.From, cfg.To = (today - 1).Month(), (today - 1).Month()
	if _, err := Run(t.Context(), &split, cfg); today.DayOfMonth() != 1 && !errors.Is(err, ErrCluster) {
		t.Errorf("3000 series in a moment fit into room for %d: %v", cfg.Room, err)
	}
	for key, day := range plain.days {
		if strings.HasPrefix(key, (today-1).String()) && !reflect.DeepEqual(split.days[key], day) {
			t.Errorf("%s, in parts: %+v, as a whole %+v", key, split.days[key], day)
		}
	}
}

func importLines(t *testing.T, v *victoria.Server, lines string) {
	t.Helper()
	resp, err := http.Post(v.URL+"/api/v1/import/prometheus", "text/plain", strings.NewReader(lines))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		t.Fatal(resp.Status)
	}
}
