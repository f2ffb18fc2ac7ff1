package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/appsource"
	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/backfill"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// takeover names the days to take over from a VictoriaMetrics.
type takeover struct {
	From rollup.MonthID `json:"from,omitzero"`
	To   rollup.MonthID `json:"to,omitzero"`
	// Again also takes the days that were taken before.
	Again bool `json:"again,omitzero"`
}

// The months that can be taken over: each of their days is asked for.
var (
	firstTaken = rollup.NewMonth(overview.FirstYear, time.January)
	lastTaken  = rollup.NewMonth(overview.LastYear, time.December)
)

// parseTakeover reads the months of a request or, with dashes, of a command line.
func parseTakeover(dashes, from, to string, again bool, now time.Time) (takeover, error) {
	t := takeover{Again: again}
	var errs [2]error
	t.From, errs[0] = parseMonth(dashes+"from", from)
	t.To, errs[1] = parseMonth(dashes+"to", to)
	switch {
	case errs[0] != nil || errs[1] != nil:
		return t, errors.Join(errs[:]...)
	case t.To < t.From:
		return t, fmt.Errorf("%sto: %s is before %s", dashes, t.To, t.From)
	case t.From < firstTaken:
		return t, fmt.Errorf("%sfrom: there is nothing of %s: the first month is %s", dashes, t.From, firstTaken)
	case t.To > lastTaken:
		return t, fmt.Errorf("%sto: %s is behind the last month, %s", dashes, t.To, lastTaken)
	case t.From > rollup.MonthOf(now):
		return t, fmt.Errorf("%sfrom: %s is in the future", dashes, t.From)
	}
	return t, nil
}

func parseMonth(name, text string) (rollup.MonthID, error) {
	month, err := rollup.ParseMonth(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %q is not a month such as 2026-01", name, text)
	}
	return month, nil
}

// backfiller takes days over into an open file.
type backfiller struct {
	url      string
	rules    ingest.Rules
	store    *store.Store
	overview *overview.Overview
	now      func() time.Time
}

// watcher is told how a backfill goes.
type watcher interface {
	onDay(backfill.Progress)
	onMonth(rollup.MonthID)
	onRetry(error)
}

// run takes over, and makes what is stored of the months follow.
func (b backfiller) run(ctx context.Context, t takeover, w watcher) (backfill.Progress, error) {
	return backfill.Run(ctx, backfillStore{b.store}, backfill.Config{
		URL: b.url, From: t.From, To: t.To, Again: t.Again, Now: b.now, Rules: b.rules,
		OnDay: w.onDay, OnRetry: w.onRetry,
		OnMonth: func(ctx context.Context, month rollup.MonthID) error {
			_, err := b.overview.Recount(ctx, month)
			if err == nil {
				w.onMonth(month)
			}
			return err
		},
	})
}

// backfillStore is the store as a backfill needs it.
type backfillStore struct{ *store.Store }

// MergeDays merges days of clusters into those of a date.
func (s backfillStore) MergeDays(ctx context.Context, date rollup.Date, days []backfill.InstanceDay) error {
	merged := make([]store.InstanceDay, len(days))
	for i, d := range days {
		merged[i] = store.InstanceDay(d)
	}
	return s.Store.MergeDays(ctx, overview.Product, date, merged)
}

// backfillFlags are the flags of the command.
type backfillFlags struct {
	vmselectURL, dbPath, adminAddr string
	from, to                       string
	again                          bool
	confirmDays                    int
	takes                          taken

	takeover takeover
}

func newBackfill(env environment) *cobra.Command {
	var c backfillFlags
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
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.adminAddr != "" {
				return askForBackfill(cmd.Context(), c, env)
			}
			return c.run(cmd.Context(), env)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&c.vmselectURL, "vmselect-url", defaultVMSelectURL, "where to take from, as the server's flag")
	f.StringVar(&c.from, "from", "", "the first month, such as 2026-01")
	f.StringVar(&c.to, "to", "", "the last month")
	f.StringVar(&c.dbPath, "db-path", defaultDBPath, "the database file; a new one if there is none")
	f.IntVar(&c.confirmDays, "confirm-days", overview.DefaultConfig().ConfirmDays, "as the server's flag")
	f.BoolVar(&c.again, "again", false, "also take the days that an earlier run has taken")
	f.StringVar(&c.adminAddr, "admin-addr", "", "let the server do it that has this private listener")
	bindTakenFlags(f, &c.takes)
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Flags().Changed("db-path") && !cmd.Flags().Changed("admin-addr") {
			c.adminAddr = "" // the file that is named, whatever server the environment names
		}
		return c.check(env.now())
	}
	return cmd
}

