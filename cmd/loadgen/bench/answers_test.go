package bench

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// An answer that is not what was asked for says what it is.
func TestWrongAnswersSayWhatIsWrong(t *testing.T) {
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "too much is asked", http.StatusServiceUnavailable)
	}))
	defer busy.Close()
	_, _, err := (&lab{Options: Options{Now: time.Now}}).browse(t.Context(), busy.URL)
	if want := "bench: " + busy.URL + " answers 503 Service Unavailable: too much is asked"; err == nil || strings.TrimSpace(err.Error()) != want {
		t.Errorf("%v", err)
	}

	const good = `{"periods":{"year":{"months":12,"source":"rollups","unique_clusters":3,"clusters":3}}}`
	if n, err := distinctClusters([]byte(good)); n != 3 || err != nil {
		t.Errorf("%d clusters, error %v", n, err)
	}
	for _, wrong := range [][2]string{
		{`"months":12`, `"months":11`}, {`"rollups"`, `"victoriametrics"`}, {`"unique_clusters":3`, `"unique_clusters":2`},
		{`"unique_clusters":3,"clusters":3`, `"a":1`},
	} {
		body := strings.Replace(good, wrong[0], wrong[1], 1)
		if _, err := distinctClusters([]byte(body)); err == nil || err.Error() != "bench: the answer is wrong: "+body {
			t.Errorf("%v", err)
		}
	}
	if _, err := distinctClusters([]byte(good[1:])); err == nil || !strings.Contains(err.Error(), "invalid character") {
		t.Errorf("%v", err)
	}
}
