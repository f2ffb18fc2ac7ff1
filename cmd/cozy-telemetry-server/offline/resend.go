package offline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/ingest/forward"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// resendBytes is about how many bytes of lines are sent at once: compressed, far
// below what a proxy refuses.
const resendBytes = 1 << 20

func newResend(env cli.Environment) *cobra.Command {
	r := resender{env: env}
	cmd := &cobra.Command{
		Use:   "resend",
		Short: "Send days of a file to VictoriaMetrics again, for samples that it has lost",
		Long: `Sends what a file keeps of some days to VictoriaMetrics: of each cluster and day, the
highest and the last value of every series, and the highest node count, with times
within that day. Figures are highest values, so what VictoriaMetrics has still
stays, what it has lost comes back, and sending twice changes nothing. The file is
only read; of a running server, take a copy with backup.`,
		Example: `  cozy-telemetry-server resend --db copy.db --from 2026-10-05 --to 2026-10-06 \
    --forward-url http://vminsert-cozy-telemetry:8480/insert/0/prometheus/api/v1/import/prometheus`,
		Args: cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withFile(r.db, func(s *store.Store) error { return r.run(cmd.Context(), s) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.db, "db", "", "the database file")
	f.StringVar(&r.from, "from", "", "the first day, such as 2026-10-05")
	f.StringVar(&r.to, "to", "", "the last day")
	f.StringVar(&r.url, "forward-url", cli.DefaultForwardURL, "where to send to, as the server's flag")
	f.BoolVar(&r.dryRun, "dry-run", false, "send nothing, and tell how much it would be")
	return cli.Checked(cmd, r.check, "db", "from", "to", "forward-url")
}

// resender sends days again.
type resender struct {
	env               cli.Environment
	db, from, to, url string
	dryRun            bool

	first, last rollup.Date
	sender      *forward.Sender
	lines       []byte // that wait to be sent

	records, samples int
}

func (r *resender) check() error {
	var errs [2]error
	r.first, errs[0] = parseDay("from", r.from)
	r.last, errs[1] = parseDay("to", r.to)
	err := errors.Join(errs[:]...)
	if err == nil && r.last < r.first {
		err = fmt.Errorf("--to: %s is before %s", r.to, r.from)
	}
	return errors.Join(err, cli.CheckURL("forward-url", r.url))
}

// parseDay reads a day. That it is missing is told of elsewhere.
func parseDay(flag, text string) (rollup.Date, error) {
	date, err := rollup.ParseDate(text)
	if err != nil && text != "" {
		return 0, fmt.Errorf("--%s: %q is not a day such as 2026-10-05", flag, text)
	}
	return date, nil
}

func (r *resender) run(ctx context.Context, s *store.Store) error {
	dates, err := r.dates(s)
	if err != nil {
		return err
	}
	r.sender = forward.NewSender(r.url, func(err error) { fmt.Fprintf(r.env.Stderr, "%s: %v; trying again\n", cli.Name, err) })
	p := cli.NewProgress(r.env, "days")
	defer p.End()
	for done, date := range dates {
		p.Tell(int64(done), int64(len(dates)))
		if err := r.day(ctx, s, date); err != nil {
			return fmt.Errorf("%s: %w; what was sent does no harm: run it again, with --from %s", date, err, date)
		}
	}
	p.End()
	told := "sent"
	if r.dryRun {
		told = "to send"
	}
	_, err = fmt.Fprintf(r.env.Stdout, "%s with %s of clusters, %s %s\n",
		cli.CountOf(len(dates), "day"), cli.CountOf(r.records, "record"), cli.CountOf(r.samples, "sample"), told)
	return err
}

// dates returns the days that the file has of those that are asked for.
func (r *resender) dates(s *store.Store) ([]rollup.Date, error) {
	versions, err := s.DayVersions(rollup.Cozystack)
	if err != nil {
		return nil, err
	}
	dates := slices.DeleteFunc(slices.Sorted(maps.Keys(versions)), func(d rollup.Date) bool {
		return d < r.first || d > r.last
	})
	if len(dates) == 0 {
		return nil, fmt.Errorf("%s has no day from %s to %s; inspect tells which it has", r.db, r.first, r.last)
	}
	return dates, nil
}

// day sends a day, all of it when it returns.
func (r *resender) day(ctx context.Context, s *store.Store, date rollup.Date) error {
	err := s.InstancesOf(ctx, rollup.Cozystack, date, func(instance string, day rollup.Day) error {
		var n int
		r.lines, n = forward.AppendDay(r.lines, instance, date, day)
		r.records++
		r.samples += n
		if len(r.lines) < resendBytes {
			return nil
		}
		return r.send(ctx)
	})
	if err != nil || len(r.lines) == 0 {
		return err
	}
	return r.send(ctx)
}

func (r *resender) send(ctx context.Context) error {
	lines := r.lines
	r.lines = lines[:0]
	if r.dryRun {
		return nil
	}
	return r.sender.Send(ctx, lines)
}
