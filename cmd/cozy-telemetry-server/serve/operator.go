package serve

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/operator"
	"github.com/cozystack/cozystack-telemetry-server/ingest/forward"
)

// What the operator's page knows the pulse of; forwarding has one for each product.
const (
	pulseOfAsks    = "vmselect"
	pulseOfMirror  = "mirror"
	pulseOfBackups = "backups"
	pulseOfForward = "forward "
)

// readyTime is how long the operator's page waits to learn whether the file takes commits.
const readyTime = 2 * time.Second

func (s *server) buildOperator(cli.Environment) (err error) {
	s.operator, err = operator.NewRenderer()
	return err
}

// onForward notes an attempt. What was refused for its samples says nothing of the receiver.
func (s *server) onForward(product string, a forward.Attempt) {
	s.metrics.onForward(product, a)
	if a.Outcome == forward.Delivered || a.Err != nil {
		s.pulses.Beat(pulseOfForward+product, s.now(), a.Err)
	}
}

func (s *server) onAsk(err error) {
	s.metrics.onAsk(err)
	if !errors.Is(err, context.Canceled) { // the server is going down
		s.pulses.Beat(pulseOfAsks, s.now(), err)
	}
}

func (s *server) onMirrorSync(leftOut int, err error) {
	s.metrics.onMirrorSync(leftOut, err)
	s.pulses.Beat(pulseOfMirror, s.now(), err)
}

func (s *server) onBackup(err error) {
	s.metrics.onBackup(err)
	s.pulses.Beat(pulseOfBackups, s.now(), err)
}

// operatorPage returns what the operator's page shows now. public is where the public listener
// is, as seen from this machine.
func (s *server) operatorPage(ctx context.Context, public string) (operator.Page, error) {
	read, err := s.metrics.readings()
	if err != nil {
		s.log.Error().Err(err).Msg("the metrics could not be read for the operator's page")
		return operator.Page{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	return operator.Page{
		Version: cli.Version(), At: s.now(),
		Links: []operator.Link{
			{Path: public + "/", Text: "Public page"}, {Path: "/metrics", Text: "Metrics"}, {Path: "/backup", Text: "Backup, as a download"},
			{Path: "/anomalies", Text: "Anomalies"}, {Path: "/exclude", Text: "Exclusions"}, {Path: "/debug/pprof/", Text: "Profiles"},
		},
		Sections: []operator.Section{
			s.serverRows(public), s.reportRows(read), s.fileRows(ctx, read), s.forwardRows(), s.vmselectRows(), s.copyRows(read),
			s.volumeRows(read), anomalyRows(read),
		},
		Warnings: s.warnings.Last(), Flags: s.cfg.shownFlags(),
	}, nil
}

// shownFlags returns the flags in effect, without credentials.
func (c Config) shownFlags() (all []operator.Flag) {
	c.flags.VisitAll(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for i := range values {
			values[i] = operator.HideAddress(values[i])
		}
		all = append(all, operator.Flag{Name: f.Name, Value: strings.Join(values, ","), Changed: f.Changed})
	})
	return all
}
