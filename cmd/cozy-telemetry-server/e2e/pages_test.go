package e2e

import (
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/others"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// TestPages opens what the public sees of two years of a fleet, and of three products beside
// it, in Chromium. Each of its tests is a visitor of their own, and fails for
// whatever a page does wrong by the way: see witness.
func TestPages(t *testing.T) {
	b := startBrowser(t)
	clusters := 150
	if *pictures != "" {
		clusters = 500
	}
	products := map[string]int{others.Synapse: 15, others.Coroot: 12, others.KubeAtlas: 15}
	server := startPages(t, fleetOfPages(t, clusters, products, thisMonth()-23, thisMonth(), time.Now()))
	for name, test := range map[string]func(*testing.T, *browser, *process){
		"figures":            testFiguresAreTheAnswers,
		"figures of others":  testFiguresOfProducts,
		"without JavaScript": testWithoutScripts,
		"links":              testLinks,
		"month picker":       testMonthPicker,
		"keyboard":           testKeyboard,
		"theme":              testTheme,
		"looks":              testLooks,
		"print":              testPrint,
		"axe":                testAxe,
		"frames":             testFrames,
		"prose":              testProse,
		"wrong addresses":    testWrongAddresses,
	} {
		t.Run(name, func(t *testing.T) { test(t, b, server) })
	}
}

// fleetOfPages makes a file with the history of clusters and of other products, as if it were
// now.
func fleetOfPages(t *testing.T, clusters int, products map[string]int, from, to rollup.MonthID, now time.Time) (dir string) {
	t.Helper()
	dir = t.TempDir()
	_, err := load.DB(t.Context(), load.DBOptions{
		Path: filepath.Join(dir, "telemetry.db"), From: from, To: to, Every: 24 * time.Hour, Now: func() time.Time { return now },
		Fleet:    fleet.Config{Clusters: clusters, Lifelike: true},
		Products: products,
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// startPages starts a server that takes all products and answers on a file, and waits until it
// has counted what its pages do not wait for.
func startPages(t *testing.T, dir string, flags ...string) *process {
	t.Helper()
	server := startServer(t, dir, append([]string{"--products=cozystack,synapse,coroot,kubeatlas", "--limits=off"}, flags...)...)
	get(t, server.at("/api/adoption"))
	return server
}

// at is the address of a page with what is chosen, in pairs of a name and a value.
func (p *process) at(path string, chosen ...string) string {
	query := url.Values{}
	for i := 0; i < len(chosen); i += 2 {
		query.Set(chosen[i], chosen[i+1])
	}
	if len(query) == 0 {
		return p.Public + path
	}
	return p.Public + path + "?" + query.Encode()
}
