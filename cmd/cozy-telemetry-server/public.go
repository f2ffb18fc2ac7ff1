package main

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/pflag"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/lobby"
	"github.com/cozystack/cozystack-telemetry-server/ingest"
)

// senderLimits are the flags of ingest.SenderLimits.
type senderLimits struct {
	idBurst, newBurst, networkNewBurst int
	idEvery, newEvery, networkNewEvery time.Duration
}

func bindSenderFlags(f *pflag.FlagSet, c *config) {
	l := &c.senderLimits
	f.IntVar(&l.idBurst, "id-burst", 60, "how many reports of one cluster are taken at once")
	f.DurationVar(&l.idEvery, "id-every", 15*time.Second, "how long until one more of them is")
	f.IntVar(&l.newBurst, "new-ids-burst", 10_000, "how many new cluster ids are taken at once")
	f.DurationVar(&l.newEvery, "new-ids-every", time.Second, "how long until one more of them is")
	f.IntVar(&l.networkNewBurst, "network-new-ids-burst", 1000, "how many new cluster ids of one network (IPv4 /24, IPv6 /48) are taken at once")
	f.DurationVar(&l.networkNewEvery, "network-new-ids-every", 10*time.Second, "how long until one more of them is")
	f.StringSliceVar(&c.trustedProxies, "trusted-proxies", nil, "addresses and networks of proxies whose X-Forwarded-For counts")
}

// senders returns the limits per sender, nil if they are switched off.
func (c config) senders() *ingest.SenderLimits {
	if c.limits == "off" {
		return nil
	}
	proxies, err := parseProxies(c.trustedProxies)
	if err != nil {
		proxies = nil // checked before: can't be
	}
	return &ingest.SenderLimits{
		Burst:           c.senderLimits.idBurst,
		Every:           c.senderLimits.idEvery,
		NewBurst:        c.senderLimits.newBurst,
		NewEvery:        c.senderLimits.newEvery,
		NetworkNewBurst: c.senderLimits.networkNewBurst,
		NetworkNewEvery: c.senderLimits.networkNewEvery,
		Proxies:         proxies,
	}
}

func (c config) checkSenders() error {
	const most, longest = 1_000_000, 24 * time.Hour
	l := c.senderLimits
	_, err := parseProxies(c.trustedProxies)
	return errors.Join(
		checkRange("id-burst", l.idBurst, 1, most),
		checkRange("id-every", l.idEvery, time.Millisecond, longest),
		checkRange("new-ids-burst", l.newBurst, 1, most),
		checkRange("new-ids-every", l.newEvery, time.Millisecond, longest),
		checkRange("network-new-ids-burst", l.networkNewBurst, 1, most),
		checkRange("network-new-ids-every", l.networkNewEvery, time.Millisecond, longest),
		err,
	)
}

// parseProxies reads addresses and networks.
func parseProxies(texts []string) (ingest.Proxies, error) {
	var all ingest.Proxies
	for _, text := range texts {
		proxy, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil || addr.Zone() != "" {
				return nil, fmt.Errorf("--trusted-proxies: %q is not an address or a network such as 192.0.2.0/24", text)
			}
			proxy = netip.PrefixFrom(addr, addr.BitLen())
		}
		all = append(all, proxy)
	}
	return all, nil
}

// connectionLimits bound what a connection may take before it is a request.
type connectionLimits struct {
	most                       int // of the public listener
	headerTimeout, bodyTimeout time.Duration
}

// lobby bounds the connections. What waits for room still has half of the time for
// its body.
func (l connectionLimits) lobby() *lobby.Lobby { return lobby.New(l.most, l.bodyTimeout/2) }

func bindConnectionFlags(f *pflag.FlagSet, l *connectionLimits) {
	f.IntVar(&l.most, "max-connections", 4096, "most connections of the public listener; one more takes the place of an idle one, or waits")
	f.DurationVar(&l.headerTimeout, "header-timeout", 10*time.Second, "how long a request's header may take")
	f.DurationVar(&l.bodyTimeout, "body-timeout", 30*time.Second, "how long a whole request may take, its header too")
}

func (l connectionLimits) check() error {
	return errors.Join(
		checkRange("max-connections", l.most, 1, 1_000_000),
		checkRange("header-timeout", l.headerTimeout, 10*time.Millisecond, 10*time.Minute),
		checkRange("body-timeout", l.bodyTimeout, 10*time.Millisecond, 10*time.Minute),
	)
}
