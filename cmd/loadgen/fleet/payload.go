package fleet

import "strconv"

const (
	operatorLines, fullOperatorLines = 11, 58
	v0Lines, fullV0Lines             = 7, 27
)

// release is what a cluster runs; an upgrade goes to the next one.
type release struct{ cozystack, kubernetes, os, kernel string }

var (
	releases = []release{
		{"v1.0.0", "v1.31.4", "linux (Talos (v1.8.4))", "6.6.64-talos"},
		{"v1.1.2", "v1.32.3", "linux (Talos (v1.9.5))", "6.12.18-talos"},
		{"v1.2.0", "v1.33.1", "linux (Talos (v1.10.5))", "6.12.35-talos"},
		{"v1.3.1", "v1.34.0", "linux (Talos (v1.11.2))", "6.12.48-talos"},
	}
	v0Releases = []release{
		{"v0.34.1", "v1.32.3", "linux (Talos (v1.9.5))", "6.12.18-talos"},
		{"v0.35.2", "v1.32.3", "linux (Talos (v1.10.5))", "6.12.35-talos"},
	}
	// volumes are the sizes of volumes, smallest first.
	volumes = []string{"5Gi", "10Gi", "1Gi", "2Gi", "20Gi", "25Gi", "50Gi", "100Gi", "200Gi", "500Gi"}
	// packages are enough to fill a full report.
	packages = []string{
		"core", "storage", "monitoring", "backup", "bootbox", "bucket", "capi", "cert-manager",
		"cilium", "clickhouse", "coredns", "dashboard", "etcd", "external-dns", "external-secrets",
		"fluxcd", "foundationdb", "gateway", "gpu-operator", "grafana", "harbor", "hami", "ingress",
		"kafka", "kamaji", "keycloak", "kubeovn", "kubevirt", "linstor", "mariadb", "metallb",
		"mongodb", "multus", "nats", "openbao", "opensearch", "postgres", "qdrant", "rabbitmq",
		"redis", "reloader", "seaweedfs", "snapshot", "telepresence", "velero", "vpa", "vpn",
	}
)

// text writes a report line by line.
type text struct {
	b     []byte
	lines int
}

// line writes one sample. series is the metric with its labels, in parts.
func (t *text) line(value int64, series ...string) {
	for _, s := range series {
		t.b = append(t.b, s...)
	}
	t.b = append(t.b, ' ')
	t.b = strconv.AppendInt(t.b, value, 10)
	t.b = append(t.b, '\n')
	t.lines++
}

// Report appends to dst what a client of the cluster sends in a step, and
// returns it: the exposition format without timestamps or comments, each line
// with its end. Whether it is sent at all is for Sends to tell.
func (c *Cluster) Report(dst []byte, client Client, step int) []byte {
	t := text{b: dst}
	switch {
	case c.v0:
		c.v0Report(&t, step)
	case client == Operator && c.world != nil:
		c.lifelikeReport(&t, step)
	case client == Operator:
		c.operatorReport(&t, step)
	default:
		c.eachKind(step, func(kind int, count int64) {
			t.line(count, `cozy_application_count{kind="`, kinds[kind].kind, `"}`)
		})
	}
	return t.b
}

func (c *Cluster) operatorReport(t *text, step int) {
	r := c.release(releases, step)
	t.line(1, `cozy_cluster_info{cozystack_version="`, r.cozystack, `",kubernetes_version="`, r.kubernetes, `"}`)
	c.nodeLines(t, releases, step)
	c.capacityLines(t, step)
	t.line(int64(c.below(4, topicLoadBalancers, c.epoch(step))), "cozy_loadbalancers_count")
	if c.full {
		c.volumeLines(t, len(volumes), step)
	} else {
		c.volumeLines(t, 2, step)
	}
	c.packageLines(t)
}

func (c *Cluster) capacityLines(t *text, step int) {
	nodes := c.Nodes(step)
	t.line(nodes*56, `cozy_cluster_capacity{resource="cpu"}`)
	t.line(nodes*270340003157, `cozy_cluster_capacity{resource="memory"}`)
	if c.full {
		t.line(nodes*110, `cozy_cluster_capacity{resource="pods"}`)
		t.line(nodes*1888900001792, `cozy_cluster_capacity{resource="ephemeral-storage"}`)
	}
	if c.below(5, topicGPU, 0) == 0 {
		t.line(nodes, `cozy_cluster_capacity{resource="nvidia.com/TU104GL_TESLA_T4"}`)
	}
}

func (c *Cluster) volumeLines(t *text, classes, step int) {
	for i, size := range volumes[:classes] {
		n := 1 + c.below(12, topicVolumes+topic(i), c.epoch(step))
		t.line(int64(n), `cozy_pvs_count{driver="linstor.csi.linbit.com",size="`, size, `"}`)
	}
}

// packageLines fills up an operator's report.
func (c *Cluster) packageLines(t *text) {
	want := operatorLines
	if c.full {
		want = fullOperatorLines
	}
	for i := 0; t.lines < want; i++ {
		t.line(1, `cozy_package_info{name="cozystack.`, packages[i], `",variant="default"}`)
	}
}

func (c *Cluster) v0Report(t *text, step int) {
	r := c.release(v0Releases, step)
	t.line(1, `cozy_cluster_info{cozystack_version="`, r.cozystack, `",kubernetes_version="`, r.kubernetes,
		`",oidc_enabled="false",bundle_name="paas-full",bunde_enable="",bunde_disable=""}`)
	c.nodeLines(t, v0Releases, step)
	t.line(int64(c.below(4, topicLoadBalancers, c.epoch(step))), "cozy_loadbalancers_count")
	t.line(c.oldTenants(step), "cozy_tenants_count")
	c.volumeLines(t, 1, step)
	want := v0Lines
	if c.full {
		want = fullV0Lines
	}
	id := c.ID()
	for i := 0; t.lines < want; i++ {
		uid := id[:len(id)-2] + strconv.Itoa(10+i)
		t.line(2, `cozy_workloads_count{uid="`, uid, `",kind="postgres",type="postgres",version="0.14.0"}`)
	}
}

// release returns what the cluster runs in a step.
func (c *Cluster) release(of []release, step int) release {
	if step < c.upgrade {
		return c.generation(of, 0)
	}
	return c.generation(of, 1)
}

func (c *Cluster) generation(of []release, n int) release {
	return of[c.below(len(of)-1, topicRelease, 0)+n]
}

// nodeLines writes a line for each kernel that any node has.
func (c *Cluster) nodeLines(t *text, of []release, step int) {
	c.eachKernel(step, func(generation int, nodes int64) {
		r := c.generation(of, generation)
		t.line(nodes, `cozy_nodes_count{os="`, r.os, `",kernel="`, r.kernel, `"}`)
	})
}
