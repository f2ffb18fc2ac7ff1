package web_test

import (
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/overview/web"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

var november = rollup.NewMonth(2026, time.November)

func ptr[T any](v T) *T { return &v }

// full is a page of November 2026, of which 21 days are over, with all parts and as much in
// each of them as a server of 500 clusters has.
func full() web.Page {
	choice := web.Choice{Product: rollup.Cozystack, Month: november, Span: web.Month, Publish: published.Seen}
	p := web.Page{
		Choice: choice, Default: choice,
		Products:    []string{rollup.Cozystack, "synapse"},
		Aggregate:   published.Average,
		ConfirmDays: 7,
		Now:         time.Date(2026, time.November, 21, 22, 10, 0, 0, time.UTC),
		LastReport:  time.Date(2026, time.November, 21, 22, 0, 0, 0, time.UTC),
		History:     history(november-23, november),
		Overview:    overview(),
		Breakdown:   breakdown(),
		Adoption:    adoption(),
		Retention:   retention(),
	}
	for m := november - 23; m <= november; m++ {
		p.Months = append(p.Months, m)
	}
	return p
}

func counts(clusters int64) published.Counts {
	c := published.Counts{
		Clusters: clusters, TotalNodes: clusters * 26 / 5, TotalTenants: clusters * 37 / 5,
		Apps: map[string]int64{"bucket": 0, "foundationdb": 0, "harbor": 0, "opensearch": 0},
	}
	c.AvgNodesPerCluster = published.PerCluster(c.TotalNodes, clusters)
	c.AvgTenantsPerCluster = published.PerCluster(c.TotalTenants, clusters)
	names := []string{"kubernetes", "postgres", "vm-instance", "vm-disk", "tenant", "redis", "mysql", "kafka", "etcd", "ingress", "monitoring",
		"seaweedfs", "clickhouse", "rabbitmq", "nats", "ferretdb", "http-cache", "tcp-balancer", "vpn", "virtual-machine"}
	for i, name := range names {
		c.Apps[name] = clusters * 9 / int64(i*i+1)
	}
	return c
}

func overview() *published.Overview {
	period := func(label string, months int, complete bool) published.Period {
		return published.Period{
			Names: published.Names{Label: label, Start: "2026-11-01", End: "2026-11-30"}, Counts: counts(1342),
			Source: rollup.SourceRollups, Complete: complete, Months: months,
			UniqueClusters: ptr[int64](1342), ConfirmedClusters: ptr[int64](1197),
			Confirmed: &published.ConfirmedCounts{Counts: counts(1197), Months: months, DaysWithData: 21},
			Published: published.Seen,
		}
	}
	return &published.Overview{GeneratedAt: "2026-11-21T22:09:41Z", Periods: published.Periods[published.Period]{
		Month:   period("November 2026", 1, false),
		Quarter: period("September 2026 — November 2026", 3, false),
		Year:    period("December 2025 — November 2026", 12, false),
	}}
}

func history(from, to rollup.MonthID) *published.History {
	h := &published.History{GeneratedAt: "2026-11-21T22:09:41Z", From: from, To: to}
	for m := from; m <= to; m++ {
		n := 500 + int64(m-november+23)*37
		if m == november {
			n = 1342
		}
		c := counts(n)
		r := published.HistoryMonth{
			Month: m, Clusters: &c.Clusters, TotalNodes: &c.TotalNodes, TotalTenants: &c.TotalTenants, Apps: c.Apps,
			AvgNodesPerCluster: &c.AvgNodesPerCluster, AvgTenantsPerCluster: &c.AvgTenantsPerCluster,
			ConfirmedClusters: ptr(n * 9 / 10), Confirmed: &published.ConfirmedCounts{Counts: counts(n * 9 / 10), Months: 1, DaysWithData: m.Days()},
			DaysWithData: ptr(m.Days()), Source: ptr(rollup.SourceRollups), Complete: ptr(m < november), Published: ptr(published.Seen),
		}
		if m == november {
			r.DaysWithData = ptr(21)
		}
		h.Months = append(h.Months, r)
	}
	return h
}

func dimension(name, of string, several bool, values ...string) published.Dimension {
	d := published.Dimension{Name: name, Package: of, Clusters: 1310, Several: several}
	left := int64(1310)
	for i, v := range values {
		n := left / 2
		if several {
			n = 1310 - int64(i*41)
		}
		d.Values, left = append(d.Values, published.Share{Value: v, Clusters: n}), left-n
	}
	if !several {
		d.Values = append(d.Values, published.Share{Value: published.Other, Clusters: left})
	}
	return d
}

func breakdown() *published.Breakdown {
	packages := []string{"bundle-system", "cilium", "kubeovn", "linstor", "cert-manager", "monitoring", "kubevirt", "kubevirt-cdi", "etcd-operator",
		"postgres-operator", "redis-operator", "kafka-operator", "mariadb-operator", "clickhouse-operator", "rabbitmq-operator", "capi-operator",
		"keycloak", "metallb", "grafana-operator", "snapshot-controller", "piraeus-operator", "dashboard", "fluxcd", "reloader", "telepresence"}
	b := &published.Breakdown{
		GeneratedAt: "2026-11-21T22:09:41Z", Month: november, Names: published.Names{Label: "November 2026", Start: "2026-11-01", End: "2026-11-30"},
		Source: rollup.SourceRollups, DaysWithData: 21, MinShare: 5, Clusters: 1342,
		Dimensions: []published.Dimension{
			dimension(published.ByVersion, "", false, "v0.38.2", "v0.38.1", "v0.37.4", "v0.36.0", "v0.35.2", "v0.34.1"),
			dimension(published.ByKubernetes, "", false, "v1.33", "v1.32", "v1.31", "v1.30"),
			dimension(published.ByOS, "", false, "Talos (v1.11.3)", "Talos (v1.10.5)", "Ubuntu 24.04.3 LTS", "Debian GNU/Linux 13 (trixie)"),
			dimension(published.ByKernel, "", false, "6.12", "6.8", "6.1"),
			dimension(published.ByDriver, "", false, "linstor.csi.linbit.com", "rbd.csi.ceph.com", "nfs.csi.k8s.io"),
			dimension(published.ByNodes, "", false, "1", "2–3", "4–6", "7–12", "13–24", "25+"),
			dimension(published.ByPackage, "", true, packages...),
		},
		Capacity: []published.Resource{
			{Resource: "cpu", Clusters: 1310, Total: 210344}, {Resource: "memory", Clusters: 1310, Total: 9.1e14},
			{Resource: "nvidia.com/GH100_H200_SXM_141GB", Clusters: 14, Total: 122}, {Resource: "pods", Clusters: 1310, Total: 721000},
		},
	}
	for _, name := range packages[:6] {
		b.Dimensions = append(b.Dimensions, dimension(published.ByVariant, name, false, "default", "minimal", "paas-full"))
	}
	return b
}

func adoption() *published.Adoption {
	a := &published.Adoption{GeneratedAt: "2026-11-21T22:09:41Z", Clusters: 1197, MinShare: 5}
	for i, v := range []string{"v0.38.2", "v0.38.1", "v0.38.0", "v0.37.4", "v0.37.3", "v0.37.0", "v0.36.0", "v0.35.2"} {
		x := published.VersionAdoption{
			Version: v, FirstReport: time.Date(2026, time.November, 2, 0, 0, 0, 0, time.UTC).AddDate(0, 0, -19*i).Format(time.DateOnly),
			Clusters: 301 + int64(i)*120, DaysTo10: ptr(4 + i), Upgraded: 280 + int64(i)*90, MedianDays: ptr(9 + i),
		}
		if i > 1 {
			x.DaysTo50 = ptr(17 + i)
		}
		if i > 4 {
			x.DaysTo90 = ptr(61 + i)
		}
		for day := range min(90, 19*(i+1)) {
			x.Shares = append(x.Shares, published.AdoptionShare{Day: day, Clusters: int64(1100 * day / (day + 20)), Active: 1150})
		}
		a.Versions = append(a.Versions, x)
	}
	return a
}

func retention() *published.Retention {
	r := &published.Retention{GeneratedAt: "2026-11-21T22:09:41Z", MinShare: 5}
	for m := november - 23; m <= november; m++ {
		age, joined := int64(november-m), int64(40+(int64(m)*7)%19)
		c := published.Cohort{Month: m, Joined: joined}
		after := func(months, of10 int64) *int64 {
			if age <= months {
				return nil
			}
			return ptr(joined * of10 / 10)
		}
		c.After1, c.After3, c.After6, c.After12 = after(1, 9), after(3, 8), after(6, 7), after(12, 5)
		if age > 1 {
			c.Left = ptr(int64(3 + int64(m)%5))
		}
		r.Months = append(r.Months, c)
	}
	return r
}
