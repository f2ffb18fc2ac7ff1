package ingest

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// The length of the prefixes that are one network: what one customer of a
// provider usually gets.
const (
	prefix4 = 24
	prefix6 = 48
)

// The length of the prefixes that are one region: what a provider has of its
// registry, or a part of that.
const (
	region4 = 16
	region6 = 32
)

// shared is used behind carriers' NAT and between the nodes of Kubernetes
// clusters (RFC 6598), so it says as little of an origin as a private address.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// Proxies are the networks of the proxies in front of the server.
type Proxies []netip.Prefix

func (p Proxies) has(addr netip.Addr) bool {
	return slices.ContainsFunc(p, func(proxy netip.Prefix) bool { return proxy.Contains(addr) })
}

// origin returns the address that a request came from: the rightmost one that is
// no proxy of ours, since whatever is to the left of it can be invented. It is
// invalid if nothing but our proxies is known, as with a malformed header.
func (p Proxies) origin(r *http.Request) netip.Addr {
	hop, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := plain(hop.Addr())
	if !p.has(addr) {
		return addr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, text := range slices.Backward(hops) {
		if addr = parseHop(strings.TrimSpace(text)); !p.has(addr) {
			return addr
		}
	}
	return netip.Addr{}
}

// parseHop reads an address of X-Forwarded-For. Some proxies write the port too,
// as of a peer, and IPv6 in brackets. What is no address is the invalid one.
func parseHop(text string) netip.Addr {
	if hop, err := netip.ParseAddrPort(text); err == nil {
		return plain(hop.Addr())
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		text = strings.TrimSuffix(inner, "]")
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return plain(addr)
}

// plain returns an address as networks hold it: no prefix contains one with a zone.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// networkOf returns the network of an address. An address that is not of the
// internet has none: it is a proxy's that nobody has named, and all the world
// may be behind it.
func networkOf(addr netip.Addr) netip.Prefix {
	if !addr.IsGlobalUnicast() || addr.IsPrivate() || shared.Contains(addr) {
		return netip.Prefix{}
	}
	bits := prefix6
	if addr.Is4() {
		bits = prefix4
	}
	network, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // can't be: no address is shorter
	}
	return network
}

// regionOf returns the region that a network is of.
func regionOf(network netip.Prefix) netip.Prefix {
	bits := region6
	if network.Addr().Is4() {
		bits = region4
	}
	return netip.PrefixFrom(network.Addr(), bits).Masked()
}
