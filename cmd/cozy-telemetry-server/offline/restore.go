package offline

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/overview/mirror"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

func newRestore(env cli.Environment) *cobra.Command {
	r := restorer{env: env}
	cmd := &cobra.Command{
		Use:   "restore",
		Short: "Make a file of the JSON mirror",
		Long: `Makes a new file of what a mirror has: every day, and the figures of months. What the
mirror does not have is lost: days whose records were removed, the list of applications,
what waited to be forwarded, and the key that names of instances are hashed under: give
that as --identity-key-file. Without --keep-going a line that can't be used is named,
and no file is made.`,
		Example: "  cozy-telemetry-server restore --snapshot-dir snapshots -o telemetry.db",
		Args:    cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r.out, r.errs = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return r.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.mirror, "snapshot-dir", "", "the mirror")
	f.StringVarP(&r.output, "output", "o", "", "the file to make; there must be none of that name")
	cli.IdentityKeyVar(f, &r.keyFile)
	f.BoolVar(&r.keepGoing, "keep-going", false, "leave out what can't be used")
	return cli.Checked(cmd, nil, "snapshot-dir", "output")
}

// restoreChunk is how many days one transaction merges.
const restoreChunk = 2000

// restorer reads a mirror into a file.
type restorer struct {
	env            cli.Environment
	out, errs      io.Writer
	mirror, output string
	keepGoing      bool
	keyFile        string

	into *store.Store
	// waiting are days of one date and product that are not in the file yet.
	waiting []rollup.InstanceDay
	date    rollup.Date
	product string

	records, months, bad int
	hashed               bool // there are instances whose names are hashed
}

func (r *restorer) run(ctx context.Context) (err error) {
	if err := errors.Join(checkMirror(r.mirror), cli.CheckNew(r.output)); err != nil {
		return err
	}
	key, err := cli.IdentityKey(r.keyFile)
	if err != nil {
		return err
	}
	err = store.Build(ctx, r.output, func(s *store.Store) error {
		r.into = s
		if key != nil {
			if err := s.UseIdentityKey(ctx, key); err != nil {
				return err
			}
		}
		if err := r.read(ctx); err != nil {
			return err
		}
		return r.verdict()
	})
	if err != nil {
		return err
	}
	if r.hashed && key == nil {
		fmt.Fprintln(r.errs, "note: the mirror has no key: instances of other products than Cozystack that go on reporting get new ids, and count twice in this month; --identity-key-file gives the key")
	}
	_, err = fmt.Fprintf(r.out, "%s has %s and %s\n", r.output, cli.CountOf(r.records, "day record"), cli.CountOf(r.months, "snapshot"))
	return err
}

// verdict says why no file shall be made of what was read, if so.
func (r *restorer) verdict() error {
	switch {
	case r.bad > 0 && !r.keepGoing:
		return fmt.Errorf("what is named above can't be used (%d in all), so no file was made; --keep-going leaves it out", r.bad)
	case r.records == 0 && r.months == 0:
		return fmt.Errorf("%s has no days and no months: no file was made", r.mirror)
	}
	return nil
}

func (r *restorer) read(ctx context.Context) error {
	p := cli.NewProgress(r.env, "restore")
	defer p.End()
	err := mirror.Read(ctx, r.mirror, mirror.Reader{
		Day: func(date rollup.Date, product, instance string, d rollup.Day) error {
			return r.day(ctx, date, product, rollup.InstanceDay{Instance: instance, Day: d})
		},
		Excluded: func(all []rollup.Exclusion) error {
			_, err := r.into.Exclude(ctx, all)
			return err
		},
		Month: func(s rollup.Snapshot) error {
			r.months++
			_, err := r.into.OfferSnapshot(ctx, s)
			return err
		},
		ProductMonth: func(s rollup.ProductSnapshot) error {
			r.months++
			_, err := r.into.OfferProductSnapshot(ctx, s)
			return err
		},
		LeftOut: func(product string, through rollup.Date, maxBytes int64) {
			p.End()
			of := ""
			if product != rollup.Cozystack {
				of = " of " + product
			}
			fmt.Fprintf(r.errs, "note: the mirror has no days%s up to %s: they found no room in the %s of --mirror-max-bytes, so they are not in the file\n", of, through, cli.BytesText(maxBytes))
		},
		Bad:      r.tellBad,
		Progress: p.Tell,
	})
	if err != nil {
		return err
	}
	return r.merge(ctx)
}

func (r *restorer) tellBad(file string, line int, why error) error {
	r.bad++
	if line > 0 {
		file = fmt.Sprintf("%s:%d", file, line)
	}
	_, err := fmt.Fprintf(r.errs, "%s: %s: %v\n", cli.Name, file, why)
	return err
}

func (r *restorer) day(ctx context.Context, date rollup.Date, product string, d rollup.InstanceDay) error {
	if date != r.date || product != r.product || len(r.waiting) == restoreChunk {
		if err := r.merge(ctx); err != nil {
			return err
		}
	}
	r.date, r.product = date, product
	r.waiting = append(r.waiting, d)
	r.records++
	r.hashed = r.hashed || product != rollup.Cozystack
	return nil
}

// merge writes the days that wait.
func (r *restorer) merge(ctx context.Context) error {
	if len(r.waiting) == 0 {
		return nil
	}
	err := r.into.MergeDays(ctx, r.product, r.date, r.waiting)
	r.waiting = nil // MergeDays keeps the old ones
	return err
}
