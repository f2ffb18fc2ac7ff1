package overview

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// sameAnswers is a vmselect that says the same to all questions, but for that of
// the kinds.
type sameAnswers struct {
	status        int
	figure, kinds []byte
}

func (a sameAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, err
	}
	body := a.figure
	if strings.HasPrefix(form.Get("query"), "sum by (kind)") {
		body = a.kinds
	}
	return &http.Response{StatusCode: a.status, Request: r, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}, nil
}

const twoKinds = `{"status":"success","data":{"resultType":"vector","result":[` +
	`{"metric":{"kind":"Redis"},"value":[1,"3"]},{"metric":{"kind":"<b>"},"value":[1,"0.5"]}]}}`

// FuzzVMSelectAnswer holds that whatever comes from vmselect is refused, or makes
// figures that can be: in the answer, and in the file of the month, which is read
// again as it was written.
func FuzzVMSelectAnswer(f *testing.F) {
	for _, seed := range []string{
		"", "<html>", "null", "{}", "[]", `{"status":"success"}`, oneCluster, twoKinds, oneCluster[:60],
		answering("NaN"), answering("+Inf"), answering("-Inf"), answering("-1"), answering("-0"), answering("0"), answering("0.4"),
		answering("1e308"), answering("9007199254740992"), answering("9007199254740994"), answering("32"), answering("x"), answering(""),
		strings.Replace(oneCluster, `[1,`, `[-1e300,`, 1), strings.Replace(oneCluster, `{}`, `{"kind":"\ud800"}`, 1),
		strings.Replace(oneCluster, `{}`, `null`, 1), strings.Replace(oneCluster, `"value"`, `"histogram"`, 1),
		strings.Replace(oneCluster, `"vector"`, `"matrix"`, 1), strings.Replace(oneCluster, `"vector"`, `"scalar"`, 1),
		strings.Replace(oneCluster, `"success"`, `"error"`, 1), strings.Replace(oneCluster, `{`, `{"isPartial":true,`, 1),
		strings.Replace(oneCluster, `{`, `{"isPartial":1,`, 1), strings.Replace(oneCluster, `{`, `{"warnings":["x"],`, 1),
		strings.Replace(twoKinds, `<b>`, `Redis`, 1), strings.Replace(twoKinds, `"0.5"`, `"9007199254740992"`, 1),
		strings.Repeat("[", 10_000), oneCluster + oneCluster,
	} {
		f.Add(200, []byte(seed), []byte(twoKinds))
		f.Add(200, []byte(oneCluster), []byte(seed))
		f.Add(400, []byte(seed), []byte("unsupported path requested"))
	}
	f.Add(204, []byte(oneCluster), []byte(twoKinds))
	f.Fuzz(func(t *testing.T, status int, figure, kinds []byte) {
		if status < 100 || status > 999 {
			return // net/http refuses it
		}
		cfg := newFakeVM().config()
		cfg.Transport = sameAnswers{status, figure, kinds}
		r := newRig(t, "2026-04-10T00:00:00Z", cfg)
		id := monthID(t, "2026-03")
		l, err := r.hear(t.Context(), window{id, id}, everything)
		got := r.serve("GET", "/api/overview?year=2026&month=3")
		if err != nil || !l.value.known {
			if got.Code != http.StatusServiceUnavailable && got.Code != http.StatusNotFound {
				t.Fatalf("%v, but the answer is %d %s", err, got.Code, got.Body)
			}
			return
		}
		if got.Code != http.StatusOK {
			t.Fatalf("%+v, but the answer is %d %s", l.value, got.Code, got.Body)
		}
		checkPeriods(t, decode(t, got.Body.Bytes()))
		checkMonthFile(t, r.store.snapshots[id])
	})
}

// checkPeriods holds figures to what can be.
func checkPeriods(t *testing.T, c content) {
	t.Helper()
	for _, p := range []period{c.Periods.Month, c.Periods.Quarter, c.Periods.Year} {
		counts := []int64{p.Clusters, p.TotalNodes, p.TotalTenants}
		for _, n := range p.Apps {
			counts = append(counts, n)
		}
		for _, n := range counts {
			if n < 0 || n > rollup.MaxValue {
				t.Fatalf("%+v", p)
			}
		}
		if p.ConfirmedClusters != nil && (*p.ConfirmedClusters < 0 || *p.ConfirmedClusters > *p.UniqueClusters) {
			t.Fatalf("%d confirmed of %d", *p.ConfirmedClusters, *p.UniqueClusters)
		}
	}
}

