package fleet

// rare is a value that some clusters have in place of the usual one: all below a share.
type rare struct {
	below float64
	value string
}

// Values of lifelike clusters, the rarest first. Some are so rare that nobody may see them.
var (
	drivers = []rare{
		{0.004, "driver.longhorn.io"}, {0.009, "csi.hetzner.cloud"}, {0.035, "rook-ceph.rbd.csi.ceph.com"},
		{0.09, "nfs.csi.k8s.io"}, {1, "linstor.csi.linbit.com"},
	}
	gpus = []rare{
		{0.004, "amd.com/gpu"}, {0.009, "nvidia.com/GH100_H100_PCIE"}, {0.04, "nvidia.com/AD102GL_L40S"},
		{0.12, "nvidia.com/TU104GL_TESLA_T4"}, {1, ""},
	}
	platforms = []rare{
		{0.006, "custom"}, {0.06, "isp-full-generic"}, {0.17, "distro-full"}, {0.4, "isp-hosted"}, {1, "isp-full"},
	}
	networks = []rare{{0.1, "cilium"}, {1, "kubeovn-cilium"}}
	cores    = []int64{16, 32, 32, 48, 64, 64, 96, 128}
)

func pick(of []rare, drawn float64) string {
	for _, r := range of {
		if drawn < r.below {
			return r.value
		}
	}
	return ""
}

// allHave is how many of the packages every lifelike cluster has; the others are the rarer the later
// they come.
const allHave = 8

func (c *Cluster) lifelikeReport(t *text, step int) {
	date := c.world.date(step)
	cozystack, _ := c.runs(topicCozystack, c.world.cozystack, 120, date)
	kubernetes, _ := c.runs(topicKubernetes, kubernetesTrack, 300, date)
	t.line(1, `cozy_cluster_info{cozystack_version="`, c.world.releases[cozystack], `",kubernetes_version="`, kubernetesVersions[kubernetes], `"}`)
	c.eachKernel(step, func(kernel int, nodes int64) {
		t.line(nodes, `cozy_nodes_count{os="`, images[kernel].os, `",kernel="`, images[kernel].kernel, `"}`)
	})
	nodes := c.Nodes(step)
	perNode := cores[c.below(len(cores), topicCores, 0)]
	t.line(nodes*perNode, `cozy_cluster_capacity{resource="cpu"}`)
	t.line(nodes*perNode*(4+int64(c.below(5, topicCores, 1)))<<30, `cozy_cluster_capacity{resource="memory"}`)
	t.line(nodes*110, `cozy_cluster_capacity{resource="pods"}`)
	if gpu := pick(gpus, c.unit(topicGPU, 0)); gpu != "" {
		t.line(max(1, nodes/3), `cozy_cluster_capacity{resource="`, gpu, `"}`)
	}
	t.line(int64(c.below(4, topicLoadBalancers, c.epoch(step))), "cozy_loadbalancers_count")
	driver := pick(drivers, c.unit(topicVolumes, -1))
	for i, size := range volumes[:4] {
		n := float64(1+c.below(12, topicVolumes+topic(i), c.epoch(step))) * c.grown(step)
		t.line(int64(n), `cozy_pvs_count{driver="`, driver, `",size="`, size, `"}`)
	}
	c.lifelikePackages(t)
}

func (c *Cluster) lifelikePackages(t *text) {
	has := func(name, variant string) {
		t.line(1, `cozy_package_info{name="cozystack.`, name, `",variant="`, variant, `"}`)
	}
	has("platform", pick(platforms, c.unit(topicPackages, -1)))
	has("networking", pick(networks, c.unit(topicPackages, -2)))
	for i, name := range packages {
		if i < allHave || c.unit(topicPackages, i) < 0.9-float64(i)/float64(len(packages)) {
			has(name, "default")
		}
	}
}
