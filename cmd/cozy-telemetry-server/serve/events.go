package serve

import (
	"context"
	"errors"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// onReport counts a report, and logs why one could not be stored.
func (s *server) onReport(r ingest.Result) {
	s.metrics.onReport(r)
	if r.Err != nil {
		s.refusals.add(r.Product, r.Reason)
	}
	if r.Product == rollup.Cozystack {
		s.tallyReport(r)
	}
	log := s.logOf(r.Product)
	switch {
	case errors.Is(r.Err, context.Canceled):
		log.Debug().Msg("a sender went away before its answer")
	case errors.Is(r.Err, ingest.ErrBusy): // counted; a flood must not flood the log
		log.Debug().Err(r.Err).Msg("a report was put off")
	case r.Status >= 500 && r.Product != rollup.Cozystack:
		log.Error().Err(r.Err).Msg("a report was not stored and is lost: its client does not send it again")
	case r.Status >= 500:
		log.Error().Err(r.Err).Msg("a report was not stored; its sender was told to try again")
	case r.Err != nil:
		log.Debug().Int("status", r.Status).Err(r.Err).Msg("a report was refused")
	}
}

// tallyReport tells who looks for anomalies. It learns nothing of the server's own trouble,
// of which other alerts tell.
func (s *server) tallyReport(r ingest.Result) {
	switch {
	case r.Err == nil:
		s.tally.OnTaken(r.Samples)
	case r.Reason != ingest.Busy && r.Reason != ingest.NotStored:
		s.tally.OnRefused(string(r.Reason))
	}
}

// logOf names the product in each line, unless it is Cozystack.
func (s *server) logOf(product string) zerolog.Logger {
	if product == rollup.Cozystack {
		return s.log
	}
	return s.log.With().Str("product", product).Logger()
}

// onUnnamedProxy says what to set. Each sign is told once, and no line has an address.
func (s *server) onUnnamedProxy(sign ingest.ProxySign) {
	const until = "; until then all new clusters seem to come from one place, and one sender can use up what is taken of them"
	switch sign {
	case ingest.ForwardedByPrivate:
		s.log.Warn().Msg("reports come through a proxy that is not named: set --trusted-proxies (in the chart trustedProxies) to the network of the proxy or of the ingress controller's pods" + until)
	case ingest.PrivateOrigins:
		s.log.Warn().Msg("clusters seem to report from private addresses: if there is a proxy, name its network with --trusted-proxies (in the chart trustedProxies), and let X-Forwarded-For have the sender's address (externalTrafficPolicy: Local at the ingress controller's service)" + until)
	case ingest.ForwardedByPublic:
		s.log.Warn().Msg("reports come with X-Forwarded-For from a public address that is not named: if it is your proxy, name it with --trusted-proxies; if it is a sender's, nothing is wrong")
	}
}

func (s *server) onCommit(c store.Commit) {
	s.metrics.onCommit(c)
	if c.Err == nil {
		s.tally.OnLeftOut(c.LeftOut)
	}
	if c.Unreadable > 0 {
		s.log.Error().Int("blocks", c.Unreadable).Msg("blocks of the queue could not be read and were removed; what they held is not forwarded, the rollups have it")
	}
	switch {
	case errors.Is(c.Err, dberrors.ErrFull):
		s.log.Error().Err(c.Err).Msg("a commit failed; raise --db-max-bytes and restart, or wait until forwarding or retention makes room: the server goes on by itself")
	case c.Err != nil:
		s.log.Error().Err(c.Err).Msg("a commit failed; if the disk is full, free space: the server goes on by itself")
	}
}
