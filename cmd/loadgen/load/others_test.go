package load

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"hash/fnv"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/others"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

var often = flag.Bool("often", false, "the other products' fleets report as often as real ones")

// fixedKeys are the keys of two servers that share them.
type fixedKeys string

func (k fixedKeys) Instance() ([]byte, error) {
	key := sha256.Sum256([]byte(k))
	return key[:], nil
}

func (k fixedKeys) Session(day rollup.Date) ([]byte, error) {
	key := sha256.Sum256([]byte(string(k) + day.String()))
	return key[:], nil
}

// The months that the fleets live through have a leap day, and the ends of a year and of a
// quarter.
var (
	firstMonth = rollup.NewMonth(2027, time.December)
	lastMonth  = rollup.NewMonth(2028, time.February)
)

// otherFleets are those of the products over three months.
func otherFleets() []others.Config {
	every := map[string]time.Duration{others.Synapse: 24 * time.Hour, others.Coroot: 12 * time.Hour}
	if *often {
		every = nil
	}
	counts := map[string]int{others.Synapse: 500, others.Coroot: 300, others.KubeAtlas: 200}
	var all []others.Config
	for name, count := range counts {
		c := othersFleet(name, count/othersShare, 7, firstMonth, lastMonth, lastMonth.End())
		c.Every = every[name]
		all = append(all, c)
	}
	return all
}

func openFile(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(path, store.Options{Unfolded: products.Unfolded()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Three months of Synapse, Coroot and KubeAtlas with upgrades, restarts, repeats and gaps:
// each month and each window of them is the truth, from one server's file and from that
// of two of which each saw half.
func TestOtherProductsAreTheTruth(t *testing.T) {
	dir := t.TempDir()
	whole := openFile(t, filepath.Join(dir, "whole.db"))
	defer whole.Close()
	halves := [2]*store.Store{openFile(t, filepath.Join(dir, "0.db")), openFile(t, filepath.Join(dir, "1.db"))}
	want := make(truthOf)
	for _, c := range otherFleets() {
		servers := append([]*store.Store{whole}, halves[:]...)
		truth, err := Others(t.Context(), OthersOptions{Config: c, Keys: fixedKeys("k"), Which: half}, servers...)
		if err != nil {
			t.Fatal(err)
		}
		want.add(c.Product, truth)
		t.Logf("%s: %d installations, %d reports", c.Product, c.Count, truth.Reports)
	}
	compareAll(t, whole, want, "one server")

	merged := filepath.Join(dir, "merged.db")
	for _, s := range halves {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	from := []string{filepath.Join(dir, "0.db"), filepath.Join(dir, "1.db")}
	if _, err := rewrite.Combine(t.Context(), merged, from, nil); err != nil {
		t.Fatal(err)
	}
	both := openFile(t, merged)
	defer both.Close()
	compareAll(t, both, want, "two servers")
	for m := firstMonth; m <= lastMonth; m++ { // what closed months keep is the same
		if err := both.CloseDays(t.Context(), m, m.Last()); err != nil {
			t.Fatal(err)
		}
	}
	compareAll(t, both, want, "two servers, closed")
}

// half deals reports out to two servers, beside the one that sees all.
func half(r others.Report) []int {
	hash := fnv.New32a()
	fmt.Fprint(hash, r.Sender, r.At.UnixNano())
	return []int{0, 1 + int(hash.Sum32()%2)}
}

// window is from one month to another, both included.
type window struct{ from, to rollup.MonthID }

// truthOf has the true figures of windows, by product.
type truthOf map[string]map[window]others.Figures

func (all truthOf) add(product string, truth *others.Truth) {
	all[product] = make(map[window]others.Figures)
	for _, w := range []window{
		{firstMonth, firstMonth}, {firstMonth + 1, firstMonth + 1}, {lastMonth, lastMonth}, {firstMonth, firstMonth + 1}, {firstMonth, lastMonth},
	} {
		all[product][w] = truth.Figures(w.from.Start(), w.to.Start())
	}
}

func compareAll(t *testing.T, s *store.Store, want truthOf, from string) {
	t.Helper()
	compared, windows := 0, 0
	for _, p := range products.All() {
		for w, figures := range want[p.Name] {
			for _, text := range figures.Differences(others.Figures(figuresOf(t, s, p, w.from, w.to))) {
				t.Errorf("%s, %s, %s to %s: %s", from, p.Name, w.from, w.to, text)
			}
			compared += figures.Len()
			windows++
		}
	}
	t.Logf("%s: %d figures of %d windows are the truth", from, compared, windows)
}

// figuresOf counts a window as the server does.
func figuresOf(t *testing.T, s *store.Store, p product.Product, from, to rollup.MonthID) product.Figures {
	t.Helper()
	tally := product.NewTally(p)
	if p.Sessions {
		for date := from.First(); date <= to.Last(); date++ {
			err := s.InstancesOf(t.Context(), p.Name, date, func(_ string, d rollup.Day) error {
				tally.AddSession(date, d)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		return tally.Figures()
	}
	err := s.Fold(t.Context(), p.Name, from, to, nil, func(instance string, months []rollup.Month) error {
		for i, m := range months {
			if len(m.Peaks) > 0 {
				tally.Add(from+rollup.MonthID(i), rollup.InstanceMonth{Instance: instance, Month: clone(m)})
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tally.Figures()
}

// clone copies what a fold lends.
func clone(m rollup.Month) rollup.Month {
	m.Peaks, m.Metrics = slices.Clone(m.Peaks), slices.Clone(m.Metrics)
	return m
}
