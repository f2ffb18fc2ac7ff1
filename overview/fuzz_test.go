package overview

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/overview/mirror"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
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
		strings.Replace(oneCluster, `{}`, `null`, 1), strings.Replace(oneCluster, `{"metric":{},"value":[1,"1"]}`, `null`, 1),
		strings.Replace(oneCluster, `"value"`, `"histogram"`, 1),
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
		l, err := r.hear(t.Context(), window{id, id}, everything, r.exclusions())
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
func checkPeriods(t *testing.T, c published.Overview) {
	t.Helper()
	for _, p := range []published.Period{c.Periods.Month, c.Periods.Quarter, c.Periods.Year} {
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
	file, err := mirror.EncodeMonth(s)
	if err != nil {
		t.Fatal(err)
	}
	read, err := mirror.DecodeMonth(file, s.Month)
	if err != nil {
		t.Fatalf("%v in\n%s", err, file)
	}
	if again, err := mirror.EncodeMonth(read); err != nil || !bytes.Equal(again, file) {
		t.Fatalf("%s\nbecame\n%s, %v", file, again, err)
	}
}
