package appsource

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// What Kubernetes would not take as a kind is none.
func TestKeepTakesKindsOnly(t *testing.T) {
	n := newNames(readTable(), packagesApps)
	long := "A" + strings.Repeat("b", 62)
	for kind, want := range map[string]bool{
		"Unheard": true, "unheard": true, "Un-heard2": true, "X": true, long: true, "Redis": true, "http-cache": true,
		"": false, long + "b": false, "2nd": false, "-a": false, "a-": false, "a b": false, "a.b": false, "a_b": false,
		"<script>alert(1)</script>": false, "Redis\u200e": false, "\u202eSider": false, "Redis\n": false,
		"\u212aafka": false, "Ünheard": false, "a\x00": false, "a\u2028": false, strings.Repeat("a", 10<<10): false,
	} {
		if got := n.keep(map[string]int64{kind: 1}); (len(got) == 1) != want {
			t.Errorf("%q: kept %v", kind, got)
		}
	}
}

// However many kinds are made up, the known ones and the most frequent others
// are kept.
func TestKeepIsBounded(t *testing.T) {
	kinds := map[string]int64{"Redis": 1, "PostgreSQL": 2, "Monitoring": 3}
	want := maps.Clone(kinds)
	for i := range 10_000 {
		kinds[fmt.Sprintf("Made%04d", i)] = int64(10 + i/50)
	}
	for i := range 50 { // one kind in many spellings takes one place
		kinds["c"+strings.Repeat("-", i)+"ase"] = 100
	}
	want["c"+strings.Repeat("-", 49)+"ase"] = 5000
	// The last 50 have the count 209, the 50 before 208: of those the first 49 by
	// name are kept.
	for i := range 50 {
		want[fmt.Sprintf("Made%04d", 9950+i)] = 209
		if i < 49 {
			want[fmt.Sprintf("Made%04d", 9900+i)] = 208
		}
	}
	n := newNames(readTable(), packagesApps)
	if got := n.keep(kinds); len(got) != 3+maxUnknown || !maps.Equal(got, want) {
		t.Errorf("%d kept, want %d\n got %v\nwant %v", len(got), len(want), got, want)
	}
	if apps := n.byApp(kinds); len(apps) != len(packagesApps)+1+maxUnknown {
		t.Errorf("%d applications are shown", len(apps))
	}
}

func TestKeepTwiceIsOnce(t *testing.T) {
	n := newNames(readTable(), packagesApps)
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.MapOf(rapid.StringMatching(`[aAbBR]-?[bBe](-?[cC])?|Redis|redis|<b>`), rapid.Int64()).Draw(t, "kinds")
		once := n.keep(kinds)
		if twice := n.keep(once); !maps.Equal(once, twice) {
			t.Fatalf("%v, then %v", once, twice)
		}
		if a, b := n.byApp(kinds), n.byApp(once); !maps.Equal(a, b) {
			t.Fatalf("%v, but from what is kept %v", a, b)
		}
	})
}
