package forget

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
)

// Command removes clusters from a file, or lets a running server do it.
func Command(env cli.Environment) *cobra.Command {
	c := command{env: env}
	cmd := &cobra.Command{
		Use:   "forget",
		Short: "Remove every byte of clusters, or of days, from a file and its mirror",
		Long: `Removes clusters from a file and its mirror: their days and months, and what of them
waits to be forwarded; or only some days of theirs, or of all clusters. With --product
instances of another product are meant, which --name names as they do themselves. The
file is written anew, so that nothing is left in free space either.

A running server is asked on its private listener; --db names a file that no server has
open.

A cluster that is not found is named and makes the exit code 1; the others are forgotten
all the same. Sums over all clusters that were made already stay, as do backups, mirrors
that were set aside, and what VictoriaMetrics has been sent: remove those there.`,
		Example: `  # a file that no server has open
  cozy-telemetry-server forget --db telemetry.db --snapshot-dir snapshots --cluster 3f2504e0-4f89-41d3-9a0c-0305e82c3301

  # while the server runs: many, or some days of all
  cozy-telemetry-server forget --cluster-file ids.txt --dry-run
  cozy-telemetry-server forget --from 2026-03-01 --to 2026-03-02

  # a homeserver
  cozy-telemetry-server forget --product synapse --name example.org`,
		Args: cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.in, c.out, c.errs = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
			return c.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&c.db, "db", "", "the database file; empty: a server is asked")
	f.StringVar(&c.mirror, "snapshot-dir", "", "the mirror of --db; empty: there is none")
	f.StringVar(&c.adminAddr, "admin-addr", cli.DefaultAdminAddr, "the server's private listener")
	f.StringVar(&c.tokenFile, "admin-token-file", "", "file with the token that it asks for")
	f.StringVar(&c.request.Product, "product", "", "whose instances are meant; empty: Cozystack's clusters")
	f.StringSliceVar(&c.request.Names, "name", nil, "names of instances of --product, such as example.org of synapse")
	f.StringSliceVar(&c.request.Clusters, "cluster", nil, "ids of clusters, or of instances of --product; none, no name and no file: all")
	f.StringSliceVar(&c.files, "cluster-file", nil, "files with ids, one a line; - is standard input")
	f.StringVar(&c.request.From, "from", "", "the first day, such as 2026-03-01; empty: all days")
	f.StringVar(&c.request.To, "to", "", "the last day")
	f.BoolVar(&c.request.DryRun, "dry-run", false, "remove nothing, and tell what there is")
	f.BoolVar(&c.yes, "yes", false, "do not ask")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if cli.NamesServer(cmd.Flags()) {
			c.db = ""
		}
		for flag, given := range map[string][]string{"cluster": c.request.Clusters, "name": c.request.Names} {
			if cmd.Flags().Changed(flag) && len(given) == 0 {
				return fmt.Errorf("--%s: it is empty", flag) // and not all clusters
			}
		}
		return c.check()
	}
	return cmd
}

type command struct {
	env                              cli.Environment
	in                               io.Reader
	out, errs                        io.Writer
	db, mirror, adminAddr, tokenFile string
	files                            []string
	yes                              bool
	request                          Request
}

func (c *command) check() error {
	if err := cli.CheckAddr("admin-addr", c.adminAddr); err != nil {
		return err
	}
	for _, path := range c.files {
		if path == "-" && !c.yes && !c.request.DryRun {
			return errors.New("--cluster-file: ids come from standard input, so that no answer can: give --yes, or --dry-run")
		}
	}
	switch dated := c.request.From != "" || c.request.To != ""; {
	case len(c.files) > 0 && !dated:
		return nil // the files are read later
	case len(c.request.Clusters)+len(c.request.Names) == 0 && !dated:
		return errors.New("--cluster: is required, or --cluster-file, --name, or --from and --to")
	}
	_, err := c.request.selection(func() ([]byte, error) { return nil, nil }) // the ids are made later
	return err
}

// worker is who forgets.
type worker interface {
	survey(ctx context.Context, r Request) (rewrite.Found, error)
	forget(ctx context.Context, r Request) (Result, error)
	// close ends it.
	close()
}

func (c *command) run(ctx context.Context) error {
	if err := c.readFiles(); err != nil {
		return err
	}
	w, err := c.worker()
	if err != nil {
		return err
	}
	defer w.close()
	found, err := w.survey(ctx, c.request)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "found: %s\n", c.foundText(found))
	if c.request.DryRun {
		return c.notFound(found)
	}
	if err := c.confirm(found); err != nil {
		return err
	}
	result, err := w.forget(ctx, c.request)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "removed: %s, and %s of the mirror", c.foundText(result.Found), cli.CountOf(result.MirrorLines, "line"))
	if c.db == "" {
		fmt.Fprintf(c.out, "; reports waited %d ms", result.PausedMS)
	}
	fmt.Fprintln(c.out)
	return c.notFound(result.Found)
}

func (c *command) worker() (worker, error) {
	if c.db == "" {
		return newAsked(c)
	}
	return newAtRest(c)
}

// noun is what is forgotten.
func (c *command) noun() string { return cli.InstanceOf(c.request.Product) }

func (c *command) foundText(f rewrite.Found) string {
	text := fmt.Sprintf("%s with %s, and %s that wait to be forwarded",
		cli.CountOf(f.Instances, c.noun()), cli.CountOf(f.Records, "record"), cli.CountOf(f.Lines, "line"))
	if f.Records > 0 {
		text += fmt.Sprintf("; from %s to %s", f.From, f.To)
	}
	return text
}

// notFound names who was not found.
func (c *command) notFound(f rewrite.Found) error {
	for _, id := range f.NotFound {
		fmt.Fprintln(c.errs, "not found:", id)
	}
	if len(f.NotFound) == 0 {
		return nil
	}
	if c.request.DryRun {
		return fmt.Errorf("%s not found", cli.CountOf(len(f.NotFound), c.noun()))
	}
	return fmt.Errorf("%s not found; the others, if any, were forgotten", cli.CountOf(len(f.NotFound), c.noun()))
}

var errNotConfirmed = errors.New("nothing was removed; say yes, or give --yes")

// confirm asks a person, and believes nothing but yes.
func (c *command) confirm(f rewrite.Found) error {
	if c.yes {
		return nil
	}
	what := cli.CountOf(f.Instances, c.noun())
	if named := slices.Concat(c.request.Clusters, c.request.Names); len(named) == 1 {
		what = c.noun() + " " + named[0]
	}
	if c.request.To != "" {
		what = fmt.Sprintf("%s from %s to %s", what, c.request.From, c.request.To)
	}
	fmt.Fprintf(c.out, "Remove all of %s for good? Type yes: ", what)
	line, err := bufio.NewReader(c.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(line) != "yes" {
		return errNotConfirmed
	}
	return nil
}

// readFiles adds the ids of --cluster-file.
func (c *command) readFiles() error {
	for _, path := range c.files {
		ids, err := c.readFile(path)
		if err != nil {
			return fmt.Errorf("--cluster-file: %w", err)
		}
		c.request.Clusters = append(c.request.Clusters, ids...)
	}
	if len(c.files) > 0 && len(c.request.Clusters) == 0 {
		return errors.New("--cluster-file: there is no id in it") // and not all clusters
	}
	return nil
}

func (c *command) readFile(path string) ([]string, error) {
	if path == "-" {
		return cli.ReadIDs(c.in, path)
	}
	return cli.ReadIDFile(path)
}
