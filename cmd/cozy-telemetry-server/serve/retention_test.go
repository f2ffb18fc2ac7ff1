package serve

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// span returns n days that end with one.
func span(last rollup.Date, n int) (days []rollup.Date) {
	for d := last - rollup.Date(n) + 1; d <= last; d++ {
		days = append(days, d)
	}
	return days
}

func TestTrustedDay(t *testing.T) {
	const today = rollup.Date(20_000)
	year := slices.Clip(span(today, 365)) // append copies it
	for name, c := range map[string]struct {
		clock rollup.Date
		days  []rollup.Date
		want  rollup.Date // 0: none
	}{
		"no reports yet":                    {today, nil, 0},
		"the first day":                     {today, span(today, 1), today},
		"every day":                         {today, year, today},
		"no report today yet":               {today + 1, year, today},
		"the clock is 2 days back":          {today - 2, year, today - 2},
		"the clock is 400 days ahead":       {today + 400, year, today},
		"and a report came":                 {today + 400, append(year, today+400), today},
		"and reports came for 6 days":       {today + 405, append(year, span(today+405, 6)...), today},
		"and reports came for 7 days":       {today + 406, append(year, span(today+406, 7)...), today + 406},
		"the clock is right again":          {today, append(year, today+400), today},
		"the clock is before everything":    {today - 1000, year, 0},
		"a stop of 20 days":                 {today + 20, append(year, today+20), today + 20},
		"a stop of 200 days, the first day": {today + 200, append(year, today+200), today},
		"a stop of 200 days, a week later":  {today + 206, append(year, span(today+206, 7)...), today + 206},
		"one record of a clock in 1970":     {today, append([]rollup.Date{3}, year...), today},
		"a few days after long silences":    {today, []rollup.Date{today - 400, today - 200, today}, today - 400},
	} {
		got, ok := trustedDay(c.clock, c.days)
		if got != c.want || ok != (c.want != 0) {
			t.Errorf("%s: got %d, %v; want %d", name, got, ok, c.want)
		}
	}
}

// A day goes when it is older than the flag says, and one goes each day. The
// mirror follows, and months keep what they had.
func TestRetention(t *testing.T) {
	a := newAged(t, 120, "--rollup-retention=100d", "--month-retention=100d")
	if _, err := a.mirror.Repair(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.rounds(t, 1)
	if got := len(a.days(t)); got != 113 {
		t.Errorf("the first round leaves %d of 120 days; it must not take many at once", got)
	}
	a.rounds(t, 3)
	today := rollup.DateOf(noon)
	if got := a.days(t); !slices.Equal(got, span(today, 101)) {
		t.Errorf("%d days from %v are left", len(got), got[0])
	}
	// 2027-11-04 is the first of the 120 days: its month has lost all days, and
	// was removed; the next month has days still.
	if first, _, err := a.store.FirstMonth("cozystack"); first != rollup.NewMonth(2027, time.November) || err != nil {
		t.Errorf("the first month is %v, %v", first, err)
	}
	if got := a.clusterDays(t); got != 120 {
		t.Errorf("the months know %d days of the cluster, want 120", got)
	}

	if err := a.mirror.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(a.dir, "snapshots/rollups/*.jsonl*"))
	if err != nil || len(files) != 101 || !strings.HasSuffix(files[0], (today-100).String()+".jsonl.gz") {
		t.Errorf("the mirror has %d days, %v", len(files), err)
	}

	for d := range 3 { // each midnight one day more
		a.set(time.Date(2028, 3, 3+d, 0, 0, 1, 0, time.UTC))
		a.report(t, a.now(), "c")
		a.rounds(t, 2)
		if got := a.days(t); !slices.Equal(got, span(today+1+rollup.Date(d), 101)) {
			t.Errorf("%s: %d days from %v", a.now(), len(got), got[0])
		}
	}
	if got := a.removedOf(t, "days"); got != 22 {
		t.Errorf("%v days are counted as removed", got)
	}
}

