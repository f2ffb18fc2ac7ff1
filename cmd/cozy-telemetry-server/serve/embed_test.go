package serve

import "testing"

func TestEmbedOrigins(t *testing.T) {
	for _, good := range []string{"https://example.org", "http://127.0.0.1:8000", "https://a-b.example.org:8443", "http://localhost", "http://localhost:80"} {
		if err := checkOrigins([]string{good}); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{
		"", "*", "'self'", "https:", "https://", "example.org", "https://example.org/", "https://example.org/page", "https://*.example.org",
		"https://Example.org", "https://user@example.org", "https://example.org?x", "https://example.org#x", "https://example.org;script-src",
		"https://a b", "https://a.org 'unsafe-inline'", "javascript://x", "https://exa\nmple.org", "https://exämple.org", "data:text/html,x",
		"http://[::1]:80", "http://::1", "https://example.org:", "https://example.org:https", "https://a..b", "https://.example.org", "https://example.org.",
	} {
		if checkOrigins([]string{"https://example.org", bad}) == nil {
			t.Errorf("%q passes", bad)
		}
	}
}