func (c *backfillFlags) check(now time.Time) (err error) {
	c.takeover, err = parseTakeover("--", c.from, c.to, c.again, now)
	if c.adminAddr != "" {
		return errors.Join(err, checkAddr("admin-addr", c.adminAddr))
	}
	return errors.Join(err,
		checkFilled("vmselect-url", c.vmselectURL),
		checkURL("vmselect-url", c.vmselectURL),
		checkFilled("db-path", c.dbPath),
		checkRange("confirm-days", c.confirmDays, 1, 365),
		c.takes.check(),
	)
}

// run fills a file that no server has open.
func (c *backfillFlags) run(ctx context.Context, env environment) (err error) {
	rules, err := ingest.NewRules(c.takes.limits)
	if err != nil {
		return err
	}
	db, err := store.Open(c.dbPath, store.Options{
		Now: env.now, Bounds: c.takes.bounds, Dictionary: maxDictionary, Lasting: lastingMetrics(),
	})
	if errors.Is(err, store.ErrLocked) {
		return fmt.Errorf("%w; or let the server do it: see --admin-addr", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	apps := appsource.New(appsource.Config{Now: env.now, Store: db})
	_ = apps.Load() // without the stored list, the built-in one names the applications
	months, err := overview.New(db, apps, overview.Config{Now: env.now, ConfirmDays: c.confirmDays, Logger: zerolog.Nop()})
	if err != nil {
		return err
	}
	defer months.Close()
	return c.show(ctx, backfiller{c.vmselectURL, rules, db, months, env.now}, env)
}

// show takes over and tells how far it has come.
func (c *backfillFlags) show(ctx context.Context, b backfiller, env environment) error {
	w := &onlooker{stderr: env.stderr, bar: newProgress(env, "days", int64(c.takeover.days(env.now())))}
	p, err := b.run(ctx, c.takeover, w)
	w.bar.done()
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted; run it again to go on from day %d of %d", p.Days, p.Total)
	}
	if err != nil {
		return fmt.Errorf("%w; run it again to go on from day %d of %d", err, p.Days, p.Total)
	}
	return tellTakenOver(env, p)
}

func tellTakenOver(env environment, p backfill.Progress) error {
	_, err := fmt.Fprintf(env.stdout, "%d days are taken over, %d of them by an earlier run: %d samples; %s\n",
		p.Days, p.Resumed, p.Samples, skippedText(p.Skipped))
	return err
}

// skippedText tells how many samples were skipped, and why.
func skippedText(s backfill.Skipped) string {
	text := fmt.Sprintf("%d were skipped", s.Total())
	var whys []string
	for _, why := range slices.Sorted(maps.Keys(s)) {
		whys = append(whys, fmt.Sprintf("%s %d", why, s[why]))
	}
	if len(whys) == 0 {
		return text
	}
	return text + " (" + strings.Join(whys, ", ") + ")"
}

// onlooker shows a person, or a log, how a backfill goes.
type onlooker struct {
	stderr io.Writer
	bar    *progress
	last   backfill.Progress
}

func (o *onlooker) onDay(p backfill.Progress) {
	o.last = p
	o.bar.set(int64(p.Days))
}

func (o *onlooker) onMonth(month rollup.MonthID) {
	if !isTerminal(o.stderr) {
		fmt.Fprintf(o.stderr, "%s is done: %d of %d days, %d samples; %s\n",
			month, o.last.Days, o.last.Total, o.last.Samples, skippedText(o.last.Skipped))
	}
}

func (o *onlooker) onRetry(err error) {
	fmt.Fprintf(o.stderr, "%s: %v; trying again\n", name, err)
}

// days returns how many days there are to take over by now.
func (t takeover) days(now time.Time) int {
	return max(0, int(min(t.To.Last(), rollup.DateOf(now))-t.From.First())+1)
}
