package coroot

import (
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/product"
)

func databases() product.Words { return product.OneOf("sqlite", "postgres") }

func editions() product.Words { return product.OneOf("Community", "Enterprise") }

func installations() product.Words {
	return product.OneOf("k8s-operator", "kubernetes", "helm", "docker", "docker-compose", "docker-swarm", "nomad", "linux")
}

// alerting are where Coroot sends alerts.
func alerting() product.Words {
	return product.OneOf("slack", "teams", "pagerduty", "opsgenie", "webhook", "email")
}

func clouds() product.Words {
	return product.OneOf("aws", "gcp", "azure", "hetzner", "digitalocean", "scaleway", "alibaba", "ibm", "oracle", "ovh")
}

// services are the types of applications that Coroot tells apart.
func services() product.Words {
	return product.OneOf(
		"postgres", "pgbouncer", "mysql", "cassandra", "elasticsearch", "opensearch", "memcached", "redis", "keydb", "valkey",
		"dragonfly", "mongodb", "mongos", "rabbitmq", "kafka", "zookeeper", "nats", "etcd", "clickhouse", "aws-rds", "aws-elasticache",
		"golang", "java", "nodejs", "python", "dotnet", "php", "ruby", "envoy", "nginx", "haproxy",
		"prometheus", "victoria-metrics", "victoria-logs", "coroot-community-edition", "coroot-enterprise-edition",
	)
}

// applicationKinds are those of Coroot's applications.
func applicationKinds() product.Words {
	return product.OneOf(
		"Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "ReplicaSet", "Pod", "StaticPods", "Unknown", "DockerSwarmService",
		"ExternalService", "DatabaseCluster", "RDS", "ElasticacheCluster", "NomadJobGroup", "Workflow", "SparkApplication",
	)
}

// inspections are Coroot's checks.
func inspections() product.Words {
	return product.OneOf(
		"SLOAvailability", "SLOLatency", "CPUNode", "CPUContainer", "MemoryOOM", "MemoryLeak", "MemoryLeakPercent", "MemoryPressure",
		"StorageSpace", "StorageIO", "StorageIOLoad", "NetworkRTT", "NetworkConnectivity", "NetworkTCPConnections",
		"DnsLatency", "DnsServerErrors", "DnsNxdomainErrors", "InstanceAvailability", "InstanceRestarts", "DeploymentStatus", "LogErrors",
		"RedisAvailability", "RedisLatency", "MongodbAvailability", "MongodbReplicationLag", "MemcachedAvailability",
		"PostgresAvailability", "PostgresLatency", "PostgresErrors", "PostgresReplicationLag", "PostgresConnections",
		"MysqlAvailability", "MysqlReplicationStatus", "MysqlReplicationLag", "MysqlConnections",
		"JvmAvailability", "JvmSafepointTime", "DotNetAvailability", "PythonGILWaitingTime",
	)
}

func screens() product.Words { return product.OneOf("xs", "sm", "md", "lg", "xl", "xxl") }

func themes() product.Words { return product.OneOf("light", "dark") }

func roles() product.Words { return product.OneOf("Admin", "Editor", "Viewer") }

// changes are what a deployment changed for the better or the worse, such as "-CPU".
func changes(text string) string {
	reports := product.OneOf(
		"SLO", "Instances", "CPU", "Memory", "Storage", "Network", "DNS", "Logs", "Postgres", "Mysql", "Redis", "Mongodb", "Memcached",
		"JVM", ".NET", "Python", "Node", "Deployments",
	)
	report := strings.TrimLeft(text, "+-")
	word := reports(report)
	if word == report && len(text) == len(report)+1 {
		return text
	}
	if text == "" {
		return product.Unknown
	}
	return product.Other
}
