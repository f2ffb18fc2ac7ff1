package others

import (
	"fmt"
	"time"
)

// atlas is an installation of KubeAtlas.
type atlas struct {
	*life
	nonce       string
	minor       int
	kubernetes  int
	platform    [2]string
	tier        string
	bucket      string
	packs       []spelling
	clusters    int
	development bool
}

// none is what a process sends that could make no nonce.
const none = "0000000000000000"

func newKubeAtlas(l *life) {
	a := &atlas{life: l, minor: l.IntN(4), kubernetes: 28 + l.IntN(4), tier: l.of("memory", "postgres"), bucket: l.of("<1K", "1K-5K", "5K-10K", ">10K")}
	a.platform = [2]string{l.of("linux", "linux", "darwin"), l.of("amd64", "arm64")}
	a.packs = some(l.draw, same("argocd"), same("cert-manager"), same("istio"), same("velero"), spelling{Canary + "-pack", "other"})
	a.clusters, a.development = l.upTo(3)*l.upTo(5), l.chance(0.05)
	l.start, l.send = a.begin, a.request
}

// begin is another process, which has another nonce.
func (a *atlas) begin(first bool) {
	a.nonce = fmt.Sprintf("%s%08x%016x", Digits, a.Uint32(), a.Uint64())
	if a.chance(0.03) {
		a.nonce = none
	}
	if !first {
		a.minor += a.upTo(1)
		a.kubernetes += a.upTo(1) * a.upTo(1)
	}
}

// session is what a report has.
type session struct {
	nonce, version, kubernetes, platform, tier, bucket string
	packs                                              []string
	clusters                                           int
}

func (a *atlas) request() request {
	s := session{
		nonce: a.nonce, version: fmt.Sprintf("1.%d.0", a.minor), kubernetes: fmt.Sprintf("1.%d", a.kubernetes), tier: a.tier, bucket: a.bucket,
		platform: a.platform[0] + "/" + a.platform[1], packs: shown(a.packs), clusters: a.clusters,
	}
	if a.development {
		s.version = "dev"
	}
	return request{
		state: s, method: "POST", path: "/v1/report", agent: "Go-http-client/1.1", typed: true,
		body: map[string]any{
			"schema_version": "1.0", "session_nonce": s.nonce, "kubeatlas_version": s.version, "k8s_version": "v" + s.kubernetes + a.of(".4+k3s1", ".1-eks-abc", ".0"),
			"os": a.platform[0], "arch": a.platform[1], "tier": s.tier, "resource_bucket": s.bucket, "enabled_packs": sent(a.packs),
			"cluster_count": s.clusters, "platform_distribution": map[string]int{"vanilla": s.clusters},
		},
	}
}

func (s session) unit() string {
	if s.nonce == none {
		return ""
	}
	return s.nonce
}

func (s session) tell(seen *seen, _ time.Time) {
	for name, text := range map[string]string{
		"version": s.version, "kubernetes": s.kubernetes, "platform": s.platform, "tier": s.tier, "resources": s.bucket,
	} {
		seen.text(name, text)
	}
	seen.set("packs", s.packs...)
	seen.gauge("clusters", float64(s.clusters))
}