func TestMonthRetention(t *testing.T) {
	a := newAged(t, 200, "--rollup-retention=7d", "--month-retention=60d")
	if _, err := a.store.OfferSnapshot(t.Context(), rollup.Snapshot{Month: rollup.MonthOf(noon) - 6}); err != nil {
		t.Fatal(err)
	}
	a.rounds(t, 40)
	if got := a.days(t); !slices.Equal(got, span(rollup.DateOf(noon), 8)) {
		t.Errorf("%d days are left", len(got))
	}
	// 60 days before 2028-03-02 is 2028-01-02.
	if first, _, err := a.store.FirstMonth("cozystack"); first != rollup.NewMonth(2028, time.January) || err != nil {
		t.Errorf("the first month is %v, %v", first, err)
	}
	if _, ok, err := a.store.Snapshot(rollup.MonthOf(noon) - 6); !ok || err != nil {
		t.Errorf("the figures over all clusters are gone: %v", err)
	}
	if got := a.removedOf(t, "months"); got != 5 {
		t.Errorf("%v months are counted as removed", got)
	}
}

// A record that can't be read keeps nothing from being removed, and is told.
func TestRetentionTellsOfWhatCannotBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telemetry.db")
	s := openStore(t, path)
	a := aged{server: &server{store: s}}
	for d := range 20 {
		a.report(t, noon.AddDate(0, 0, -d), "c")
	}
	damaged := rollup.DateOf(noon) - 15
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	damageRecord(t, path, "cozystack", damaged, "c")

	removed, log := make(map[string]int), &strings.Builder{}
	r := &retention{
		store: openStore(t, path), days: 10 * 24 * time.Hour, now: func() time.Time { return noon },
		removed: func(what string, n int) { removed[what] += n }, log: zerolog.New(log),
	}
	for range 2 {
		if err := r.round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if want := map[string]int{"days": 9, "months": 0, "unreadable records": 1}; !maps.Equal(removed, want) {
		t.Errorf("counted as removed: %v", removed)
	}
	if n := strings.Count(log.String(), `"level":"error"`); n != 1 || !strings.Contains(log.String(), `"day":"`+damaged.String()+`"`) {
		t.Errorf("logged:\n%s", log)
	}
}

// Sessions go as promised where nobody reports any more, whatever else the file has; but
// not by a clock that has only just jumped.
func TestRetentionOfSessionsInSilence(t *testing.T) {
	for name, clusters := range map[string]int{"alone": 0, "beside clusters": 20} {
		t.Run(name, func(t *testing.T) {
			a := newAged(t, clusters, "--products=cozystack,kubeatlas")
			for d := range 20 {
				err := a.store.Record(t.Context(), rollup.Report{
					Product: "kubeatlas", Instance: "s", Received: noon.AddDate(0, 0, -d),
					Samples: []rollup.Sample{{Series: "kubeatlas_sessions", Value: 1}},
				}, nil)
				if err != nil {
					t.Fatal(err)
				}
			}
			kept := func() int {
				versions, err := a.store.DayVersions("kubeatlas")
				if err != nil {
					t.Fatal(err)
				}
				return len(versions)
			}
			a.set(noon.AddDate(0, 0, 400))
			for range believedDays - 1 {
				a.rounds(t, 2)
				a.set(a.now().AddDate(0, 0, 1))
			}
			if kept() != 20 {
				t.Errorf("a clock that has jumped leaves %d days", kept())
			}
			a.set(noon)
			for range 91 {
				a.rounds(t, 2)
				a.set(a.now().AddDate(0, 0, 1))
			}
			if a.rounds(t, 2); kept() != 0 || len(a.days(t)) != clusters {
				t.Errorf("%d days of sessions are left, and %d of clusters", kept(), len(a.days(t)))
			}
		})
	}
}

func TestRetentionForEver(t *testing.T) {
	a := newAged(t, 50, "--rollup-retention=0", "--month-retention=0")
	a.set(noon.AddDate(10, 0, 0))
	a.rounds(t, 5)
	if got := len(a.days(t)); got != 50 {
		t.Errorf("%d days are left", got)
	}
}

// A clock that is wrong, with and without reports that come meanwhile, and right
// again: retention removes no more than it would have, and no month that was
// final changes.
func TestRetentionWithAWrongClock(t *testing.T) {
	for name, off := range map[string]int{"2 days back": -2, "400 days ahead": 400, "40 years ahead": 40 * 365, "before all": -5000} {
		t.Run(name, func(t *testing.T) {
			a := newAged(t, 110, "--rollup-retention=100d", "--month-retention=1y")
			a.collect(t)
			final := a.final(t)
			before := a.days(t)
			kept := before[max(0, len(before)-101):]
			a.set(noon.AddDate(0, 0, off))
			for hour := range 24 {
				a.set(a.now().Add(time.Hour))
				a.report(t, a.now(), "c")
				a.rounds(t, 1)
				if hour%6 == 0 {
					a.collect(t)
				}
			}
			for _, day := range kept {
				if !slices.Contains(a.days(t), day) {
					t.Fatalf("%s was removed", day)
				}
			}
			a.set(noon.Add(time.Hour))
			a.collect(t)
			a.rounds(t, 5)
			for _, day := range kept {
				if !slices.Contains(a.days(t), day) {
					t.Fatalf("%s was removed once the clock was right again", day)
				}
			}
			if got := a.final(t); got != final {
				t.Errorf("a final month was rewritten:\n%s\nbefore\n%s", got, final)
			}
		})
	}
}

