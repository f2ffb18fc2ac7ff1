package ingest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/product/synapse"
)

// previewFrom asks for a preview of a report from an address.
func previewFrom(p *Previewer, from, body string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, "/api/preview", strings.NewReader(body))
	req.RemoteAddr = from
	answer := httptest.NewRecorder()
	p.ServeHTTP(answer, req)
	return answer
}

// Each network has its own limit on previews, and all that come from none share one. A preview
// asks the recorder for nothing.
func TestPreviewsByNetwork(t *testing.T) {
	h, err := NewHandler(nil, Config{Now: func() time.Time { return noon }, Senders: &SenderLimits{Burst: 2}})
	if err != nil {
		t.Fatal(err)
	}
	p := h.Previewer()
	for _, tt := range []struct {
		from   string
		status int
	}{
		{"198.51.100.1:1", 200},
		{"198.51.100.2:1", 200},
		{"198.51.100.3:1", 429},
		{"198.51.101.1:1", 200},
		{"10.0.0.1:1", 200},
		{"192.168.0.1:1", 200},
		{"127.0.0.1:1", 429},
	} {
		if answer := previewFrom(p, tt.from, "cozy_a 1\n"); answer.Code != tt.status {
			t.Errorf("from %s: %d %s", tt.from, answer.Code, answer.Body)
		}
	}
}

// Previews come through the gates of reports, and leave nothing there. Their answers have a
// bound of their own: who reads them slowly keeps no report waiting.
func TestPreviewsAreBounded(t *testing.T) {
	h, err := NewHandler(nil, Config{Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	of, err := h.Of(Product{Table: synapse.Product()})
	if err != nil {
		t.Fatal(err)
	}
	const name = `{"homeserver":"example.org"}`
	for _, p := range []*Previewer{h.Previewer(), of.Previewer()} {
		for _, body := range []string{"cozy_a 1\n", largeBody(2 * ownBytes), "oops", name, strings.Repeat(" ", 2*ownBytes) + name} {
			previewFrom(p, "198.51.100.1:1", body)
		}
	}
	if !h.budget.free() || !h.previews.TryAcquire(previewBytes) {
		t.Fatal("previews leave something in the budget")
	}
	h.budget = newBudget(h.config.Limits, h.config.Parses)
	answer := previewFrom(h.Previewer(), "198.51.100.1:1", "cozy_a 1\n")
	if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") != "30" || !h.budget.free() {
		t.Errorf("with no room for an answer: %d %s", answer.Code, answer.Body)
	}
}

// An answer is not many times as long as its report for signs that only HTML has to fear, and
// one that is larger than all room goes alone.
func TestLargePreviews(t *testing.T) {
	h, err := NewHandler(nil, Config{Now: func() time.Time { return noon }, Limits: Limits{BodyBytes: 8 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	for sign, most := range map[string]int{"<": 4, "\x01": 16} {
		line := `cozy_a{k="` + strings.Repeat(sign, 900) + `",n="`
		var body strings.Builder
		for i := range 3500 {
			fmt.Fprintf(&body, "%s%d\"} 1\n", line, i)
		}
		answer := previewFrom(h.Previewer(), "198.51.100.1:1", body.String())
		if answer.Code != http.StatusOK || answer.Body.Len() > most*body.Len() {
			t.Errorf("%q: %d with %d bytes for %d", sign, answer.Code, answer.Body.Len(), body.Len())
		}
		if sign != "<" && answer.Body.Len() <= previewBytes {
			t.Errorf("%d bytes have room", answer.Body.Len())
		}
	}
	if !h.previews.TryAcquire(previewBytes) {
		t.Error("an answer has left less room")
	}
}
