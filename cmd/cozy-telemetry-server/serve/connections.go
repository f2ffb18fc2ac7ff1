package serve

import (
	"errors"
	"time"

	"github.com/spf13/pflag"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/lobby"
)

// connectionLimits bound what a connection may take before it is a request.
type connectionLimits struct {
	most                       int // of the public listener
	headerTimeout, bodyTimeout time.Duration
}

// lobby bounds the connections. What waits for room still has half of the time for
// its body.
func (l connectionLimits) lobby() *lobby.Lobby { return lobby.New(l.most, l.bodyTimeout/2) }

func bindConnectionFlags(f *pflag.FlagSet, l *connectionLimits) {
	f.IntVar(&l.most, "max-connections", 4096, "most connections of the public listener; one more takes the place of an idle one, or waits")
	cli.DurationVar(f, &l.headerTimeout, "header-timeout", 10*time.Second, "how long a request's header may take")
	cli.DurationVar(f, &l.bodyTimeout, "body-timeout", 30*time.Second, "how long a whole request may take, its header too")
}

func (l connectionLimits) check() error {
	return errors.Join(
		cli.CheckRange("max-connections", l.most, 1, 1_000_000),
		cli.CheckRange("header-timeout", l.headerTimeout, 10*time.Millisecond, 10*time.Minute),
		cli.CheckRange("body-timeout", l.bodyTimeout, 10*time.Millisecond, 10*time.Minute),
	)
}