// Days of KubeAtlas go when they are older than the flag says, but stay until the figures
// of their month are final: these answer for it ever after.
func TestRetentionOfSessions(t *testing.T) {
	s := newProductServer(t, "2026-03-31T12", "--kubeatlas-retention=10d")
	body := s.fixture("kubeatlas", "kubeatlas")
	for day := rollup.DateOf(s.now()) - 40; day <= rollup.DateOf(s.now()); day++ {
		s.records("kubeatlas", "", body, day.String()+"T00")
	}
	first := func() rollup.Date { return s.kept()[0] }
	s.rounds(t, 6)
	if got := first().String(); got != "2026-03-01" { // February is over, March is not
		t.Errorf("the first day is %s", got)
	}
	// The grace period is an hour.
	s.at("2026-04-01T00")
	s.records("kubeatlas", "", body, "2026-04-01T00")
	if s.rounds(t, 6); first().String() != "2026-03-01" {
		t.Errorf("days of a month are removed before it is final: the first one is %s", first())
	}
	s.at("2026-04-01T02")
	if s.rounds(t, 6); first().String() != "2026-03-22" {
		t.Errorf("the first day is %s", first())
	}
	for month, instances := range map[string]int64{"2026-02": 10, "2026-03": 31} {
		snap, _, err := s.store.ProductSnapshot("kubeatlas", monthNamed(t, month))
		if err != nil || !snap.Final || snap.Instances != instances {
			t.Errorf("%s: %+v, %v", month, snap, err)
		}
		if got := s.ask("kubeatlas", month, overview.Average).Periods.Month; got.Instances != instances {
			t.Errorf("%s shows %+v", month, got)
		}
	}
}

// No day of KubeAtlas stays for longer than it promises, whatever is wrong.
func TestRetentionKeepsPromises(t *testing.T) {
	s := newProductServer(t, "2026-06-30T12")
	body := s.fixture("kubeatlas", "kubeatlas")
	for day := rollup.DateOf(s.now()) - 95; day <= rollup.DateOf(s.now()); day++ {
		s.records("kubeatlas", "", body, day.String()+"T00")
	}
	var log strings.Builder
	s.retention.log = zerolog.New(&log)
	s.retention.settle = func(context.Context, product.Product, rollup.MonthID) (bool, error) {
		return false, errors.New("the disk is full")
	}
	s.rounds(t, 6)
	if days := s.kept(); !slices.Equal(days, span(rollup.DateOf(s.now()), 91)) {
		t.Errorf("%d days are left, the first is %s", len(days), days[0])
	}
	if !strings.Contains(log.String(), "the disk is full") || !strings.Contains(log.String(), "--kubeatlas-retention") {
		t.Errorf("the log says %s", log.String())
	}
	// A shorter time is only kept where the figures are.
	s.retention.sessions = 5 * day
	if s.rounds(t, 6); len(s.kept()) != 91 {
		t.Errorf("%d days are left", len(s.kept()))
	}
}

// How long KubeAtlas is kept can't be said to be longer than it promises.
func TestRetentionOfSessionsIsBounded(t *testing.T) {
	for value, want := range map[string]bool{"90d": true, "1d": true, "91d": false, "0": false, "12h": false} {
		var cfg Config
		f := pflag.NewFlagSet("", pflag.ContinueOnError)
		cfg.Bind(f)
		if err := f.Parse([]string{"--kubeatlas-retention=" + value}); err != nil {
			t.Fatal(err)
		}
		err := cfg.Check()
		if (err == nil) != want || err != nil && !strings.Contains(err.Error(), "--kubeatlas-retention") {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func monthNamed(t *testing.T, name string) rollup.MonthID {
	t.Helper()
	id, err := rollup.ParseMonth(name)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// kept returns the days that the file has.
func (s *productServer) kept() []rollup.Date {
	s.Helper()
	days, err := s.store.Days()
	if err != nil {
		s.Fatal(err)
	}
	return days
}
