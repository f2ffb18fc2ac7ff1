package serve

import (
	"fmt"
	"regexp"
)

// anOrigin is what browsers take as an origin in a policy. What else is written there could be
// a word of the policy itself, or nothing that they understand, as an IPv6 address is.
var anOrigin = regexp.MustCompile(`^https?://[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{1,5})?$`)

// checkOrigins returns an error for an origin that browsers would not compare as meant.
func checkOrigins(origins []string) error {
	for _, origin := range origins {
		if !anOrigin.MatchString(origin) {
			return fmt.Errorf("--embed-origins: %q is no origin: write scheme and host in small letters, such as https://example.org or http://127.0.0.1:8000, and no path", origin)
		}
	}
	return nil
}
