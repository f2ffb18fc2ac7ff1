package census_test

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/census"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// rig is a census over a real file, with a clock.
type rig struct {
	*census.Census
	t     testing.TB
	store *store.Store
	now   time.Time
}

func newRig(t testing.TB, cfg census.Config) *rig {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "telemetry.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &rig{t: t, store: s, now: date("2026-06-15").Start()}
	cfg.Now = func() time.Time { return r.now }
	if r.Census, err = census.New(s, cfg); err != nil {
		t.Fatal(err)
	}
	return r
}

func date(s string) rollup.Date {
	d, err := rollup.ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

func monthOf(s string) rollup.MonthID { return date(s + "-01").Month() }

// state is what a cluster reports: lines of the exposition format without escapes.
type state []string

func running(version string, more ...string) state {
	return append(state{fmt.Sprintf("cozy_cluster_info{cozystack_version=%q,kubernetes_version=\"v1.31.4\"} 1", version)}, more...)
}

func nodes(n int, os, kernel string) string {
	return fmt.Sprintf("cozy_nodes_count{kernel=%q,os=%q} %d", kernel, os, n)
}

func packageLine(name, variant string) string {
	return fmt.Sprintf("cozy_package_info{name=%q,variant=%q} 1", name, variant)
}

// dayOf returns the day of one report.
func dayOf(hour int, lines state) rollup.Day {
	r := rollup.Report{Product: rollup.Cozystack, Received: time.Unix(0, 0).Add(time.Duration(hour) * time.Hour)}
	for _, line := range lines {
		i := strings.LastIndexByte(line, ' ')
		var v float64
		if _, err := fmt.Sscan(line[i+1:], &v); err != nil {
			panic(err)
		}
		r.Samples = append(r.Samples, rollup.Sample{Series: rollup.Series(line[:i]), Value: v})
	}
	slices.SortFunc(r.Samples, func(a, b rollup.Sample) int { return cmp.Compare(a.Series, b.Series) })
	return rollup.FromReport(r)
}

// report has clusters report the same at an hour of each day between two.
func (r *rig) report(from, to string, hour int, lines state, clusters ...string) {
	r.t.Helper()
	day := dayOf(hour, lines)
	var days []rollup.InstanceDay
	for _, id := range clusters {
		days = append(days, rollup.InstanceDay{Instance: id, Day: day})
	}
	for d := date(from); d <= date(to); d++ {
		if err := r.store.MergeDays(context.Background(), rollup.Cozystack, d, days); err != nil {
			r.t.Fatal(err)
		}
	}
}

// named returns n names.
func named(prefix string, n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("%s%03d", prefix, i))
	}
	return names
}

func (r *rig) breakdown(month string) *published.Breakdown {
	r.t.Helper()
	b, err := r.Breakdown(context.Background(), monthOf(month))
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

// text writes a dimension as "100: v1.1.0 60, v1.0.0 35, other 5".
func text(b *published.Breakdown, name, pkg string) string {
	for _, d := range b.Dimensions {
		if d.Name == name && d.Package == pkg {
			var values []string
			for _, v := range d.Values {
				values = append(values, fmt.Sprintf("%s %d", v.Value, v.Clusters))
			}
			return fmt.Sprintf("%d: %s", d.Clusters, strings.Join(values, ", "))
		}
	}
	return "none"
}
