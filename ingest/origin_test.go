package ingest

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestOrigin(t *testing.T) {
	proxies := Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48"), netip.MustParsePrefix("203.0.113.7/32")}
	tests := map[string]struct {
		peer      string
		forwarded []string
		want      string // "" if none
	}{
		"no proxy":                    {"198.51.100.1:5", nil, "198.51.100.1"},
		"no proxy, the header lies":   {"198.51.100.1:5", []string{"192.0.2.1"}, "198.51.100.1"},
		"behind a proxy":              {"10.1.2.3:5", []string{"192.0.2.1"}, "192.0.2.1"},
		"behind two proxies":          {"10.1.2.3:5", []string{"192.0.2.1, 203.0.113.7"}, "192.0.2.1"},
		"two headers":                 {"10.1.2.3:5", []string{"192.0.2.1", "203.0.113.7"}, "192.0.2.1"},
		"what is to the left may lie": {"10.1.2.3:5", []string{"192.0.2.9,192.0.2.1"}, "192.0.2.1"},
		"rubbish to the left":         {"10.1.2.3:5", []string{"rubbish,192.0.2.1"}, "192.0.2.1"},
		"rubbish":                     {"10.1.2.3:5", []string{"192.0.2.1, rubbish"}, ""},
		"with a port":                 {"10.1.2.3:5", []string{"192.0.2.9, 192.0.2.1:80"}, "192.0.2.1"},
		"a proxy with a port":         {"10.1.2.3:5", []string{"192.0.2.1, 203.0.113.7:80"}, "192.0.2.1"},
		"IPv6 in brackets":            {"10.1.2.3:5", []string{"[2001:db8:2::1]"}, "2001:db8:2::1"},
		"IPv6 with a port":            {"10.1.2.3:5", []string{"[2001:db8:2::1]:80"}, "2001:db8:2::1"},
		"half a bracket":              {"10.1.2.3:5", []string{"2001:db8:2::1]"}, ""},
		"a proxy with a zone":         {"[2001:db8:1::1%en0]:5", []string{"192.0.2.1"}, "192.0.2.1"},
		"empty header":                {"10.1.2.3:5", []string{""}, ""},
		"no header":                   {"10.1.2.3:5", nil, ""},
		"proxies alone":               {"10.1.2.3:5", []string{"10.9.9.9"}, ""},
		"IPv6":                        {"[2001:db8:2::1]:5", nil, "2001:db8:2::1"},
		"IPv6 behind a proxy":         {"[2001:db8:1::1]:5", []string{"2001:db8:2::1"}, "2001:db8:2::1"},
		"IPv4 in IPv6":                {"[::ffff:10.1.2.3]:5", []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		"no peer":                     {"@", []string{"192.0.2.1"}, ""},
	}
	for name, tt := range tests {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.RemoteAddr = tt.peer
		r.Header["X-Forwarded-For"] = tt.forwarded
		got := proxies.origin(r)
		if tt.want == "" && got.IsValid() || tt.want != "" && got.String() != tt.want {
			t.Errorf("%s: got %v, want %q", name, got, tt.want)
		}
	}
}

func TestNetworkOf(t *testing.T) {
	for text, want := range map[string]string{
		"198.51.100.77":       "198.51.100.0/24",
		"2001:db8:1:2::3":     "2001:db8:1::/48",
		"2001:db8:1:2::3%en0": "2001:db8:1::/48",
		"127.0.0.1":           "", "10.1.2.3": "", "172.16.0.1": "", "192.168.1.1": "", "169.254.1.1": "", "100.64.0.9": "", "0.0.0.0": "",
		"::1": "", "fe80::1%eth0": "", "fd00::1": "", "::": "", "224.0.0.1": "",
	} {
		got := networkOf(netip.MustParseAddr(text))
		if want == "" && got.IsValid() || want != "" && got.String() != want {
			t.Errorf("%s: got %v, want %q", text, got, want)
		}
	}
	if networkOf(netip.Addr{}).IsValid() {
		t.Error("no address has a network")
	}
}
