package e2e

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/repotest"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// identityKey is the key of the files of productsFile.
const identityKey = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// names are whose reports a file of productsFile has, of each product.
var names = map[string][]string{
	"synapse":   {"a.example.org", "b.example.org"},
	"coroot":    {"6f9619ff-8b86-4d01-b42d-00cf4fc964ff"},
	"kubeatlas": {"0123456789abcdef0123456789abcdef"},
}

// idOf returns the id of an instance, as a server with identityKey has it.
func idOf(name string) string {
	key, _ := hex.DecodeString(identityKey)
	return product.HashName(key, name)
}

// productsFile makes a file with three days of a cluster, and of instances of all products,
// in the month before this.
func productsFile(t *testing.T, dir string) (path string, month rollup.MonthID) {
	t.Helper()
	path, month = filepath.Join(dir, "telemetry.db"), thisMonth()-1
	s, err := store.Open(path, store.Options{Unfolded: []string{"kubeatlas"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}()
	key, _ := hex.DecodeString(identityKey)
	if err := s.UseIdentityKey(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	for day := range 3 {
		at := month.Start().Add(time.Duration(day)*24*time.Hour + 9*time.Hour)
		record(t, s, rollup.Report{Product: rollup.Cozystack, Instance: "cluster-a", Received: at, Samples: []rollup.Sample{
			{Series: `cozy_cluster_info{cozystack_version="v1.2.0"}`, Value: 1}, {Series: "cozy_nodes_count", Value: 3},
		}})
		for _, p := range products.All() {
			for i, name := range names[p.Name] {
				received := at.Add(time.Duration(i+day) * time.Hour)
				if p.Sessions {
					received = at.Truncate(24 * time.Hour)
				}
				record(t, s, rollup.Report{Product: p.Name, Instance: idOf(name), Received: received, Samples: samples(t, p)})
			}
		}
	}
	return path, month
}

func record(t *testing.T, s *store.Store, r rollup.Report) {
	t.Helper()
	if err := s.Record(t.Context(), r, nil); err != nil {
		t.Fatal(err)
	}
}

// samples are those of a product's full report.
func samples(t *testing.T, p product.Product) []rollup.Sample {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(repotest.Root, "product", p.Name, "testdata", p.Name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := product.NewDecoder(p, false)
	if err != nil {
		t.Fatal(err)
	}
	report, err := decoder.Decode(nil, body, func(string) string { return "Synapse/1.157.1" })
	if err != nil {
		t.Fatal(err)
	}
	return report.Samples
}

// A homeserver is forgotten by its name, in a file and by a running server, and nobody else
// is.
func TestForgetByName(t *testing.T) {
	t.Parallel()
	dir, mirror := t.TempDir(), filepath.Join(t.TempDir(), "snapshots")
	db, month := productsFile(t, dir)
	packed := func(name string) map[string][]byte {
		id, _ := hex.DecodeString(idOf(name))
		return map[string][]byte{"text": []byte(idOf(name)), "packed": id}
	}
	server := startServer(t, dir, "--snapshot-dir="+mirror)
	server.stop(t, syscall.SIGTERM) // the mirror is made
	a, b := packed("a.example.org"), packed("b.example.org")
	if found := search(t, a, dir, mirror); len(found) < 4 {
		t.Fatalf("before, it is only in %q", found)
	}
	for want, args := range map[string][]string{
		"names: nobody is known by name of kubeatlas":                   {"--product", "kubeatlas", "--name", "x"},
		`product: "dendrite" is none; there are cozystack, synapse`:     {"--product", "dendrite", "--name", "x"},
		"names: a cluster has none":                                     {"--name", "example.org"},
		`names: "a b" must be the name of a homeserver`:                 {"--product", "synapse", "--name", "a b"},
		"--cluster: is required, or --cluster-file, --name, or --from ": {"--product", "synapse"},
	} {
		if r := command(t, append([]string{"forget", "--db", db, "--yes"}, args...)...); r.code == 0 || !strings.Contains(r.errs, want) {
			t.Errorf("%q: %+v", args, r)
		}
	}
	args := []string{"forget", "--db", db, "--snapshot-dir", mirror, "--product", "synapse", "--name", "A.Example.org"}
	want := fmt.Sprintf(" records, and 0 lines that wait to be forwarded; from %s to %s\n", month, month)
	if out := succeed(t, append(args, "--dry-run")...); !strings.HasPrefix(out, "found: 1 synapse instance with ") || !strings.HasSuffix(out, want) {
		t.Errorf("a dry run says %q", out)
	}
	if out := succeed(t, append(args, "--yes")...); !strings.Contains(out, "and 3 lines of the mirror") {
		t.Errorf("it says %q", out)
	}
	if found := search(t, a, dir, mirror); len(found) > 0 {
		t.Errorf("it is still in %q", found)
	}
	if found := search(t, b, dir, mirror); len(found) < 4 {
		t.Errorf("another one is only in %q", found)
	}
	if r := command(t, append(args, "--yes")...); r.code != program.ExitFailure || !strings.Contains(r.errs, "1 synapse instance not found") {
		t.Errorf("once more: %+v", r)
	}
	succeed(t, "verify", "--db", db, "--snapshot-dir", mirror)

	server = startServer(t, dir, "--snapshot-dir="+mirror)
	asked := []string{"forget", "--admin-addr", adminOf(server), "--product", "synapse", "--name", "b.example.org", "--yes"}
	if out := succeed(t, asked...); !strings.Contains(out, "removed: 1 synapse instance with ") || !strings.Contains(out, "3 lines of the mirror") {
		t.Errorf("the server says %q", out)
	}
	server.stop(t, syscall.SIGTERM)
	if found := search(t, b, dir, mirror); len(found) > 0 {
		t.Errorf("the server has left it in %q", found)
	}
	if strings.Contains(server.logged(t), "example.org") {
		t.Error("the log has the name")
	}
	succeed(t, "verify", "--db", db, "--snapshot-dir", mirror)
	if out := succeed(t, "inspect", "--db", db); !strings.Contains(out, "coroot") || !strings.Contains(out, "cozystack") {
		t.Errorf("the others are gone:\n%s", out)
	}
}

// A file that is restored with its key goes on with the ids; without it that is told. Files
// of one key are merged, and others are not.
func TestRestoreAndMergeWithKeys(t *testing.T) {
	dir, mirror := t.TempDir(), filepath.Join(t.TempDir(), "snapshots")
	db, _ := productsFile(t, dir)
	server := startServer(t, dir, "--snapshot-dir="+mirror)
	server.stop(t, syscall.SIGTERM)
	keyFile := filepath.Join(t.TempDir(), "identity.key")
	if err := os.WriteFile(keyFile, []byte(identityKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	restored, keyless, other := filepath.Join(t.TempDir(), "restored.db"), filepath.Join(t.TempDir(), "keyless.db"), t.TempDir()
	succeed(t, "restore", "--snapshot-dir", mirror, "-o", restored, "--identity-key-file", keyFile)
	if r := command(t, "restore", "--snapshot-dir", mirror, "-o", keyless); r.code != 0 || !strings.Contains(r.errs, "note: the mirror has no key") {
		t.Errorf("without the key: %+v", r)
	}
	for _, file := range []string{restored, keyless} {
		succeed(t, "verify", "--db", file, "--snapshot-dir", mirror)
		succeed(t, "merge", db, file, "-o", file+".merged")
		if got := days(t, file+".merged"); got != days(t, db) {
			t.Errorf("merged\n%s", got)
		}
	}
	out := succeed(t, "forget", "--db", restored, "--product", "coroot", "--name", names["coroot"][0], "--dry-run")
	if !strings.Contains(out, "found: 1 coroot instance with 3 records") {
		t.Errorf("restored with its key: %s", out)
	}
	if r := command(t, "forget", "--db", keyless, "--product", "coroot", "--name", "x-1", "--dry-run"); r.code == 0 {
		t.Errorf("without a key: %+v", r)
	}

	stranger := openStore(t, filepath.Join(other, "telemetry.db"))
	if _, err := stranger.IdentityKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	record(t, stranger, rollup.Report{Product: "synapse", Instance: "x", Received: time.Now(), Samples: []rollup.Sample{{Series: "synapse_info", Value: 1}}})
	if err := stranger.Close(); err != nil {
		t.Fatal(err)
	}
	r := command(t, "merge", db, filepath.Join(other, "telemetry.db"), "-o", filepath.Join(other, "all.db"))
	if r.code != program.ExitFailure || !strings.Contains(r.errs, "give servers that share instances one --identity-key-file") {
		t.Errorf("two keys: %+v", r)
	}
	r = command(t, "--db-path", filepath.Join(other, "telemetry.db"), "--snapshot-dir=", "--identity-key-file", keyFile, "--listen-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0")
	if r.code != program.ExitFailure || !strings.Contains(r.errs, "the file has another one than is given") {
		t.Errorf("a server with another key: %+v", r)
	}
}

// What a server answers for a product, a copy of its file answers too, verify counts it
// again, and inspect tells what there is of each.
func TestOverviewAndVerifyOfProducts(t *testing.T) {
	dir, mirror := t.TempDir(), filepath.Join(t.TempDir(), "snapshots")
	db, month := productsFile(t, dir)
	server := startServer(t, dir, "--snapshot-dir="+mirror, "--products=cozystack,synapse,coroot,kubeatlas")
	served := make(map[string]string)
	for _, p := range products.All() {
		served[p.Name] = get(t, server.Public+month.Start().Format("/api/overview?year=2006&month=01&product=")+p.Name)
	}
	server.stop(t, syscall.SIGTERM)
	// But for the moment at which it was generated: the server may have collected the month
	// after it was asked.
	figures := func(answer string) string { return answer[strings.Index(answer, `"product":`):] }
	for name, want := range served {
		if got := succeed(t, "overview", "--db", db, "--product", name, "--month", month.String()); figures(got) != figures(want) || !strings.Contains(got, name) {
			t.Errorf("%s:\n%swas served as\n%s", name, got, want)
		}
	}
	r := command(t, "overview", "--db", db, "--product", "kubeatlas", "--month", month.String(), "--aggregate", "distinct")
	if r.code == 0 || !strings.Contains(r.errs, "has sessions") {
		t.Errorf("distinct sessions: %+v", r)
	}
	if out := succeed(t, "verify", "--db", db, "--snapshot-dir", mirror); strings.Contains(out, "note: snapshot") || !strings.Contains(out, " snapshots, ") {
		t.Errorf("verify says\n%s", out)
	}
	first, last := month.First(), month.First()+2
	out := succeed(t, "inspect", "--db", db)
	for _, want := range []string{
		fmt.Sprintf(`(?m)^synapse +2 +3 +%s +%s +1 `, first, last), fmt.Sprintf(`(?m)^kubeatlas +1 +3 +%s +%s +1 `, first, last),
		fmt.Sprintf(`(?m)^%s +coroot +1 +3 `, month),
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("inspect lacks %s:\n%s", want, out)
		}
	}

	s := openStore(t, db)
	wrong, _, err := s.ProductSnapshot("synapse", month)
	if err != nil {
		t.Fatal(err)
	}
	wrong.Instances++
	if _, err := s.OfferProductSnapshot(t.Context(), wrong); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if r := command(t, "verify", "--db", db); r.code == 0 || !strings.Contains(r.out, "of synapse: the rollups count less: instances is 2, and 3 in the snapshot") {
		t.Errorf("a snapshot that claims too much: %+v", r)
	}
}

// Instances of a product are excluded by name, in a file and by a server, and the months
// that are final are counted again; include undoes it.
func TestExcludeOfProducts(t *testing.T) {
	dir, mirror := t.TempDir(), filepath.Join(t.TempDir(), "snapshots")
	db, month := productsFile(t, dir)
	instances := func(want int) {
		t.Helper()
		out := succeed(t, "overview", "--db", db, "--product", "synapse", "--month", month.String())
		if !strings.Contains(out, fmt.Sprintf(`"instances":%d`, want)) {
			t.Errorf("not %d instances:\n%s", want, out)
		}
	}
	start := func() *process { return startServer(t, dir, "--snapshot-dir="+mirror, "--products=cozystack,synapse") }
	server := start()
	get(t, server.Public+month.Start().Format("/api/overview?year=2006&month=01&product=synapse")) // it is stored
	server.stop(t, syscall.SIGTERM)
	instances(2)
	named := []string{"--product", "synapse", "--name", "B.example.org"}
	if out := succeed(t, append([]string{"exclude", "--db", db}, named...)...); !strings.Contains(out, "2 -> 1") || !strings.Contains(out, "1 synapse instance to exclude") {
		t.Errorf("without --apply: %s", out)
	}
	instances(2)
	if out := succeed(t, append([]string{"exclude", "--db", db, "--apply"}, named...)...); !strings.Contains(out, "1 synapse instance excluded; the figures leave out 1 in all") {
		t.Errorf("applied: %s", out)
	}
	instances(1)
	succeed(t, "verify", "--db", db)
	if out := succeed(t, "exclude", "--db", db, "--list"); !strings.Contains(out, idOf("b.example.org")) {
		t.Errorf("the list: %s", out)
	}
	server = start()
	if out := succeed(t, append([]string{"include", "--admin-addr", adminOf(server), "--apply"}, named...)...); !strings.Contains(out, "1 -> 2") {
		t.Errorf("the server includes: %s", out)
	}
	server.stop(t, syscall.SIGTERM)
	instances(2)
	succeed(t, "verify", "--db", db, "--snapshot-dir", mirror)
	r := command(t, "exclude", "--db", db, "--product", "synapse", "--min-nodes", "3")
	if r.code == 0 || !strings.Contains(r.errs, "min-nodes: synapse has no nodes") {
		t.Errorf("nodes of Synapse: %+v", r)
	}
}
