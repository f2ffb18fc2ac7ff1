package ingest

import (
	"net/http"
	"net/netip"
	"sync"
)

// A ProxySign tells of a proxy that nobody has named, or that does not say whose
// requests it brings.
type ProxySign int

const (
	// ForwardedByPrivate is X-Forwarded-For from a private address that is not named.
	ForwardedByPrivate ProxySign = iota
	// ForwardedByPublic is the same from a public one: a proxy of the server's
	// operator, or of the sender's.
	ForwardedByPublic
	// PrivateOrigins is many clusters that seem to be at private addresses. It may
	// also be a closed network.
	PrivateOrigins
)

// manyClusters is how many ids from private addresses no longer look like a trial.
const manyClusters = 10

// proxyWatch finds the signs. It keeps no address. Concurrent calls are safe.
type proxyWatch struct {
	proxies Proxies
	tell    func(ProxySign) // may be nil

	mu      sync.Mutex
	private int     // ids that came from private addresses, up to manyClusters
	told    [2]bool // of the signs of X-Forwarded-For
}

// see looks at the request of an id that is not tracked, and at the network that it
// came from.
func (w *proxyWatch) see(r *http.Request, network netip.Prefix) {
	sign, ok := w.sign(w.forwardedUnnamed(r), network.IsValid())
	if ok && w.tell != nil {
		w.tell(sign)
	}
}

// forwardedUnnamed tells whether a peer that is no proxy of ours says whose request
// it brings.
func (w *proxyWatch) forwardedUnnamed(r *http.Request) bool {
	hop, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && !w.proxies.has(plain(hop.Addr())) && r.Header.Get("X-Forwarded-For") != ""
}

// sign returns what a request is a sign of, if that is to be told now.
func (w *proxyWatch) sign(forwarded, public bool) (ProxySign, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case forwarded && public:
		return ForwardedByPublic, w.first(ForwardedByPublic)
	case forwarded:
		return ForwardedByPrivate, w.first(ForwardedByPrivate)
	case public || w.private == manyClusters:
		return 0, false
	}
	w.private++
	return PrivateOrigins, w.private == manyClusters
}

// first tells whether a sign is new. The caller holds the mutex.
func (w *proxyWatch) first(sign ProxySign) bool {
	told := w.told[sign]
	w.told[sign] = true
	return !told
}
