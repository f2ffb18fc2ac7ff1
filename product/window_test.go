package product_test

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/product/coroot"
	"github.com/cozystack/cozystack-telemetry-server/product/synapse"
)

// What a coarser figure tells of a finer one can't be used to tell a small part of it.
func TestPublicOfFinerFigures(t *testing.T) {
	p := synapse.Product()
	for name, c := range map[string]struct{ server, version, want, wantServer counts }{
		"a small version": { // of synapse 2 would be left, and of dendrite all
			counts{"synapse": 92, "dendrite": 7}, counts{"synapse 1.157": 90, "synapse 1.150": 2, "dendrite 0.13": 7},
			counts{"dendrite 0.13": 7, "other": 92}, counts{"synapse": 92, "dendrite": 7},
		},
		"a small server": { // its versions are as many
			counts{"synapse": 92, "dendrite": 3}, counts{"synapse 1.157": 80, "synapse 1.156": 12, "dendrite 0.13": 3},
			counts{"other": 95}, counts{"other": 95},
		},
		"none is small": {
			counts{"synapse": 92, "dendrite": 7}, counts{"synapse 1.157": 90, "synapse": 2, "dendrite 0.13": 7},
			counts{"synapse 1.157": 90, "synapse": 2, "dendrite 0.13": 7}, counts{"synapse": 92, "dendrite": 7},
		},
	} {
		least := int64(5)
		if name == "none is small" {
			least = 2
		}
		got := p.Public(product.Figures{Shares: shares{"server": c.server, "version": c.version}}, least).Shares
		if !maps.Equal(got["version"], c.want) || !maps.Equal(got["server"], c.wantServer) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// drawn are figures of Synapses as a tally makes them: each instance has one server and
// one version of it.
func drawn(t *rapid.T, name string) product.Figures {
	f := product.Figures{Days: 30, Metrics: metrics{}, Shares: shares{"server": {}, "version": {}, "python": {}}}
	for _, version := range []string{"synapse 1.1", "synapse 1.2", "synapse 1.3", "dendrite 0.1", "dendrite 0.2", "dendrite 0.3"} {
		n := rapid.Int64Range(0, 12).Draw(t, name+" "+version)
		if n == 0 {
			continue
		}
		server, _, _ := strings.Cut(version, " ")
		f.Instances += n
		f.Shares["version"][version] = n
		f.Shares["server"][server] += n
		if server == "synapse" { // a Dendrite has none
			f.Shares["python"]["3."+version[len(version)-1:]] += rapid.Int64Range(0, n).Draw(t, name+" python "+version)
		}
	}
	maps.DeleteFunc(f.Shares["python"], func(_ string, n int64) bool { return n == 0 })
	return f
}

// Nothing that is left when shares are taken from the total, or from the coarser figure,
// is of fewer instances than asked for.
func TestPublicCanNotBeSubtracted(t *testing.T) {
	p := synapse.Product()
	rapid.Check(t, func(t *rapid.T) {
		f := drawn(t, "month")
		least := rapid.Int64Range(1, 10).Draw(t, "least")
		checkRests(t, f, p.Public(f, least), least)
	})
}

func checkRests(t *rapid.T, f, public product.Figures, least int64) {
	rest := func(what string, total int64, shown ...int64) {
		for _, n := range shown {
			total -= n
		}
		if total < 0 || 0 < total && total < least {
			t.Fatalf("%s: %d are left of %v, which shows %v", what, total, f.Shares, public.Shares)
		}
	}
	for name, counts := range public.Shares {
		if len(counts) == 0 { // all are hidden
			continue
		}
		var named []int64
		for value, n := range counts {
			if rest(name+" "+value, n); value != product.Other {
				named = append(named, n)
			}
		}
		rest(name, f.Instances, named...)
	}
	for server, total := range public.Shares["server"] {
		if server == product.Other || len(public.Shares["version"]) == 0 {
			continue
		}
		var named []int64
		for version, n := range public.Shares["version"] {
			if strings.HasPrefix(version, server+" ") {
				named = append(named, n)
			}
		}
		rest("versions of "+server, total, named...)
	}
	for version := range public.Shares["version"] {
		server, _, _ := strings.Cut(version, " ")
		if _, ok := public.Shares["server"][server]; !ok && version != product.Other {
			t.Fatalf("%s is shown, its server is not: %v", version, public.Shares)
		}
	}
}

// A value that any month hides has no number of its own in a window, so nothing that a
// month shows can be taken from it; and the window by itself is as safe as a month.
func TestPublicWindowHidesWhatMonthsHide(t *testing.T) {
	p := synapse.Product()
	rapid.Check(t, func(t *rapid.T) {
		least := rapid.Int64Range(1, 10).Draw(t, "least")
		var months []product.Figures
		for i := range rapid.IntRange(1, 3).Draw(t, "months") {
			months = append(months, drawn(t, fmt.Sprint(i)))
		}
		window := drawn(t, "window")
		public := p.PublicWindow(window, least, months)
		checkRests(t, window, public, least)
		for _, m := range months {
			shown := p.Public(m, least)
			for name, counts := range m.Shares {
				for value := range counts {
					_, inMonth := shown.Shares[name][value]
					if _, inWindow := public.Shares[name][value]; inWindow && !inMonth {
						t.Fatalf("%s is hidden in %v and shown in %v", value, m.Shares, public.Shares)
					}
				}
			}
		}
		// The window of one month shows what that shows.
		if one := p.PublicWindow(window, least, []product.Figures{window}); !reflect.DeepEqual(one, p.Public(window, least)) {
			t.Fatalf("the window of a month is %v, the month %v", one.Shares, p.Public(window, least).Shares)
		}
	})
}

// An adoption that a month hides is not in the window either.
func TestPublicWindowHidesAdoptions(t *testing.T) {
	p := coroot.Product()
	few := product.Figures{Shares: shares{"argocd": {"yes": 2, "no": 60}}, Metrics: metrics{"argocd_percent": 3}}
	many := product.Figures{Shares: shares{"argocd": {"yes": 20, "no": 60}}, Metrics: metrics{"argocd_percent": 25}}
	got := p.PublicWindow(many, 5, []product.Figures{few, many})
	if _, ok := got.Metrics["argocd_percent"]; ok || got.Shares["argocd"] != nil {
		t.Errorf("shown: %v", got)
	}
	if got := p.PublicWindow(many, 5, []product.Figures{many}); got.Metrics["argocd_percent"] != 25 {
		t.Errorf("not shown: %v", got)
	}
}

func TestMean(t *testing.T) {
	got := product.Mean([]product.Figures{
		{Instances: 10, Days: 31, Metrics: metrics{"users": 10, "nodes_median": 3}, Shares: shares{"server": {"synapse": 10}, "argocd": {"yes": 5, "no": 5}}},
		{Instances: 7, Days: 28, Metrics: metrics{"users": 5}, Shares: shares{"server": {"synapse": 6, "dendrite": 1}, "empty": {}}},
		{Instances: 8, Days: 30, Metrics: metrics{"users": 0}, Shares: shares{"server": {"synapse": 7, "rare": 1}}},
	})
	want := product.Figures{
		Instances: 8, // 25 / 3
		Days:      30,
		Metrics:   metrics{"users": 5, "nodes_median": 3}, // one month knows the median
		Shares: shares{
			"server": {"synapse": 8}, // 23 / 3; a third of one is none
			"argocd": {"yes": 5, "no": 5},
			"empty":  {},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if none := product.Mean(nil); none.Instances != 0 || none.Metrics == nil || none.Shares == nil {
		t.Errorf("of nothing: %+v", none)
	}
}

// Those that have no value are told by the total: where they are few, they may be just those
// that another figure hides.
func TestPublicOfMissingValues(t *testing.T) {
	f := product.Figures{Instances: 21, Metrics: metrics{"argocd_percent": 50}, Shares: shares{
		"server": {"synapse": 18, "dendrite": 3}, "python": {"3.11": 12, "3.6": 6}, "argocd": {"yes": 9, "no": 9},
	}}
	got := synapse.Product().Public(f, 5)
	if want := (counts{"3.11": 12, "other": 9}); !maps.Equal(got.Shares["python"], want) {
		t.Errorf("python is %v, want %v", got.Shares["python"], want)
	}
	if f.Instances = 23; !maps.Equal(synapse.Product().Public(f, 5).Shares["python"], f.Shares["python"]) {
		t.Error("five without a value are not hidden")
	}
	if got := coroot.Product().Public(f, 5); got.Metrics["argocd_percent"] != 50 {
		t.Errorf("an adoption that does not apply to five: %v", got)
	}
	f.Instances = 22
	if got := coroot.Product().Public(f, 5); got.Shares["argocd"] != nil || len(got.Metrics) != 0 {
		t.Errorf("an adoption that does not apply to four: %v", got)
	}
}