// checkMonthFile writes a snapshot as the mirror does, and reads it again.
func checkMonthFile(t *testing.T, s rollup.Snapshot) {
	t.Helper()
	file, err := encodeMonth(s)
	if err != nil {
		t.Fatal(err)
	}
	read, err := decodeMonth(file, s.Month)
	if err != nil {
		t.Fatalf("%v in\n%s", err, file)
	}
	if again, err := encodeMonth(read); err != nil || !bytes.Equal(again, file) {
		t.Fatalf("%s\nbecame\n%s, %v", file, again, err)
	}
}

// FuzzManifest puts any bytes into the place of the mirror's manifest. Syncing
// goes on, touches only the mirror's own files, and leaves the manifest right.
func FuzzManifest(f *testing.F) {
	for _, seed := range []string{
		"", "null", "{", `{"database":"db-1"}`, `{"database":"db-1","days":null}`, `{"database":"db-1","days":{"../../x":{}}}`,
		`{"database":"db-1","days":{"2026-03-01":{"version":1,"bytes":-1,"sha256":""}}}`, `{"database":"db-1","days":{"2026-02-01":{"version":1}}}`,
		`{"database":"db-1","days":{"keep":{"version":18446744073709551615}}}`, `{"database":"other","days":{"2026-02-01":{}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, manifest []byte) {
		dir, s := t.TempDir(), newMemStore("db-1")
		put(t, dir, filepath.Join(dayFolderName, manifestName), string(manifest))
		put(t, dir, filepath.Join(dayFolderName, "keep.jsonl"), "x")
		put(t, dir, "keep", "x")
		repair(t, dir, s)
		want := folder(t, dir)
		if want["keep"] != "x" || want[filepath.Join(dayFolderName, "keep.jsonl")] != "x" {
			t.Fatalf("a file of others is gone: %v", want)
		}
		repair(t, dir, s)
		if got := folder(t, dir); !reflect.DeepEqual(got, want) {
			t.Fatalf("repaired\n%v, repaired again\n%v", want, got)
		}
	})
}

// FuzzMonthImport puts any bytes into the place of a month's file. It is left as
// it is, or taken over and from then on written as it was read.
func FuzzMonthImport(f *testing.F) {
	for _, seed := range []string{
		original, "", "null", "{}", strings.Replace(original, `"month"`, `"Month"`, 1),
		strings.Replace(original, `"month"`, `"source":"rollups","kinds":{"Redis":1},"confirmed_clusters":3,"month"`, 1),
		strings.Replace(original, `"month"`, `"source":"imported","final":true,"days_with_data":31,"month"`, 1),
		strings.Replace(original, `"month"`, `"source":"mixed","month"`, 1),
		strings.Replace(original, `"apps"`, `"apps":{"<script>":1},"x"`, 1),
		strings.Replace(original, `"apps"`, `"apps":{"redis":9007199254740993},"x"`, 1),
		strings.Replace(original, `"apps"`, `"apps":{"redis":-1},"x"`, 1),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		dir, s := t.TempDir(), newMemStore("db-1")
		path := filepath.Join(dir, "2026-03.json")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		found := repair(t, dir, s)
		written, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(found.Imported) == 0 {
			if len(found.Warnings) != 1 || !bytes.Equal(written, file) {
				t.Fatalf("warnings %v, the file became %s", found.Warnings, written)
			}
			return
		}
		if !json.Valid(written) {
			t.Fatalf("written: %s", written)
		}
		checkMonthFile(t, s.snapshots[march])
		for app, n := range s.snapshots[march].Apps {
			if n < 0 || n > rollup.MaxValue {
				t.Fatalf("%d of %s", n, app)
			}
		}
		other := newMemStore("db-2")
		repair(t, dir, other)
		if !reflect.DeepEqual(other.snapshots, s.snapshots) {
			t.Fatalf("imported %+v, then %+v", s.snapshots, other.snapshots)
		}
	})
}
