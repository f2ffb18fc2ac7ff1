package load

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// HistoryOptions says what [History] writes.
type HistoryOptions struct {
	// URL is the base of a VictoriaMetrics, or its import address, which ends in
	// /api/v1/import/prometheus.
	URL string
	// Fleet is who has reported. Its Steps and Every are ignored: they follow from the
	// months and from Every.
	Fleet fleet.Config
	// From and To are the first and the last month. The last one may be the
	// current month; nothing is written of the future.
	From, To rollup.MonthID
	// Every is the time between two reports of a client; 0 means 6 hours. Real
	// clients report every 15 minutes.
	Every time.Duration
	// Derived also writes cozy_cluster_nodes, as the server forwards it with each
	// report that has nodes.
	Derived bool
	// Metrics are the names of those that are written; nil means all. Queries that
	// read no others need no others.
	Metrics []string
	// ConfirmDays is on how many days a cluster must be seen to be confirmed; 0
	// means 7.
	ConfirmDays int
	// Progress gets a line that overwrites itself; nil means none.
	Progress io.Writer
	// Now is the clock. It must be set.
	Now func() time.Time
}

func (o HistoryOptions) withDefaults() (HistoryOptions, error) {
	o.Every = cmp.Or(o.Every, defaultEvery)
	o.ConfirmDays = cmp.Or(o.ConfirmDays, defaultConfirmDays)
	if err := checkHistory(o.From, o.To, o.Every, o.Fleet); err != nil {
		return o, err
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" {
		return o, fmt.Errorf("%w: %q", ErrURL, o.URL)
	}
	const importPath = "/api/v1/import/prometheus"
	if !strings.HasSuffix(u.Path, importPath) {
		u.Path = strings.TrimSuffix(u.Path, "/") + importPath
	}
	o.URL = u.String()
	o.Fleet.Steps, o.Fleet.Every = historySteps(o.From, o.To, o.Every), o.Every
	return o, nil
}

// The defaults of a history.
const (
	defaultEvery       = 6 * time.Hour
	defaultConfirmDays = 7
)

func checkHistory(from, to rollup.MonthID, every time.Duration, f fleet.Config) error {
	if to < from || every < time.Minute || f.Clusters < 1 {
		return fmt.Errorf("%w: no clusters, the last month before the first, or less than a minute between reports", ErrOptions)
	}
	return nil
}

// historySteps returns how many steps the months have.
func historySteps(from, to rollup.MonthID, every time.Duration) int {
	return int(to.End().Sub(from.Start()) / every)
}

// offsetOf returns when within a step a cluster reports. Each has its own minute
// in it, so that nothing falls onto the last second of a month, where
// VictoriaMetrics' lookback windows begin and end.
func offsetOf(c *fleet.Cluster, every time.Duration) time.Duration {
	return time.Duration(c.Offset(int(every/time.Minute))) * time.Minute
}

// History writes the samples of a fleet's reports over whole months into a
// VictoriaMetrics, in the order of time, and returns the months' true figures.
// VictoriaMetrics shows what it was sent after some seconds.
func History(ctx context.Context, o HistoryOptions) (Months, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	h := &history{
		HistoryOptions: o,
		fleet:          fleet.New(o.Fleet),
		truths:         truths{},
		importer:       importer{url: o.URL, client: &http.Client{Timeout: importTimeout}, metrics: o.Metrics},
	}
	if err := h.write(ctx); err != nil {
		return nil, err
	}
	return h.truths.months(o.ConfirmDays), nil
}

type history struct {
	HistoryOptions
	fleet    *fleet.Fleet
	truths   truths
	importer importer
	report   []byte
}

func (h *history) write(ctx context.Context) error {
	end := earlier(h.To.End(), h.Now())
	var shown rollup.Date
	for step := 0; ; step++ {
		base := h.From.Start().Add(time.Duration(step) * h.Every)
		if !base.Before(end) {
			break
		}
		if day := rollup.DateOf(base); h.Progress != nil && day != shown {
			shown = day
			fmt.Fprintf(h.Progress, "\r%s, %d samples", day, h.importer.samples)
		}
		if err := h.writeStep(ctx, step, base, end); err != nil {
			return err
		}
	}
	if err := h.importer.flush(ctx); err != nil {
		return err
	}
	if h.Progress != nil {
		fmt.Fprintf(h.Progress, "\r%d samples written      \n", h.importer.samples)
	}
	return nil
}

// writeStep writes what the clusters report in one step.
func (h *history) writeStep(ctx context.Context, step int, base, end time.Time) error {
	for i := range h.fleet.Len() {
		c := h.fleet.Cluster(i)
		at := base.Add(offsetOf(&c, h.Every))
		if !at.Before(end) {
			continue
		}
		for client := range fleet.Clients {
			if !c.Sends(client, step) {
				continue
			}
			if err := h.writeReport(ctx, &c, client, step, at); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *history) writeReport(ctx context.Context, c *fleet.Cluster, client fleet.Client, step int, at time.Time) error {
	h.report = c.Report(h.report[:0], client, step)
	if h.Derived && c.HasNodes(client) {
		h.report = fmt.Appendf(h.report, "cozy_cluster_nodes %d\n", c.Nodes(step))
	}
	h.truths.add(c, client, step, at)
	return h.importer.add(ctx, h.report, c.ID(), at)
}
