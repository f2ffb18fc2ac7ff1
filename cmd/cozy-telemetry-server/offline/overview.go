package offline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/appsource"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// figureFlags are the server's flags that figures depend on.
type figureFlags struct {
	aggregate   overview.Aggregate
	publish     overview.Publish
	confirmDays int
	finalGrace  time.Duration
	replicas    int
	minShare    int64
}

func (f *figureFlags) check() error {
	return errors.Join(
		cli.CheckOneOf("aggregate", string(f.aggregate), "average", "distinct"),
		cli.CheckOneOf("publish", string(f.publish), "seen", "confirmed"),
		cli.CheckRange("confirm-days", f.confirmDays, 1, 365),
		cli.CheckRange("final-grace", f.finalGrace, 0, 31*24*time.Hour),
		cli.CheckRange("replicas", f.replicas, 1, 1000),
		cli.CheckRange("min-share", f.minShare, 1, 1_000_000),
	)
}

// newOverview is GET /api/overview without a server.
func newOverview(env cli.Environment) *cobra.Command {
	var db, month, product string
	var figures figureFlags
	cmd := &cobra.Command{
		Use:   "overview",
		Short: "Print the overview of a month from a file, as GET /api/overview answers it",
		Long: `Prints what GET /api/overview of a server on this file would answer for a month,
if it had no vmselect. The file is only read.`,
		Example: "  cozy-telemetry-server overview --db copy.db --month 2026-03",
		Args:    cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withFile(db, func(s *store.Store) error {
				id, err := rollup.ParseMonth(month)
				if err != nil {
					return err
				}
				answer, err := answerFrom(cmd.Context(), s, env, product, id, figures)
				if err != nil {
					return err
				}
				_, err = cmd.OutOrStdout().Write(answer)
				return err
			})
		},
	}
	f, d := cmd.Flags(), overview.DefaultConfig()
	f.StringVar(&db, "db", "", "the database file")
	f.StringVar(&month, "month", "", "the month, such as 2026-03")
	f.StringVar(&product, "product", rollup.Cozystack, "whose figures: "+strings.Join(products.Names(), ", "))
	f.StringVar((*string)(&figures.aggregate), "aggregate", string(d.Aggregate), "how quarter and year are formed: average or distinct")
	f.StringVar((*string)(&figures.publish), "publish", string(d.Publish), "which figures are published: seen, or confirmed where there are such")
	f.IntVar(&figures.confirmDays, "confirm-days", d.ConfirmDays, "on how many days a cluster must be seen to be confirmed")
	cli.DurationVar(f, &figures.finalGrace, "final-grace", d.FinalGrace, "how long after its end a month becomes final")
	f.IntVar(&figures.replicas, "replicas", d.Replicas, "how many servers share the clusters; above 1, rollups are never complete")
	f.Int64Var(&figures.minShare, "min-share", d.MinShare, "of how many clusters or instances a published value tells at least")
	return cli.Checked(cmd, func() error {
		return errors.Join(cli.CheckOneOf("product", product, products.Names()...), checkMonth("month", month, rollup.MonthOf(env.Now())), figures.check())
	}, "db", "month")
}

// checkMonth accepts the months that the API accepts, and an empty value, which is
// told of elsewhere.
func checkMonth(flag, value string, now rollup.MonthID) error {
	if value == "" {
		return nil
	}
	month, err := rollup.ParseMonth(value)
	switch {
	case err != nil:
		return fmt.Errorf("--%s: %q is not a month such as 2026-03", flag, value)
	case month > now:
		return fmt.Errorf("--%s: %s is in the future", flag, month)
	}
	return nil
}

// answerFrom returns the JSON of a month of a product.
func answerFrom(ctx context.Context, s *store.Store, env cli.Environment, product string, month rollup.MonthID, f figureFlags) ([]byte, error) {
	o, err := overviewOf(s, env, f)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	var answer *overview.Answer
	if product == rollup.Cozystack {
		answer, err = o.Answer(ctx, month, f.aggregate, f.publish)
	} else {
		answer, err = o.ProductAnswer(ctx, product, month, f.aggregate)
	}
	if errors.Is(err, overview.ErrNoData) {
		return nil, fmt.Errorf("no telemetry data for %s; inspect lists the months of a file", month)
	}
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

// overviewOf answers from a file alone.
func overviewOf(s *store.Store, env cli.Environment, f figureFlags) (*overview.Overview, error) {
	apps, err := appsOf(s, env)
	if err != nil {
		return nil, err
	}
	return overview.New(untouched{s}, apps, overview.Config{
		Now:         env.Now,
		Aggregate:   f.aggregate,
		Publish:     f.publish,
		ConfirmDays: f.confirmDays,
		FinalGrace:  cli.OrNever(f.finalGrace),
		Replicas:    f.replicas,
		Products:    products.All(),
		MinShare:    f.minShare,
	})
}

// appsOf knows the list of applications that is in a file, else the built-in one.
func appsOf(s *store.Store, env cli.Environment) (*appsource.Source, error) {
	apps := appsource.New(appsource.Config{Now: env.Now, Store: untouched{s}})
	if err := apps.Load(); err != nil && !errors.Is(err, appsource.ErrBadList) {
		return nil, err
	}
	return apps, nil
}
