package ingest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestPlausible(t *testing.T) {
	apps := func(kind string, n int) string {
		return fmt.Sprintf("cozy_application_count{kind=%q} %d\n", kind, n)
	}
	tests := map[string]struct{ body, text string }{
		"nodes":                         {"cozy_nodes_count 10\n", ""},
		"too many nodes":                {"cozy_nodes_count 11\n", "more than 10 nodes"},
		"in several series":             {"cozy_nodes_count{os=\"a\"} 5\ncozy_nodes_count{os=\"b\"} 5\n", ""},
		"too many in several series":    {"cozy_nodes_count{os=\"a\"} 5\ncozy_nodes_count{os=\"b\"} 5.5\n", "more than 10 nodes"},
		"a series that stands twice":    {"cozy_nodes_count 6\ncozy_nodes_count 9\ncozy_nodes_count 8\n", ""},
		"the higher one is too high":    {"cozy_nodes_count 6\ncozy_nodes_count 11\ncozy_nodes_count 8\n", "more than 10 nodes"},
		"as high as numbers go":         {strings.Repeat("cozy_nodes_count 9007199254740992\n", 3) + "cozy_nodes_count{os=\"b\"} 9007199254740992\n", "more than 10 nodes"},
		"tenants of an old client":      {"cozy_tenants_count 20\n", ""},
		"too many of an old client":     {"cozy_tenants_count 21\n", "more than 20 tenants"},
		"tenants":                       {apps("Tenant", 20), ""},
		"too many tenants":              {apps("Tenant", 21), "more than 20 tenants"},
		"tenants of both":               {apps("Tenant", 20) + "cozy_tenants_count 20\n", ""},
		"apps":                          {apps("Postgres", 30), ""},
		"too many apps":                 {apps("Postgres", 31), "more than 30 applications of a kind"},
		"apps of many kinds":            {apps("Postgres", 30) + apps("Redis", 30) + apps("Tenant", 20), ""},
		"a kind in several series":      {apps("Redis", 1) + "cozy_application_count{kind=\"Postgres\",v=\"1\"} 15\ncozy_application_count{kind=\"Postgres\",v=\"2\"} 16\n", "more than 30 applications of a kind"},
		"apps without a kind":           {"cozy_application_count 31\n", "more than 30 applications of a kind"},
		"more tenants than apps":        {apps("Tenant", 40) + apps("Postgres", 30) + apps("Redis", 30), ""},
		"a metric that begins alike":    {"cozy_application_counts 31\ncozy_nodes_counter 11\n" + apps("Redis", 30) + apps("Postgres", 30), ""},
		"other figures may be anything": {"cozy_cluster_capacity{resource=\"memory\"} 9007199254740992\n", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			limits := Limits{Nodes: 10, Tenants: 20, Apps: 30}
			if strings.HasPrefix(name, "more tenants") {
				limits.Tenants = 40
			}
			parser := NewParser(limits, 1)
			for range 3 { // as new, as known, as guessed
				samples, _, err := parser.Parse(nil, []byte(tt.body))
				if tt.text == "" {
					if err != nil || len(samples) == 0 {
						t.Fatal(err)
					}
					continue
				}
				var refusal *Refusal
				if !errors.As(err, &refusal) || refusal.Status != http.StatusBadRequest || refusal.Text != tt.text {
					t.Fatalf("got %v", err)
				}
			}
		})
	}
}
