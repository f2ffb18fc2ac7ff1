package overview

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/product/coroot"
	"github.com/cozystack/cozystack-telemetry-server/product/kubeatlas"
	"github.com/cozystack/cozystack-telemetry-server/product/synapse"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// productRig is an Overview upon a file, with all products on.
type productRig struct {
	*Overview
	testing.TB
	store    *store.Store
	clock    *fakeClock
	collects collector
	decoders map[string]*product.Decoder
}

// fixedKeys hash names as a file would.
type fixedKeys struct{}

func (fixedKeys) Instance() ([]byte, error) { return make([]byte, 32), nil }

func (fixedKeys) Session(day rollup.Date) ([]byte, error) { return fmt.Appendf(nil, "%32d", day), nil }

func newProductRig(t testing.TB, hour string, minShare int64) *productRig {
	t.Helper()
	r := &productRig{TB: t, clock: &fakeClock{}, decoders: make(map[string]*product.Decoder)}
	all := []product.Product{synapse.Product(), coroot.Product(), kubeatlas.Product()}
	for _, p := range all {
		decoder, err := product.NewDecoder(p, false)
		if err != nil {
			t.Fatal(err)
		}
		r.decoders[p.Name] = decoder
	}
	r.at(hour)
	var err error
	if r.store, err = store.Open(filepath.Join(t.TempDir(), "telemetry.db"), store.Options{Unfolded: []string{"kubeatlas"}}); err != nil {
		t.Fatal(err)
	}
	if r.Overview, err = New(r.store, fakeApps{}, Config{Now: r.clock.now, Products: all, MinShare: minShare}); err != nil {
		t.Fatal(err)
	}
	r.collects = collector{Overview: r.Overview}
	t.Cleanup(func() {
		r.Close()
		if err := r.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// hourOf reads an hour such as "2026-03-01T12".
func hourOf(t testing.TB, hour string) time.Time {
	t.Helper()
	return instant(t, hour+":00:00Z")
}

func (r *productRig) at(hour string) { r.clock.set(hourOf(r, hour)) }

func (r *productRig) table(name string) product.Product {
	r.Helper()
	p, err := r.productOf(name)
	if err != nil {
		r.Fatal(err)
	}
	return p
}

// take records a report as a server does.
func (r *productRig) take(name, agent, body string, received time.Time) {
	r.Helper()
	report, err := r.decoders[name].Decode(nil, []byte(body), func(string) string { return agent })
	if err != nil {
		r.Fatal(err, body)
	}
	p := r.table(name)
	id, err := p.ID(fixedKeys{}, report.Name, rollup.DateOf(received))
	if err != nil {
		r.Fatal(err)
	}
	if p.Sessions {
		received = rollup.DateOf(received).Start()
	}
	if err := r.store.Record(context.Background(), rollup.Report{Product: name, Instance: id, Received: received, Samples: report.Samples}, nil); err != nil {
		r.Fatal(err)
	}
}

// synapses lets so many homeservers report a version.
func (r *productRig) synapses(hour, version string, from, n int) {
	r.Helper()
	for i := from; i < from+n; i++ {
		r.take("synapse", "Synapse/"+version, fmt.Sprintf(`{"homeserver":"h%d.example","total_users":%d}`, i, i), hourOf(r, hour))
	}
}

// session lets a session of KubeAtlas report.
func (r *productRig) session(hour string, nonce int) {
	r.Helper()
	r.take("kubeatlas", "", fmt.Sprintf(`{"schema_version":"1.0","session_nonce":"%032x","kubeatlas_version":"1.5.0","cluster_count":1}`, nonce+1), hourOf(r, hour))
}

func (r *productRig) ask(name, month string, a Aggregate) (c published.ProductOverview) {
	r.Helper()
	answer, err := r.ProductAnswer(r.Context(), name, monthID(r, month), a)
	if err == nil {
		err = json.Unmarshal(answer.Body, &c)
	}
	if err != nil {
		r.Fatalf("%s of %s, %s: %v", month, name, a, err)
	}
	return c
}

// stored returns the stored snapshot of a month; none is the zero one.
func (r *productRig) stored(name, month string) rollup.ProductSnapshot {
	r.Helper()
	s, _, err := r.store.ProductSnapshot(name, monthID(r, month))
	if err != nil {
		r.Fatal(err)
	}
	return s
}

// round lets the collector look for months.
func (r *productRig) round() {
	r.Helper()
	r.collects.round(r.Context())
	if r.collects.failing {
		r.Fatal("a round has failed")
	}
}

// A running month is stored hourly, as it is counted, and becomes final when it has ended
// and its grace period too.
func TestProductMonthBecomesFinal(t *testing.T) {
	r := newProductRig(t, "2026-03-31T20", 5)
	r.synapses("2026-03-10T10", "1.157.1", 0, 6)
	r.synapses("2026-03-10T10", "1.150.0", 6, 2)
	r.session("2026-03-10T10", 1)
	r.round()
	running := r.stored("synapse", "2026-03")
	if running.Instances != 8 || running.Reports != 8 || running.Final || running.Shares["version"]["synapse 1.150"] != 2 {
		t.Errorf("the running month is stored as %+v", running)
	}
	r.synapses("2026-03-31T20", "1.157.1", 8, 1)
	r.round()
	if again := r.stored("synapse", "2026-03"); again.Instances != 8 {
		t.Errorf("it was stored again at once: %+v", again)
	}
	r.at("2026-03-31T21")
	r.round()
	if later := r.stored("synapse", "2026-03"); later.Instances != 9 || later.Final {
		t.Errorf("an hour later it is %+v", later)
	}
	r.clock.set(hourOf(t, "2026-04-01T01").Add(-time.Second)) // the grace period is an hour
	r.round()
	if early := r.stored("synapse", "2026-03"); early.Final {
		t.Errorf("it is final too early: %+v", early)
	}
	r.at("2026-04-01T01")
	r.round()
	for name, instances := range map[string]int64{"synapse": 9, "kubeatlas": 1} {
		if final := r.stored(name, "2026-03"); !final.Final || final.Instances != instances || final.Source != rollup.SourceRollups {
			t.Errorf("%s: the final month is %+v", name, final)
		}
		if got := r.ask(name, "2026-03", Average).Periods.Month; got.Instances != instances || got.Complete {
			t.Errorf("%s: it shows %+v", name, got)
		}
	}
	if got := r.ask("synapse", "2026-03", Average).Periods.Month.Shares["version"]; !maps.Equal(got, map[string]int64{"other": 9}) {
		t.Errorf("the small version is shown: %v", got)
	}
}

// What is final answers when the records are gone.
func TestProductMonthOutlivesItsRecords(t *testing.T) {
	r := newProductRig(t, "2026-07-10T12", 1)
	for d := 1; d <= 31; d++ {
		r.session(fmt.Sprintf("2026-03-%02dT10", d), d)
		r.synapses(fmt.Sprintf("2026-03-%02dT10", d), "1.157.1", 0, 3)
	}
	r.session("2026-07-10T10", 1)
	r.synapses("2026-07-10T10", "1.158.0", 0, 1)
	r.round()
	before := map[string]published.ProductOverview{"kubeatlas": r.ask("kubeatlas", "2026-03", Average), "synapse": r.ask("synapse", "2026-03", Average)}
	july := monthID(t, "2026-07")
	for name := range before {
		for range 10 { // a few days at a time
			if _, err := r.store.Prune(t.Context(), name, store.Keep{Days: july.First(), Months: july}); err != nil {
				t.Fatal(err)
			}
		}
		if first, _, err := r.store.FirstMonth(name); first != july || err != nil {
			t.Fatalf("%s still has %s, %v", name, first, err)
		}
	}
	r.Forget()
	r.round()
	for name, want := range before {
		got := r.ask(name, "2026-03", Average)
		if month := got.Periods.Month; !month.Complete || month.Instances != want.Periods.Month.Instances || month.Reports != want.Periods.Month.Reports {
			t.Errorf("%s: March was %+v and is %+v", name, want.Periods.Month, month)
		}
		if year := r.ask(name, "2026-07", Average).Periods.Year; year.Months != 2 {
			t.Errorf("%s: the year has %d months", name, year.Months)
		}
	}
	// The distinct count of a window whose records are gone in part is the largest month's.
	if year := r.ask("synapse", "2026-07", Distinct).Periods.Year; year.Instances != 3 || year.Complete || year.Months != 2 || year.Reports != 94 {
		t.Errorf("the distinct count of the year is %+v", year)
	}
}

// A month of sessions loses its days one by one: that is no fault of its figures.
func TestProductMonthWithoutSomeDays(t *testing.T) {
	r := newProductRig(t, "2026-06-12T12", 1)
	for d := 1; d <= 31; d++ {
		r.session(fmt.Sprintf("2026-03-%02dT10", d), d)
	}
	r.session("2026-06-12T10", 1)
	r.round()
	if _, err := r.store.Prune(t.Context(), "kubeatlas", store.Keep{Days: rollup.DateOf(hourOf(t, "2026-03-05T00"))}); err != nil {
		t.Fatal(err)
	}
	r.round() // its records have changed
	stored := r.stored("kubeatlas", "2026-03")
	if note, err := r.CompareProduct(stored); err != nil || note == "" || stored.Instances != 31 || stored.DaysWithData != 31 {
		t.Errorf("%q, %v; %d sessions on %d days", note, err, stored.Instances, stored.DaysWithData)
	}
	if got := r.ask("kubeatlas", "2026-03", Average).Periods.Month; got.Instances != 31 || !got.Complete {
		t.Errorf("March shows %+v", got)
	}
}

// Records that change later are counted again: those that come late, and those of a merge.
func TestProductMonthIsCountedAgain(t *testing.T) {
	r := newProductRig(t, "2026-04-01T02", 1)
	r.synapses("2026-03-10T10", "1.157.1", 0, 2)
	r.round()
	if got := r.ask("synapse", "2026-03", Average).Periods.Month; got.Instances != 2 {
		t.Fatalf("March is %+v", got)
	}
	for i, hour := range []string{"2026-04-01T03", "2026-04-02T00", "2026-04-20T00"} {
		r.synapses("2026-03-31T23", "1.157.1", 2+i, 1)
		r.at(hour)
		r.round()
		// A day after its end it is counted again in any case; later where it has changed.
		want := int64(2 + i + 1)
		if i == 0 {
			want = 2
		}
		if got := r.ask("synapse", "2026-03", Average).Periods.Month; got.Instances != want {
			t.Errorf("%s: March has %d, want %d", hour, got.Instances, want)
		}
	}
}

// An excluded instance is in no figure, and comes back.
func TestProductExclusions(t *testing.T) {
	r := newProductRig(t, "2026-04-20T12", 1)
	r.synapses("2026-03-10T10", "1.157.1", 0, 3)
	r.synapses("2026-04-10T10", "1.157.1", 0, 3)
	r.session("2026-04-10T10", 1)
	r.round()
	id := product.HashName(make([]byte, 32), "h1.example")
	day := rollup.DateOf(hourOf(t, "2026-04-10T10"))
	key, err := fixedKeys{}.Session(day)
	if err != nil {
		t.Fatal(err)
	}
	session := product.HashName(key, fmt.Sprintf("%032x", 2))
	all := []rollup.Exclusion{{Product: "synapse", Instance: id}, {Product: "kubeatlas", Instance: session}}
	check := func(what string, synapses int64, sessions bool) {
		t.Helper()
		for _, a := range []Aggregate{Average, Distinct} {
			p := r.ask("synapse", "2026-04", a).Periods
			if p.Month.Instances != synapses || p.Quarter.Instances != synapses || p.Year.Instances != synapses {
				t.Errorf("%s, %s: %d, %d, %d", what, a, p.Month.Instances, p.Quarter.Instances, p.Year.Instances)
			}
		}
		answer, err := r.ProductAnswer(t.Context(), "kubeatlas", monthID(t, "2026-04"), Average)
		if sessions && err != nil || !sessions && err == nil && !strings.Contains(string(answer.Body), `"instances":0`) {
			t.Errorf("%s: %v %s", what, err, answer.Body)
		}
	}
	check("before", 3, true)
	if _, err := r.store.Exclude(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if _, err := r.CountAgain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if march := r.stored("synapse", "2026-03"); march.Instances != 2 {
		t.Errorf("March is stored with %d", march.Instances)
	}
	check("excluded", 2, false)
	for _, x := range all {
		if _, err := r.store.Include(t.Context(), x.Product, []string{x.Instance}); err != nil {
			t.Fatal(err)
		}
	}
	r.round()
	r.Forget()
	check("included", 3, true)
}

// What can't be asked is an error.
func TestProductQuestionsOfTheProgram(t *testing.T) {
	r := newProductRig(t, "2026-04-20T12", 1)
	id := monthID(t, "2026-03")
	if _, err := r.ProductAnswer(t.Context(), "dendrite", id, Average); !errors.Is(err, ErrNoProduct) || !strings.Contains(err.Error(), "cozystack, synapse, coroot, kubeatlas") {
		t.Errorf("an unknown product: %v", err)
	}
	if _, err := r.ProductAnswer(t.Context(), "kubeatlas", id, Distinct); !errors.Is(err, ErrNoDistinct) {
		t.Errorf("distinct sessions: %v", err)
	}
	if _, err := r.ProductAnswer(t.Context(), "coroot", id, Average); !errors.Is(err, ErrNoData) {
		t.Errorf("a month without data: %v", err)
	}
}
