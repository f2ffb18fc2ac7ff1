package ingest

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// attack says from which network each of an attacker's requests comes.
type attack func(i int) string

// Whoever sends made-up ids without end, from ten /48s or from a thousand /24s, leaves
// room for honest new clusters, each of which tries every 15 minutes and no oftener.
func TestA4NewIDsUnderAttack(t *testing.T) {
	attacks := map[string]attack{
		"ten /48s of ten /32s": func(i int) string {
			return fmt.Sprintf("[2a0%x:%x::%x]:1", i%10, i%10, i%65536)
		},
		"every /48 of one /32": func(i int) string {
			return fmt.Sprintf("[2a01:4f8:%x::1]:1", i%65536)
		},
		"a thousand /24s of 250 /16s": func(i int) string {
			return fmt.Sprintf("80.%d.%d.1:1", i%250, i/250%4)
		},
		"a thousand /24s of a thousand /16s": func(i int) string {
			return fmt.Sprintf("%d.%d.7.1:1", 80+i%4, i/4%250)
		},
	}
	for name, from := range attacks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			admitted := besideAttack(t, from)
			if admitted[15] != honestClusters {
				t.Errorf("of %d honest new clusters, %v got in after so many minutes", honestClusters, admitted)
			}
			t.Logf("of %d honest new clusters, %v got in after so many minutes", honestClusters, admitted)
		})
	}
}

// However many networks take of their shares, the memory for it is bounded; who is
// refused takes none.
func TestS12MemoryOfShares(t *testing.T) {
	s, err := newShares(20_000, maphash.MakeSeed())
	if err != nil {
		t.Fatal(err)
	}
	before := heap()
	for i := range 250_000 {
		network := networkOf(netip.AddrFrom4([4]byte{20 + byte(i%200), byte(i >> 8), byte(i >> 16), 1}))
		if s.left(network, noon); i%2 == 0 {
			s.take(network, noon)
		}
	}
	took := heap() - before
	if took > 16<<20 || s.networks.Len() != 20_000 || s.regions.Len() > 20_000 {
		t.Errorf("%d networks of %d regions take %d KiB", s.networks.Len(), s.regions.Len(), took>>10)
	}
	t.Logf("%d networks of %d regions take %d KiB", s.networks.Len(), s.regions.Len(), took>>10)
}

// Where proxies are named, what has no network has no share either.
func TestNoNetworkHasNoShare(t *testing.T) {
	for _, tt := range []struct {
		proxies Proxies
		taken   int
	}{
		{nil, 10},
		{Proxies{netip.MustParsePrefix("10.244.0.0/16")}, 5},
	} {
		s, err := newSenders(SenderLimits{NewBurst: 10, Proxies: tt.proxies}, unknown)
		if err != nil {
			t.Fatal(err)
		}
		taken := 0
		for i := range 20 {
			if s.admit(fmt.Sprint("id-", i), from("192.168.0.1:1"), noon) == nil {
				taken++
			}
		}
		if taken != tt.taken {
			t.Errorf("with proxies %v: %d taken, want %d", tt.proxies, taken, tt.taken)
		}
	}
}

// Each sign of a proxy that is not named is told once, and at once.
func TestUnnamedProxyIsTold(t *testing.T) {
	const local, public, other = "10.244.0.17:80", "198.51.100.1:80", "10.245.0.1:80"
	tests := map[string]struct {
		peer, forwarded string
		at              []int // after how many ids something is told
		sign            ProxySign
	}{
		"an ingress":               {local, "198.51.100.1", []int{1}, ForwardedByPrivate},
		"a public proxy":           {public, "203.0.113.1", []int{1}, ForwardedByPublic},
		"a balancer of TCP":        {"127.0.0.1:1", "", []int{manyClusters}, PrivateOrigins},
		"a cluster of the world":   {public, "", nil, 0},
		"a proxy that is named":    {other, "198.51.100.1", nil, 0},
		"a named one, of TCP only": {other, "", []int{manyClusters}, PrivateOrigins},
		"a named one behind nodes": {other, "192.168.0.7", []int{manyClusters}, PrivateOrigins},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var at []int
			sent := 0
			s, err := newSenders(SenderLimits{
				Proxies: Proxies{netip.MustParsePrefix("10.245.0.0/16")},
				OnUnnamedProxy: func(sign ProxySign) {
					if at = append(at, sent); sign != tt.sign {
						t.Errorf("sign %d, want %d", sign, tt.sign)
					}
				},
			}, func(string) bool { return true }) // also where no cluster is new
			if err != nil {
				t.Fatal(err)
			}
			for range 50 {
				sent++
				r := from(tt.peer)
				if tt.forwarded != "" {
					r.Header.Set("X-Forwarded-For", tt.forwarded)
				}
				if err := s.admit(fmt.Sprint("id-", sent), r, noon); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(at, tt.at) {
				t.Errorf("told after %v ids, want %v", at, tt.at)
			}
		})
	}
}

// Behind each NAT are two honest clusters.
const (
	honestNetworks = 60
	honestClusters = 2 * honestNetworks
)

// besideAttack returns how many of honest new clusters were taken after 15, 30 and 60
// minutes. The attack began an hour before them.
func besideAttack(t *testing.T, network attack) map[int]int {
	t.Helper()
	const lead, every, tick, perTick = time.Hour, 15 * time.Minute, time.Second / 2, 10
	s, err := newSenders(SenderLimits{}, unknown)
	if err != nil {
		t.Fatal(err)
	}
	sent, in := 0, make(map[int]bool)
	admitted := make(map[int]int)
	for at := -lead; at < time.Hour; at += tick {
		for range perTick {
			_ = s.admit(fmt.Sprint("made-up-", sent), from(network(sent)), noon.Add(at))
			sent++
		}
		for c := range honestClusters {
			turn := time.Duration(c) * every / honestClusters
			if at < 0 || at%every != turn || in[c] {
				continue
			}
			peer := fmt.Sprintf("%d.200.1.1:1", 100+c%honestNetworks)
			if s.admit(fmt.Sprint("honest-", c), from(peer), noon.Add(at)) == nil {
				in[c] = true
			}
		}
		if minutes := int((at + tick) / time.Minute); minutes == 15 || minutes == 30 || minutes == 60 {
			admitted[minutes] = len(in)
		}
	}
	return admitted
}
