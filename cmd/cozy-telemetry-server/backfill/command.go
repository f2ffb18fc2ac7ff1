package backfill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/appsource"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/limits"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// The months that can be taken over: each of their days is asked for.
var (
	firstTaken = rollup.NewMonth(overview.FirstYear, time.January)
	lastTaken  = rollup.NewMonth(overview.LastYear, time.December)
)

// flags are the flags of the command.
type flags struct {
	vmselectURL, dbPath  string
	adminAddr, tokenFile string
	from, to             string
	again                bool
	confirmDays          int
	takes                limits.Flags

	months Months
}

// Command takes months over into a file, or lets a running server do it.
func Command(env cli.Environment) *cobra.Command {
	var c flags
	cmd := &cobra.Command{
		Use:   "backfill",
		Short: "Take over the days of earlier months from a VictoriaMetrics",
		Long: `Rebuild the days of some months from the samples that a VictoriaMetrics has of
them, so that the months are answered from the file too. Days that the file has
are merged: a cluster that is already there is never counted twice. A run that
was broken off goes on where it was when it is started again.

What no report could bring is skipped and counted: the limits are the server's flags.

A file that a server has open is filled by that server: with --admin-addr, it is
asked to, and goes by its own flags.`,
		Example: `  # before the first start
  cozy-telemetry-server backfill --vmselect-url http://vmselect-cozy-telemetry:8481 \
    --from 2026-01 --to 2026-10 --db-path /data/telemetry.db

  # while the server runs
  cozy-telemetry-server backfill --from 2026-01 --to 2026-10 --admin-addr 127.0.0.1:8082`,
		Args: cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.adminAddr != "" {
				return ask(cmd.Context(), c, env)
			}
			return c.run(cmd.Context(), env)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&c.vmselectURL, "vmselect-url", cli.DefaultVMSelectURL, "where to take from, as the server's flag")
	f.StringVar(&c.from, "from", "", "the first month, such as 2026-01")
	f.StringVar(&c.to, "to", "", "the last month")
	f.StringVar(&c.dbPath, "db-path", cli.DefaultDBPath, "the database file; a new one if there is none")
	f.IntVar(&c.confirmDays, "confirm-days", overview.DefaultConfig().ConfirmDays, "as the server's flag")
	f.BoolVar(&c.again, "again", false, "also take the days that an earlier run has taken")
	f.StringVar(&c.adminAddr, "admin-addr", "", "let the server do it that has this private listener")
	f.StringVar(&c.tokenFile, "admin-token-file", "", "file with the token that it asks for")
	c.takes.Bind(f)
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Flags().Changed("db-path") && !cmd.Flags().Changed("admin-addr") {
			c.adminAddr = "" // the file that is named, whatever server the environment names
		}
		return c.check(env.Now())
	}
	return cmd
}

func (c *flags) check(now time.Time) (err error) {
	c.months, err = parseMonths("--", c.from, c.to, c.again, now)
	if c.adminAddr != "" {
		return errors.Join(err, cli.CheckAddr("admin-addr", c.adminAddr))
	}
	return errors.Join(err,
		cli.CheckFilled("vmselect-url", c.vmselectURL),
		cli.CheckURL("vmselect-url", c.vmselectURL),
		cli.CheckFilled("db-path", c.dbPath),
		cli.CheckRange("confirm-days", c.confirmDays, 1, 365),
		c.takes.Check(),
	)
}

// run fills a file that no server has open.
func (c *flags) run(ctx context.Context, env cli.Environment) (err error) {
	rules, err := ingest.NewRules(c.takes.Limits)
	if err != nil {
		return err
	}
	db, err := store.Open(c.dbPath, store.Options{
		Now: env.Now, Bounds: c.takes.Bounds, Dictionary: limits.Dictionary, Lasting: limits.Lasting(),
		Known: limits.Known(), ConfirmDays: c.confirmDays, Unfolded: products.Unfolded(),
	})
	if errors.Is(err, dberrors.ErrLocked) {
		return fmt.Errorf("%w; or let the server do it: see --admin-addr", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	apps := appsource.New(appsource.Config{Now: env.Now, Store: db})
	_ = apps.Load() // without the stored list, the built-in one names the applications
	months, err := overview.New(db, apps, overview.Config{Now: env.Now, ConfirmDays: c.confirmDays})
	if err != nil {
		return err
	}
	defer months.Close()
	return c.show(ctx, Filler{URL: c.vmselectURL, Rules: rules, Store: db, Overview: months, Now: env.Now}, env)
}

// show takes over and tells how far it has come.
func (c *flags) show(ctx context.Context, b Filler, env cli.Environment) error {
	w := &onlooker{stderr: env.Stderr, bar: cli.NewProgress(env, "days")}
	w.bar.Tell(0, int64(c.months.days(env.Now())))
	p, err := b.fill(ctx, c.months, w)
	w.bar.End()
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted; run it again to go on from day %d of %d", p.Days, p.Total)
	}
	if err != nil {
		return fmt.Errorf("%w; run it again to go on from day %d of %d", err, p.Days, p.Total)
	}
	return tellTakenOver(env, p)
}
