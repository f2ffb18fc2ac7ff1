package serve

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/private"
	"github.com/cozystack/cozystack-telemetry-server/product/kubeatlas"
)

// maxQueryTimeout leaves an answer time to arrive within the website's 30 s.
const maxQueryTimeout = 25 * time.Second

// leastRetention is longer than the server looks back to know a cluster, and
// leaves the mirror time to have been read.
const leastRetention = 7 * day

// Check returns an error for each flag whose value can't be used.
func (c Config) Check() error {
	return errors.Join(
		c.products.Check(),
		cli.CheckURL("forward-url", c.forwardURL),
		c.byProduct.check(),
		cli.CheckURL("vmselect-url", c.vmselectURL),
		cli.CheckURL("apps-url", c.appsURL),
		c.checkListeners(),
		private.CheckHosts(c.adminHosts),
		checkOrigins(c.embedOrigins),
		cli.CheckFilled("db-path", c.dbPath),
		cli.CheckOneOf("aggregate", string(c.aggregate), "average", "distinct"),
		cli.CheckOneOf("publish", string(c.publish), "seen", "confirmed"),
		cli.CheckOneOf("limits", c.limits, "on", "off"),
		cli.CheckOneOf("log-format", c.logFormat, "json", "console"),
		checkLevel(c.logLevel),
		cli.CheckRange("final-grace", c.finalGrace, 0, 31*24*time.Hour),
		cli.CheckRange("current-ttl", c.currentTTL, 0, time.Hour),
		cli.CheckRange("query-timeout", c.queryTimeout, time.Millisecond, maxQueryTimeout),
		cli.CheckRange("mirror-every", c.mirrorEvery, time.Second, 24*time.Hour),
		cli.CheckRange("mirror-max-bytes", c.mirrorMaxBytes, 0, 1<<50),
		cli.CheckRange("min-free-bytes", c.minFreeBytes, 0, 1<<50),
		cli.CheckRange("confirm-days", c.confirmDays, 1, 365),
		cli.CheckRange("replicas", c.replicas, 1, 1000),
		c.checkSenders(),
		c.connections.check(),
		cli.CheckRange("max-parses", c.maxParses, 1, 1000),
		cli.CheckRange("max-body-bytes", c.takes.Limits.BodyBytes, 1, 1<<30),
		c.takes.Check(),
		cli.CheckRange("forward-queue-bytes", c.forwardQueueBytes, 1<<20, 1<<50),
		cli.CheckRange("backup-every", c.backupEvery, time.Second, 366*24*time.Hour),
		cli.CheckRange("backup-keep", c.backupKeep, 1, 10_000),
		checkMaxBytes(c.dbMaxBytes),
		cli.CheckRange("min-share", c.minShare, 1, 1_000_000),
		cli.CheckRange("kubeatlas-retention", c.kubeatlasRetention, day, kubeatlasKept()),
		checkRetention(c.rollupRetention, c.monthRetention),
	)
}

func (c Config) checkListeners() error {
	err := cli.CheckAddr("listen-addr", c.listenAddr)
	if c.adminAddr == "" {
		return err
	}
	err = errors.Join(err, cli.CheckAddr("admin-addr", c.adminAddr))
	if err == nil && overlap(c.listenAddr, c.adminAddr) {
		return errors.New("--admin-addr: must have another port than --listen-addr, or another IP address: it is not for the public")
	}
	return err
}

// overlap tells whether two addresses may be one, however they are spelled. They have
// been checked. Of one port are two only where each is of one IP address.
func overlap(a, b string) bool {
	ip, port := resolve(a)
	otherIP, otherPort := resolve(b)
	if port != otherPort || port == 0 {
		return false
	}
	return !ip.IsValid() || !otherIP.IsValid() || ip.IsUnspecified() || otherIP.IsUnspecified() || ip == otherIP
}

// resolve returns an address' port, and its IP address if it is written as one.
func resolve(addr string) (netip.Addr, int) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return netip.Addr{}, 0 // checked before: can't be
	}
	port, err := net.LookupPort("tcp", service)
	if err != nil {
		return netip.Addr{}, 0 // checked before too
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}, port // all addresses, or a name's
	}
	return ip.Unmap(), port
}

func checkLevel(value string) error {
	if level, err := zerolog.ParseLevel(value); err != nil || level == zerolog.NoLevel {
		return fmt.Errorf("--log-level: %q is not debug, info, warn or error", value)
	}
	return nil
}

// leastMaxBytes leaves some room beside the 24 MiB that are not filled.
const leastMaxBytes = 32 << 20

func checkMaxBytes(value int64) error {
	if value == 0 {
		return nil
	}
	return cli.CheckRange("db-max-bytes", value, leastMaxBytes, 1<<50)
}

// kubeatlasKept is how long KubeAtlas promises to keep its reports.
func kubeatlasKept() time.Duration { return time.Duration(kubeatlas.Product().KeepDays) * day }

// checkRetention holds that a month is kept at least as long as its days.
func checkRetention(days, months time.Duration) error {
	if days != 0 && days < leastRetention {
		return fmt.Errorf("--rollup-retention: %s is less than %s", cli.DurationText(days), cli.DurationText(leastRetention))
	}
	if months != 0 && (days == 0 || months < days) {
		return errors.New("--month-retention: must not be shorter than --rollup-retention")
	}
	return nil
}
