package mirror

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

func homeservers() rollup.ProductSnapshot {
	return rollup.ProductSnapshot{
		Product: "synapse", Month: march, CollectedAt: march.Start().Add(time.Hour), Instances: 2, Reports: 9, DaysWithData: 3,
		Source: rollup.SourceRollups, Metrics: map[string]float64{"users": 24.5}, Shares: map[string]map[string]int64{"version": {"1.157": 2}},
	}
}

// A month of a product comes back from its file as it was, and what no server can have
// written does not.
func TestProductMonth(t *testing.T) {
	b, err := EncodeProductMonth(homeservers())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeProductMonth(b, "synapse", march); err != nil || !reflect.DeepEqual(got, homeservers()) {
		t.Errorf("got %+v, %v", got, err)
	}
	for want, change := range map[string]func(s *rollup.ProductSnapshot){
		"another one":                    func(s *rollup.ProductSnapshot) { s.Product = "coroot" },
		"the month inside is 2026-04":    func(s *rollup.ProductSnapshot) { s.Month++ },
		"-1 is not a count":              func(s *rollup.ProductSnapshot) { s.Instances = -1 },
		"-2 is not a count":              func(s *rollup.ProductSnapshot) { s.Shares["version"]["1.157"] = -2 },
		"the figure users is -1":         func(s *rollup.ProductSnapshot) { s.Metrics["users"] = -1 },
		"days_with_data is 32":           func(s *rollup.ProductSnapshot) { s.DaysWithData = 32 },
		"final, but collected before":    func(s *rollup.ProductSnapshot) { s.Final = true },
		"collected_at is before the mon": func(s *rollup.ProductSnapshot) { s.CollectedAt = time.Time{} },
		`unknown source "tea"`:           func(s *rollup.ProductSnapshot) { s.Source = "tea" },
	} {
		s := homeservers()
		change(&s)
		b, err := EncodeProductMonth(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeProductMonth(b, "synapse", march); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if _, err := DecodeProductMonth([]byte("{"), "synapse", march); err == nil {
		t.Error("half a file is read")
	}
}
