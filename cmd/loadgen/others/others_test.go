package others

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func testConfig(product string) Config {
	from := time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)
	return Config{Product: product, Seed: 3, Count: 60, From: from, To: from.AddDate(0, 2, 0), Every: 8 * time.Hour}
}

// The same fleet says the same again, in the order of time, with the client's method and
// path, and only within its time.
func TestReportsAreTheSameAgain(t *testing.T) {
	paths := map[string]string{Synapse: "/report-usage-stats/push", Coroot: "/ce/usage-statistics", KubeAtlas: "/v1/report"}
	for product, path := range paths {
		c := testConfig(product)
		for sender := range c.Count {
			var first, again []Report
			for r := range c.Reports(sender) {
				first = append(first, r)
			}
			for r := range c.Reports(sender) {
				again = append(again, r)
			}
			if !reflect.DeepEqual(first, again) {
				t.Fatalf("%s: %d says something else the second time", product, sender)
			}
			for i, r := range first {
				if r.At.Before(c.From) || !r.At.Before(c.To) || i > 0 && r.At.Before(first[i-1].At) {
					t.Errorf("%s: %d reports at %v", product, sender, r.At)
				}
				if r.Path != path || r.Method != "POST" && (r.Method != "PUT" || product != Synapse) {
					t.Errorf("%s: %s %s", product, r.Method, r.Path)
				}
			}
		}
	}
}

func TestNoTimeHasNoReports(t *testing.T) {
	for _, length := range []time.Duration{0, -time.Hour} {
		c := testConfig(Coroot)
		c.To = c.From.Add(length)
		for r := range c.All() {
			t.Fatalf("in %v there is %+v", length, r)
		}
	}
}

// What makes counting hard, and what nobody may keep, comes in each fleet.
func TestFleetsAreHard(t *testing.T) {
	for product, want := range map[string][]string{
		Synapse:   {"twice", "PUT", "POST", "no agent", "no type", "capitals", "null users", "9.6.24", Canary + "-", Canary + " of", "daily_user_type_" + Canary},
		Coroot:    {"twice", "twice an hour", "no id", "not loaded", "installation_type", "instrumented_service\"", Canary + "-namespace", Canary + "PROFILE", Digits + "-"},
		KubeAtlas: {"twice", none, "dev", Canary + "-pack", Digits},
	} {
		found := make(map[string]int)
		c := testConfig(product)
		var before Report
		for r := range c.All() {
			for what, is := range map[string]bool{
				"twice": r.At.Equal(before.At) && bytes.Equal(r.Body, before.Body), "PUT": r.Method == "PUT", "POST": r.Method == "POST",
				"twice an hour": r.At.Truncate(time.Hour).Equal(before.At.Truncate(time.Hour)) && r.At.After(before.At),
				"no agent":      r.Header.Get("User-Agent") == "", "no type": r.Header.Get("Content-Type") == "",
				"capitals": bytes.Contains(r.Body, []byte(strings.ToUpper(Canary))), "null users": bytes.Contains(r.Body, []byte(`"daily_active_users":null`)),
				"no id": bytes.Contains(r.Body, []byte(`"uuid":""`)), "not loaded": bytes.Contains(r.Body, []byte(`"cpu_cores":0,`)),
			} {
				if is {
					found[what]++
				}
			}
			for _, text := range want {
				if bytes.Contains(r.Body, []byte(text)) {
					found[text]++
				}
			}
			before = r
		}
		for _, what := range want {
			if found[what] == 0 {
				t.Errorf("%s: nothing with %q", product, what)
			}
		}
		t.Logf("%s: %v", product, found)
	}
}

// Two months of one homeserver, reckoned by hand.
func TestTruthByHand(t *testing.T) {
	at := func(text string) time.Time {
		at, err := time.Parse("2006-01-02T15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	state := func(version string, numbers map[string]int) Report {
		return Report{Product: Synapse, state: homeserverState{
			name: "a", server: "synapse", version: version, engine: "sqlite", database: "3", python: "3.11", numbers: numbers,
		}}
	}
	var truth Truth
	truth.Add(state("1.9", map[string]int{"total_users": 5, "daily_active_users": 2, "daily_messages": 30}), at("2028-01-31T08:00"))
	truth.Add(state("1.9", map[string]int{"total_users": 7, "daily_active_users": 4, "daily_messages": 30}), at("2028-01-31T20:00"))
	truth.Add(state("1.10", map[string]int{"total_users": 6, "daily_active_users": 1, "daily_e2ee_messages": 10}), at("2028-02-01T00:00"))
	got := truth.Figures(at("2028-01-01T00:00"), at("2028-02-01T00:00"))
	want := Figures{
		Instances: 1, Days: 2,
		Metrics: map[string]float64{
			"users": 7, "nonbridged_users": 0, "monthly_active_users": 0, "rooms": 0, "daily_active_users": 2.5,
			"messages_per_day": 30, "encrypted_messages_per_day": 10, "encrypted_messages_percent": 25,
		},
		Shares: map[string]map[string]int64{
			"homeservers": {"with users": 1}, "server": {"synapse": 1}, "version": {"synapse 1.10": 1},
			"database_engine": {"sqlite": 1}, "database": {"sqlite 3": 1}, "python": {"3.11": 1},
		},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%v, want\n%v", got, want)
	}
}
