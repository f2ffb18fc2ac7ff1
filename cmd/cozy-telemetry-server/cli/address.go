package cli

import (
	"net"
	"net/netip"
)

// OnThisMachine is the host:port at which a listener can be reached from beside it. One
// on all addresses is on the loopback address too.
func OnThisMachine(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
