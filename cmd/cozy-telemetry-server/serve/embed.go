package serve

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
)

// hostName is what a browser takes as the name of a host in a policy. What else is written
// there could be a word of the policy itself.
var hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

// checkOrigins returns an error for an origin that browsers would not compare as meant.
func checkOrigins(origins []string) error {
	for _, origin := range origins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || origin != u.Scheme+"://"+u.Host || !isHost(u) {
			return fmt.Errorf("--embed-origins: %q is no origin: write scheme and host in small letters, such as https://example.org or http://127.0.0.1:8000, and no path", origin)
		}
	}
	return nil
}

func isHost(u *url.URL) bool {
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return true
	}
	return hostName.MatchString(u.Hostname())
}
