package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/ingest"
)

// maxQueryTimeout leaves an answer time to arrive within the website's 30 s.
const maxQueryTimeout = 25 * time.Second

// leastRetention is longer than the server looks back to know a cluster, and
// leaves the mirror time to have been read.
const leastRetention = 7 * day

// check returns an error for each flag whose value can't be used.
func (c config) check() error {
	return errors.Join(
		checkURL("forward-url", c.forwardURL),
		checkURL("vmselect-url", c.vmselectURL),
		checkURL("apps-url", c.appsURL),
		checkAddr("listen-addr", c.listenAddr),
		checkAdmin(c.adminAddr, c.listenAddr),
		checkFilled("db-path", c.dbPath),
		checkOneOf("aggregate", string(c.aggregate), "average", "distinct"),
		checkOneOf("limits", c.limits, "on", "off"),
		checkOneOf("log-format", c.logFormat, "json", "console"),
		checkLevel(c.logLevel),
		checkRange("final-grace", c.finalGrace, 0, 31*24*time.Hour),
		checkRange("current-ttl", c.currentTTL, 0, time.Hour),
		checkRange("query-timeout", c.queryTimeout, time.Millisecond, maxQueryTimeout),
		checkRange("mirror-every", c.mirrorEvery, time.Second, 24*time.Hour),
		checkRange("confirm-days", c.confirmDays, 1, 365),
		checkRange("replicas", c.replicas, 1, 1000),
		c.checkSenders(),
		c.connections.check(),
		checkRange("max-parses", c.maxParses, 1, 1000),
		checkRange("max-body-bytes", c.takes.limits.BodyBytes, 1, 1<<30),
		c.takes.check(),
		checkRange("forward-queue-bytes", c.forwardQueueBytes, 1<<20, 1<<50),
		checkRange("backup-every", c.backupEvery, time.Second, 366*24*time.Hour),
		checkRange("backup-keep", c.backupKeep, 1, 10_000),
		checkMaxBytes(c.dbMaxBytes),
		checkRetention(time.Duration(c.rollupRetention), time.Duration(c.monthRetention)),
	)
}

func checkURL(flag, value string) error {
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("--%s: not an http or https URL", flag)
	}
	return nil
}

func checkAddr(flag, value string) error {
	if _, _, err := net.SplitHostPort(value); err != nil {
		return fmt.Errorf("--%s: %q is not host:port", flag, value)
	}
	return nil
}

func checkAdmin(admin, public string) error {
	switch admin {
	case "":
		return nil
	case public:
		return errors.New("--admin-addr: must differ from --listen-addr, it is not for the public")
	}
	return checkAddr("admin-addr", admin)
}

func checkFilled(flag, value string) error {
	if value == "" {
		return fmt.Errorf("--%s: must not be empty", flag)
	}
	return nil
}

func checkOneOf(flag, value string, choices ...string) error {
	if !slices.Contains(choices, value) {
		return fmt.Errorf("--%s: %q is not %s", flag, value, strings.Join(choices, " or "))
	}
	return nil
}

func checkLevel(value string) error {
	if level, err := zerolog.ParseLevel(value); err != nil || level == zerolog.NoLevel {
		return fmt.Errorf("--log-level: %q is not debug, info, warn or error", value)
	}
	return nil
}

func checkRange[T int | int64 | time.Duration](flag string, value, least, most T) error {
	if value < least || value > most {
		return fmt.Errorf("--%s: %v is not between %v and %v", flag, value, least, most)
	}
	return nil
}

// leastMaxBytes leaves some room beside the 24 MiB that are not filled.
const leastMaxBytes = 32 << 20

func checkMaxBytes(value int64) error {
	if value == 0 {
		return nil
	}
	return checkRange("db-max-bytes", value, leastMaxBytes, 1<<50)
}

// checkRetention holds that a month is kept at least as long as its days.
func checkRetention(days, months time.Duration) error {
	if days != 0 && days < leastRetention {
		return fmt.Errorf("--rollup-retention: %v is less than %v", model.Duration(days), model.Duration(leastRetention))
	}
	if months != 0 && (days == 0 || months < days) {
		return errors.New("--month-retention: must not be shorter than --rollup-retention")
	}
	return nil
}

func checkPatterns(patterns []string) error {
	if err := (ingest.Limits{Allow: patterns}).Check(); err != nil || len(patterns) == 0 {
		return errors.New("--metric-allow: not a list of patterns such as cozy_*")
	}
	return nil
}
