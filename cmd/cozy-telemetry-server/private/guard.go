// Package private is who may ask the private listener of a server. The server's [Guard]
// lets requests in (guard.go); what it may ask for is a [Token], which the commands
// that ask a server bring (token.go): they ask with a [Client] (client.go).
package private

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/ingest/jsonerror"
)

// Guard keeps web pages away from the private listener, which a browser may reach where
// its page may not: on a machine where an operator forwards the port. Its zero value
// asks for no token. It does not change, so any number may use it at once.
type Guard struct {
	// Hosts are the names by which the listener is asked, beside addresses and localhost.
	Hosts []string
	// Token is what a request must bring. The zero token asks for nothing.
	Token Token
}

// Protect hands on what may be asked for. A page reaches the listener by a name of its
// own that it lets lead there (DNS rebinding), so that a Host must be one that nobody
// else can have; or from its own origin, which the browser tells.
func (g Guard) Protect(next http.Handler) http.Handler {
	across := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		switch {
		case !g.isHost(r.Host):
			jsonerror.Write(w, http.StatusForbidden, "this host is not in --admin-hosts; an address and localhost need not be")
		case across.Check(asPost(r)) != nil:
			jsonerror.Write(w, http.StatusForbidden, "another site's pages may not ask")
		case !g.Token.cameWith(r):
			w.Header().Set("WWW-Authenticate", "Bearer")
			jsonerror.Write(w, http.StatusUnauthorized, "the token of --admin-token-file is missing or wrong")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// isHost tells whether the listener may be asked by a host, with a port or without.
func (g Guard) isHost(host string) bool {
	name := (&url.URL{Host: host}).Hostname()
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	name = strings.TrimSuffix(name, ".")
	for _, known := range append([]string{"localhost"}, g.Hosts...) {
		if strings.EqualFold(name, known) {
			return true
		}
	}
	return false
}

// asPost is a request as one that changes something: reading costs here too, a copy of
// the file or a profile of half a minute.
func asPost(r *http.Request) *http.Request {
	post := *r
	post.Method = http.MethodPost
	return &post
}

// CheckHosts refuses names that no Host could be.
func CheckHosts(names []string) error {
	for _, name := range names {
		if name == "" || strings.HasSuffix(name, ".") || strings.ContainsAny(name, " \t:/[]*@") {
			return fmt.Errorf("--admin-hosts: %q is not a host's name without its port, such as telemetry-admin.example.org", name)
		}
	}
	return nil
}
