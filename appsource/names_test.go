package appsource

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// packagesApps is what cozystack's packages/apps held when kinds.csv was made.
var packagesApps = strings.Fields(`bucket clickhouse foundationdb harbor http-cache kafka kubernetes
	kubernetes-nodes mariadb mongodb nats openbao opensearch postgres qdrant rabbitmq redis
	tcp-balancer tenant vm-disk vm-instance vpc vpn`)

func TestBuiltInListIsPackagesApps(t *testing.T) {
	if got := readTable().listed; !slices.Equal(got, packagesApps) {
		t.Errorf("built-in list:\n got %v\nwant %v", got, packagesApps)
	}
}

func TestAppOfKind(t *testing.T) {
	n := newNames(readTable(), append([]string{"new-thing", "httpcache"}, packagesApps...))
	for kind, want := range map[string]string{
		"Postgres":              "postgres",
		"PostgreSQL":            "postgres",
		"postgresql":            "postgres",
		"postgres":              "postgres",
		"VirtualPrivateCloud":   "vpc",
		"virtual-private-cloud": "vpc",
		"vpc":                   "vpc",
		"TCPBalancer":           "tcp-balancer",
		"ExternalDNS":           "external-dns",
		"MySQL":                 "mysql",
		"VirtualMachine":        "virtual-machine",
		"NewThing":              "new-thing",
		"New-thing":             "new-thing",
		"HTTPCache":             "httpcache", // as the list spells it, not as the table does
		"Unheard":               "Unheard",
		"":                      "",
	} {
		if got := n.app(kind); got != want {
			t.Errorf("app(%q) = %q, want %q", kind, got, want)
		}
	}
}

func TestByApp(t *testing.T) {
	tests := []struct {
		name  string
		kinds map[string]int64
		want  map[string]int64 // beside the listed ones, which are 0 otherwise
	}{
		{"nothing", nil, nil},
		{"kinds of one app", map[string]int64{"Postgres": 5, "PostgreSQL": 2}, map[string]int64{"postgres": 7}},
		{"listed at 0", map[string]int64{"Redis": 0}, nil},
		{"unlisted at 0", map[string]int64{"VirtualMachine": 0, "Unheard": 0}, nil},
		{"unlisted above 0", map[string]int64{"VirtualMachine": 1, "Etcd": 4}, map[string]int64{"virtual-machine": 1, "etcd": 4}},
		{"listed, not in the table", map[string]int64{"NewThing": 3}, map[string]int64{"new-thing": 3}},
		{"unknown", map[string]int64{"Unheard": 3}, map[string]int64{"Unheard": 3}},
		{
			"unknown in several spellings",
			map[string]int64{"unheard": 1, "Un-Heard": 2, "UnHeard": 4, "-unheard": 0},
			map[string]int64{"Un-Heard": 7},
		},
		{"unknown, named as an app", map[string]int64{"http-cache": 2, "HTTPCache": 1, "etcd": 1}, map[string]int64{"http-cache": 3, "etcd": 1}},
		{"negative", map[string]int64{"Redis": -4, "Unheard": -1}, nil},
		{"above 2^53", map[string]int64{"Postgres": 1<<63 - 1, "PostgreSQL": 1<<63 - 1}, map[string]int64{"postgres": 1 << 53}},
	}
	n := newNames(readTable(), append([]string{"new-thing"}, packagesApps...))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := map[string]int64{"new-thing": 0}
			for _, app := range packagesApps {
				want[app] = 0
			}
			maps.Copy(want, tt.want)
			if got := n.byApp(tt.kinds); !maps.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// The list may hold two names that are one; only the first may be shown.
func TestByAppShowsOneSpellingOfTheList(t *testing.T) {
	n := newNames(readTable(), []string{"foo-bar", "foobar"})
	want := map[string]int64{"foo-bar": 3}
	if got := n.byApp(map[string]int64{"foobar": 1, "FooBar": 2}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestByAppLaws(t *testing.T) {
	table := readTable()
	kind := rapid.OneOf(
		rapid.SampledFrom([]string{"Postgres", "PostgreSQL", "HTTPCache", "httpcache", "VirtualPrivateCloud", "Etcd", "Gadget"}),
		rapid.StringMatching(`[aA]-?[bB](-?[cC])?`),
	)
	rapid.Check(t, func(t *rapid.T) {
		n := newNames(table, rapid.SliceOf(rapid.SampledFrom([]string{"postgres", "httpcache", "http-cache", "abc", "a-b", "gadget"})).Draw(t, "list"))
		kinds := rapid.MapOf(kind, rapid.Int64Range(0, 1000)).Draw(t, "kinds")
		got := n.byApp(kinds)

		var in, out int64
		for _, v := range kinds {
			in += v
		}
		folded := make(map[string]string)
		for app, v := range got {
			out += v
			if other, ok := folded[fold(app)]; ok {
				t.Fatalf("%q and %q are one key in two spellings", app, other)
			}
			folded[fold(app)] = app
		}
		if in != out {
			t.Fatalf("%d instances came in, %d went out: %v", in, out, got)
		}
		// Maps are walked in another order each time.
		for range 5 {
			if again := n.byApp(maps.Clone(kinds)); fmt.Sprint(again) != fmt.Sprint(got) {
				t.Fatalf("first %v, then %v", got, again)
			}
		}
	})
}
