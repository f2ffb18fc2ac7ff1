// Package kubeatlas is what sessions of KubeAtlas report: schema 1.0 of its telemetry.
package kubeatlas

import (
	"math"
	"net/http"

	"github.com/cozystack/cozystack-telemetry-server/product"
)

// keepDays is what KubeAtlas promises: after that, only aggregates are left.
const keepDays = 90

// maxClusters is more than one installation sees.
const maxClusters = 1e5

// Product returns the table.
func Product() product.Product {
	return product.Product{
		Name:     "kubeatlas",
		Routes:   []product.Route{{Path: "/v1/report", Methods: []string{http.MethodPost}}},
		Fields:   fields(),
		Figures:  figures(),
		Identify: identify,
		Sessions: true,
		KeepDays: keepDays,
	}
}

// fields are what is kept.
func fields() []product.Field {
	return []product.Field{
		{Path: "schema_version", Kind: product.Schema, Words: product.OneOf("1.0")},
		{Path: "session_nonce", Kind: product.Name},
		{Path: "kubeatlas_version", Kind: product.Text, Metric: "version", Label: "version", Words: product.Version(3, "dev")},
		{Path: "k8s_version", Kind: product.Text, Metric: "kubernetes", Label: "version", Words: product.Version(2)},
		{Path: "os", Kind: product.Text, Metric: "platform", Label: "os", Words: product.OneOf("linux", "darwin", "windows", "freebsd")},
		{Path: "arch", Kind: product.Text, Metric: "platform", Label: "arch", Words: product.OneOf("amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64")},
		{Path: "tier", Kind: product.Text, Metric: "tier", Label: "tier", Words: product.OneOf("memory", "postgres")},
		{Path: "resource_bucket", Kind: product.Text, Metric: "resources", Label: "bucket", Words: product.OneOf("<1K", "1K-5K", "5K-10K", ">10K")},
		{Path: "enabled_packs", Kind: product.Set, Metric: "packs", Label: "pack", Words: packs()},
		{Path: "cluster_count", Kind: product.Gauge, Metric: "clusters", Max: maxClusters},
	}
}

// packs are the official ones. A user's own appears by its name, which is nobody's
// business.
func packs() product.Words {
	return product.OneOf(
		"aks", "argocd", "cert-manager", "crossplane", "eks", "gatekeeper", "gke", "istio", "knative", "kyverno", "openshift",
		"sample", "strimzi", "tekton", "velero",
	)
}

// figures are what a month shows beside its sessions. Shares count sessions of a day.
func figures() []product.Figure {
	return []product.Figure{
		{Name: "version", Of: "version", As: product.Newest, Labels: []string{"version"}},
		{Name: "kubernetes", Of: "kubernetes", As: product.Newest, Labels: []string{"version"}},
		{Name: "platform", Of: "platform", As: product.Newest, Labels: []string{"os", "arch"}, Between: "/"},
		{Name: "tier", Of: "tier", As: product.Newest, Labels: []string{"tier"}},
		{Name: "resources", Of: "resources", As: product.Newest, Labels: []string{"bucket"}},
		{Name: "packs", Of: "packs", As: product.Members, Labels: []string{"pack"}},
		{Name: "clusters", Of: "clusters", As: product.InBuckets, Buckets: []product.Bucket{
			{Most: 0, Name: "0"},
			{Most: 1, Name: "1"},
			{Most: 2, Name: "2"},
			{Most: 5, Name: "3-5"},
			{Most: 10, Name: "6-10"},
			{Most: math.Inf(1), Name: ">10"},
		}},
	}
}
