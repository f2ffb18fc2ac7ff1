package offline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/mirror"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

func newVerify(env cli.Environment) *cobra.Command {
	var db, mirrorDir string
	var confirmDays int
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check a file, and its mirror, for damage; exit 1 if there is any",
		Long: `Checks that every page and every record of a file can be read, that months are the
folds of their days, that the figures of months are what the rollups say, and that the
mirror has the same. Both are only read. Notes say what could not be checked.`,
		Example: "  cozy-telemetry-server verify --db copy.db --snapshot-dir snapshots",
		Args:    cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withFile(db, func(s *store.Store) error {
				v := &verifier{env: env, out: cmd.OutOrStdout(), store: s}
				return v.run(cmd.Context(), mirrorDir, confirmDays)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&db, "db", "", "the database file")
	f.StringVar(&mirrorDir, "snapshot-dir", "", "the mirror; empty: the file alone is checked")
	f.IntVar(&confirmDays, "confirm-days", overview.DefaultConfig().ConfirmDays, "on how many days a cluster must be seen to be confirmed")
	return cli.Checked(cmd, func() error { return cli.CheckRange("confirm-days", confirmDays, 1, 365) }, "db")
}

// verifier prints what it finds.
type verifier struct {
	env      cli.Environment
	out      io.Writer
	store    *store.Store
	problems int
	// forgotten is what the file notes of those who were.
	forgotten []rollup.Forgotten
}

// problem notes something that must not be.
func (v *verifier) problem(format string, args ...any) {
	v.problems++
	fmt.Fprintf(v.out, "problem: "+format+"\n", args...)
}

func (v *verifier) run(ctx context.Context, mirrorDir string, confirmDays int) error {
	if mirrorDir != "" {
		if err := checkMirror(mirrorDir); err != nil {
			return err
		}
	}
	p := cli.NewProgress(v.env, "verify")
	err := v.store.Check(ctx, func(found store.Problem) {
		p.End() // the line of progress would run into it
		v.problem("%s: %s", found.Kind, found.Text)
	}, p.Tell)
	p.End()
	if err != nil {
		return err
	}
	if v.problems > 0 {
		return v.verdict() // what is damaged can't be held against anything
	}
	if err := v.snapshots(confirmDays); err != nil {
		return err
	}
	var found mirror.Checked
	if mirrorDir != "" {
		found, err = mirror.Check(ctx, mirrorDir, untouched{v.store}, func(file, why string) { v.problem("mirror: %s: %s", file, why) })
		if err != nil {
			return err
		}
	}
	if v.problems > 0 {
		return v.verdict()
	}
	return v.praise(mirrorDir != "", found)
}

func (v *verifier) verdict() error { return fmt.Errorf("%s found", cli.CountOf(v.problems, "problem")) }

// snapshots holds the figures of months against the rollups.
func (v *verifier) snapshots(confirmDays int) error {
	o, err := overviewOf(v.store, v.env, figureFlags{confirmDays: confirmDays})
	if err != nil {
		return err
	}
	defer o.Close()
	all, err := v.store.Snapshots()
	if err != nil {
		return err
	}
	if v.forgotten, err = v.store.Forgotten(); err != nil {
		return err
	}
	for _, f := range v.forgotten {
		fmt.Fprintf(v.out, "note: on %s %s were forgotten that had records from %s to %s: final figures that are older may have them\n",
			f.At.UTC().Format("2006-01-02 at 15:04"), cli.CountOf(f.Instances, cli.InstanceOf(f.Product)), f.From, f.To)
	}
	for _, s := range all {
		note, err := o.Compare(s)
		switch {
		case errors.Is(err, overview.ErrLess) && v.hasForgotten(rollup.Cozystack, s):
			fmt.Fprintf(v.out, "note: snapshot of %s: %v: it has clusters that were forgotten since\n", s.Month, err)
		case errors.Is(err, overview.ErrLess):
			v.problem("snapshot of %s: %v", s.Month, err)
		case err != nil:
			return err
		case note != "":
			fmt.Fprintf(v.out, "note: snapshot of %s: %s\n", s.Month, note)
		}
	}
	return v.productSnapshots(o)
}

// productSnapshots does the same for those of other products than cozystack.
func (v *verifier) productSnapshots(o *overview.Overview) error {
	all, err := v.store.ProductSnapshots()
	if err != nil {
		return err
	}
	for _, s := range all {
		note, err := o.CompareProduct(s)
		gone, goneErr := v.daysAreGone(s)
		switch {
		case goneErr != nil:
			return goneErr
		case errors.Is(err, overview.ErrNoProduct):
			note = "this version does not know the product"
		case errors.Is(err, overview.ErrLess) && v.hasForgotten(s.Product, s.Ranked()):
			note = err.Error() + ": it has instances that were forgotten since"
		case errors.Is(err, overview.ErrLess) && gone:
			note = "days of it were removed, so the figures can't be counted again"
		case errors.Is(err, overview.ErrLess), errors.Is(err, overview.ErrDiffers):
			v.problem("snapshot of %s of %s: %v", s.Month, s.Product, err)
		case err != nil:
			return err
		}
		if note != "" {
			fmt.Fprintf(v.out, "note: snapshot of %s of %s: %s\n", s.Month, s.Product, note)
		}
	}
	return nil
}

// daysAreGone tells whether days of a month of sessions were removed: it has nothing else.
func (v *verifier) daysAreGone(s rollup.ProductSnapshot) (bool, error) {
	sessions := func(p product.Product) bool { return p.Name == s.Product && p.Sessions }
	through, err := v.store.RemovedThrough(s.Product)
	return slices.ContainsFunc(products.All(), sessions) && through >= s.Month.First(), err
}

// hasForgotten tells whether figures of a product may have instances that were forgotten since.
func (v *verifier) hasForgotten(product string, s rollup.Snapshot) bool {
	return slices.ContainsFunc(v.forgotten, func(f rollup.Forgotten) bool {
		return f.Product == product && f.Covers(s.Month, s.CollectedAt)
	})
}

// praise says how much was found to be good.
func (v *verifier) praise(mirrored bool, found mirror.Checked) error {
	st, err := v.store.Stats()
	if err != nil {
		return err
	}
	days, months := 0, 0
	for _, m := range st.Months {
		days += m.DayRecords
		months += m.Records
	}
	fmt.Fprintf(v.out, "ok: %s with %s, %s, %s, %s in the queue\n", cli.CountOf(st.Days, "day"), cli.CountOf(days, "record"),
		cli.CountOf(months, "record")+" of months", cli.CountOf(st.Snapshots, "snapshot"), cli.CountOf(st.Queue.Blocks, "block"))
	if mirrored {
		fmt.Fprintf(v.out, "ok: the mirror has %s and %s\n", cli.CountOf(found.Days, "day"), cli.CountOf(found.Months, "month"))
	}
	if found.LeftOut > 0 {
		fmt.Fprintf(v.out, "note: the mirror has left out the oldest %s, which found no room in --mirror-max-bytes: restore could not give them back\n", cli.CountOf(found.LeftOut, "day"))
	}
	if found.OfAnotherFile {
		fmt.Fprintln(v.out, "note: the mirror was made by another file; a server that starts on this one goes on with it")
	}
	return nil
}
