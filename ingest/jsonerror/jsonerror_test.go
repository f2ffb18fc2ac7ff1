package jsonerror

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestWrite(t *testing.T) {
	// Texts may quote what a client has sent.
	const text = "line 2: \"a\x00\u202e</script>\" is no number\n"
	w := httptest.NewRecorder()
	w.Header().Set("Retry-After", "30")
	Write(w, http.StatusServiceUnavailable, text)
	var got struct{ Error string }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Error != text {
		t.Errorf("%q reads as %q, %v", w.Body, got.Error, err)
	}
	h := w.Header()
	if w.Code != http.StatusServiceUnavailable || h.Get("Content-Type") != "application/json" ||
		h.Get("Cache-Control") != "no-store" || h.Get("Retry-After") != "30" {
		t.Errorf("status %d, header %v", w.Code, h)
	}
}
