package serve

import (
	"fmt"
	"io"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
)

// newLogger writes JSON lines, or readable ones, to stderr.
func newLogger(cfg Config, env cli.Environment) zerolog.Logger {
	level, err := zerolog.ParseLevel(cfg.logLevel)
	if err != nil {
		level = zerolog.InfoLevel // checked before: can't be
	}
	var w io.Writer = env.Stderr
	if cfg.logFormat == "console" {
		w = zerolog.ConsoleWriter{Out: env.Stderr, TimeFormat: time.TimeOnly, NoColor: !cli.IsTerminal(env.Stderr)}
	}
	stamp := zerolog.HookFunc(func(e *zerolog.Event, _ zerolog.Level, _ string) { e.Time("time", env.Now().UTC()) })
	return zerolog.New(w).Level(level).Hook(stamp)
}

// banner tells a person at a terminal what was started and what to try.
func (s *server) banner(env cli.Environment, l *listeners) {
	if !cli.IsTerminal(env.Stderr) {
		return
	}
	public, now := l.publicURL(), env.Now().UTC()
	fmt.Fprintf(env.Stderr, `
cozy-telemetry-server %s
  serves    %s
  stores    %s
  mirrors   %s
  forwards  %s
  queries   %s

Try:
  curl --data-binary @testdata/operator-v1.prom -H 'X-Cluster-ID: my-cluster' %s/
  curl '%s/api/overview?year=%d&month=%d'

`, cli.Version(), public, s.cfg.dbPath, orNone(s.cfg.snapshotDir), orNone(s.cfg.forwardURL),
		orNone(s.cfg.vmselectURL), public, public, now.Year(), now.Month())
}

func orNone(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
