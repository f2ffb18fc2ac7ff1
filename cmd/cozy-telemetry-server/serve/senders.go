package serve

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/pflag"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/ingest"
)

func bindSenderFlags(f *pflag.FlagSet, c *Config) {
	l, d := &c.senders, ingest.DefaultSenderLimits()
	f.IntVar(&l.Burst, "id-burst", d.Burst, "how many reports of one cluster are taken at once")
	cli.DurationVar(f, &l.Every, "id-every", d.Every, "how long until one more of them is")
	f.IntVar(&l.NewBurst, "new-ids-burst", d.NewBurst, "how many new cluster ids are taken at once")
	cli.DurationVar(f, &l.NewEvery, "new-ids-every", d.NewEvery, "how long until one more of them is")
	f.IntVar(&l.NetworkNewBurst, "network-new-ids-burst", d.NetworkNewBurst, "how many new cluster ids of one network (IPv4 /24, IPv6 /48) are taken at once")
	cli.DurationVar(f, &l.NetworkNewEvery, "network-new-ids-every", d.NetworkNewEvery, "how long until one more of them is")
	f.StringSliceVar(&c.trustedProxies, "trusted-proxies", nil, "addresses and networks of proxies whose X-Forwarded-For counts")
}

// senderLimits returns the limits per sender, nil if they are switched off.
func (c Config) senderLimits() *ingest.SenderLimits {
	if c.limits == "off" {
		return nil
	}
	proxies, err := parseProxies(c.trustedProxies)
	if err != nil {
		proxies = nil // checked before: can't be
	}
	limits := c.senders
	limits.Proxies = proxies
	return &limits
}

func (c Config) checkSenders() error {
	const most, longest = 1_000_000, 24 * time.Hour
	l := c.senders
	_, err := parseProxies(c.trustedProxies)
	return errors.Join(
		cli.CheckRange("id-burst", l.Burst, 1, most),
		cli.CheckRange("id-every", l.Every, time.Millisecond, longest),
		cli.CheckRange("new-ids-burst", l.NewBurst, 1, most),
		cli.CheckRange("new-ids-every", l.NewEvery, time.Millisecond, longest),
		cli.CheckRange("network-new-ids-burst", l.NetworkNewBurst, 1, most),
		cli.CheckRange("network-new-ids-every", l.NetworkNewEvery, time.Millisecond, longest),
		err,
	)
}

// parseProxies reads addresses and networks.
func parseProxies(texts []string) (ingest.Proxies, error) {
	var all ingest.Proxies
	for _, text := range texts {
		proxy := parseProxy(text)
		if !proxy.IsValid() {
			return nil, fmt.Errorf("--trusted-proxies: %q is not an address or a network such as 192.0.2.0/24", text)
		}
		all = append(all, proxy)
	}
	return all, nil
}

// parseProxy returns the invalid prefix for what is neither. IPv4 that is mapped into
// IPv6 is IPv4, as it is of a peer.
func parseProxy(text string) netip.Prefix {
	proxy, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}
		}
		proxy = netip.PrefixFrom(addr, addr.BitLen())
	}
	if addr := proxy.Addr(); addr.Is4In6() {
		const mapped = 96 // the length of what is before the IPv4
		return netip.PrefixFrom(addr.Unmap(), proxy.Bits()-mapped)
	}
	return proxy
}
