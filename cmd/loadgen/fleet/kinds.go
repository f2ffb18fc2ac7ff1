package fleet

// kinds are what clusters report as cozy_application_count, with the name of
// the application that the server must count each under. The list is the
// simulation's own.
var kinds = [...]struct{ kind, app string }{
	tenantKind: {"Tenant", "tenant"},
	1:          {"Postgres", "postgres"},
	2:          {"Redis", "redis"},
	3:          {"Kubernetes", "kubernetes"},
	4:          {"Bucket", "bucket"},
	5:          {"ClickHouse", "clickhouse"},
	6:          {"FoundationDB", "foundationdb"},
	7:          {"Harbor", "harbor"},
	8:          {"HTTPCache", "http-cache"},
	9:          {"Kafka", "kafka"},
	10:         {"KubernetesNodes", "kubernetes-nodes"},
	11:         {"MariaDB", "mariadb"},
	12:         {"MongoDB", "mongodb"},
	13:         {"NATS", "nats"},
	14:         {"OpenBAO", "openbao"},
	15:         {"OpenSearch", "opensearch"},
	16:         {"Qdrant", "qdrant"},
	17:         {"RabbitMQ", "rabbitmq"},
	18:         {"TCPBalancer", "tcp-balancer"},
	19:         {"VirtualPrivateCloud", "vpc"},
	20:         {"VMDisk", "vm-disk"},
	21:         {"VMInstance", "vm-instance"},
	22:         {"VPN", "vpn"},
	23:         {"Etcd", "etcd"},
	24:         {"Ingress", "ingress"},
	25:         {"Monitoring", "monitoring"},
	26:         {"VirtualMachine", "virtual-machine"},
	mislabeled: {"PostgreSQL", "postgres"},
}

const (
	tenantKind = 0
	// commonKinds are reported by every cluster.
	commonKinds = 4
	// mislabeled is reported by a few clusters only.
	mislabeled = 27
	// fullKinds is how many kinds a full report has, and lines.
	fullKinds = 27
)

// eachKind calls fn with the kinds that the cluster reports in a step, and
// their counts, which may be 0.
func (c *Cluster) eachKind(step int, fn func(kind int, count int64)) {
	report := func(kind int) { fn(kind, c.count(kind, step)) }
	common := commonKinds
	if c.full {
		common = fullKinds
		if c.mislabel {
			common-- // its line goes to the mislabeled kind
		}
	}
	for kind := range common {
		report(kind)
	}
	if !c.full {
		report(commonKinds + c.below(fullKinds-commonKinds, topicFifthKind, 0))
	}
	if c.mislabel {
		report(mislabeled)
	}
}

func (c *Cluster) count(kind, step int) int64 {
	if c.world != nil {
		return c.lifelikeCount(kind, step)
	}
	t, epoch := topicKind+topic(kind), c.epoch(step)
	if kind == tenantKind {
		return int64(1 + c.below(6, t, epoch))
	}
	if kind >= commonKinds && kind != mislabeled && c.below(2, t, -1) == 0 {
		return 0 // not everybody uses everything
	}
	return int64(c.below(9, t, epoch))
}
