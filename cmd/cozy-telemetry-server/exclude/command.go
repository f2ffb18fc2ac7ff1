package exclude

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/appsource"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/private"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
)

// command is exclude or include.
type command struct {
	env     cli.Environment
	include bool

	request              Request
	file                 string // with names of clusters
	list, asJSON         bool
	db                   string // empty: a server is asked
	adminAddr, tokenFile string
	confirmDays          int
}

const longExclude = `Lets the figures leave clusters out, such as a stranger's made-up ones: of all months, final
ones too. Their reports stay in the file and are taken as before, so include undoes it.

Name clusters, or say what they have in common; several of these must all be so. Without
--apply it only tells whom that concerns, and what each month shows before and after.

A running server is asked on its private listener; --db names a file that no server has open.`

const longInclude = `Undoes exclude: the figures have clusters again. All else is as with exclude: without
--apply it only tells what would change.`

// Commands returns exclude and include.
func Commands(env cli.Environment) []*cobra.Command {
	exclude := &command{env: env}
	include := &command{env: env, include: true}
	return []*cobra.Command{
		exclude.cobra("exclude", "Let the figures leave clusters out, and list those that they do", longExclude,
			`  # what came on one morning with the same series as one that is known to be made up
  cozy-telemetry-server exclude --first-seen-from 2026-10-03T08 --first-seen-to 2026-10-03T11 --max-days 1
  cozy-telemetry-server exclude --like 3f2504e0-4f89-41d3-9a0c-0305e82c3301 --reason "flood of 3 October" --apply`),
		include.cobra("include", "Let the figures have excluded clusters again", longInclude,
			"  cozy-telemetry-server include 3f2504e0-4f89-41d3-9a0c-0305e82c3301 --apply"),
	}
}

func (c *command) cobra(name, short, long, example string) *cobra.Command {
	cmd := &cobra.Command{
		Use: name + " [ID...]", Short: short, Long: long, Example: example,
		Args: func(_ *cobra.Command, args []string) error {
			c.request.Clusters = args
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringVar(&c.request.Product, "product", "", "whose instances are meant; empty: Cozystack's clusters")
	f.StringSliceVar(&c.request.Names, "name", nil, "names of instances of --product, such as example.org of synapse")
	f.StringVar(&c.file, "cluster-file", "", "file with more ids, one a line; # begins a comment")
	f.StringVar(&c.request.FirstSeenFrom, "first-seen-from", "", "those first seen from this day or hour (UTC) on, such as 2026-03-01T15")
	f.StringVar(&c.request.FirstSeenTo, "first-seen-to", "", "those first seen up to this day or hour, it included")
	f.IntVar(&c.request.MaxDays, "max-days", 0, "those seen on at most so many days; 0: any")
	f.Int64Var(&c.request.MinNodes, "min-nodes", 0, "those with at least so many nodes")
	f.StringVar(&c.request.Like, "like", "", "those with the same series in a month as this cluster, and this one")
	if c.include {
		f.BoolVar(&c.request.Excluded, "all", false, "all that are excluded")
	} else {
		f.StringVar(&c.request.Reason, "reason", "", "what to note with them")
		f.BoolVar(&c.list, "list", false, "list who is excluded, and nothing else")
	}
	f.BoolVar(&c.request.Apply, "apply", false, "do it; without it nothing is changed")
	f.BoolVar(&c.asJSON, "json", false, "print JSON, with all clusters")
	f.StringVar(&c.db, "db", "", "the database file; empty: a server is asked")
	f.StringVar(&c.adminAddr, "admin-addr", cli.DefaultAdminAddr, "the server's private listener")
	f.StringVar(&c.tokenFile, "admin-token-file", "", "file with the token that it asks for")
	f.IntVar(&c.confirmDays, "confirm-days", overview.DefaultConfig().ConfirmDays, "as the server's flag; for --db")
	return cli.Checked(cmd, func() error {
		if cli.NamesServer(cmd.Flags()) {
			c.db = ""
		}
		return c.check()
	})
}

func (c *command) check() error {
	err := errors.Join(cli.CheckAddr("admin-addr", c.adminAddr), cli.CheckRange("confirm-days", c.confirmDays, 1, 365))
	if c.list {
		return err
	}
	err = errors.Join(err, c.readFile())
	if _, wrong := c.request.check(); wrong != nil {
		err = errors.Join(err, wrong)
	}
	return err
}

// readFile adds the names that stand in the file.
func (c *command) readFile() error {
	if c.file == "" {
		return nil
	}
	ids, err := cli.ReadIDFile(c.file)
	if err != nil {
		return fmt.Errorf("--cluster-file: %w", err)
	}
	c.request.Clusters = append(c.request.Clusters, ids...)
	if len(c.request.Clusters) == 0 {
		return fmt.Errorf("--cluster-file: %s names no cluster", c.file)
	}
	return nil
}

func (c *command) run(ctx context.Context) error {
	if c.db != "" {
		return c.onFile(ctx)
	}
	token, err := private.ReadToken(c.tokenFile)
	if err != nil {
		return err
	}
	server := client{private.Client{Addr: c.adminAddr, Token: token}}
	if c.list {
		l, err := server.list(ctx)
		return c.tellList(l, err)
	}
	path := "/exclude"
	if c.include {
		path = "/include"
	}
	result, err := server.post(ctx, path, c.request)
	return c.tell(result, err)
}

// onFile works on a file that no server has open.
func (c *command) onFile(ctx context.Context) (err error) {
	db, err := store.OpenReadOnly(c.db)
	if err == nil && c.request.Apply && !c.list { // now that there is such a file
		_ = db.Close() // nothing was written
		db, err = store.Open(c.db, store.Options{Now: c.env.Now, Unfolded: products.Unfolded()})
	}
	if errors.Is(err, dberrors.ErrLocked) {
		return fmt.Errorf("%w; leave --db out, and the server is asked at --admin-addr", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if c.list {
		all, err := db.Excluded()
		return c.tellList(listing{all}, err)
	}
	apps := appsource.New(appsource.Config{Now: c.env.Now, Store: db})
	_ = apps.Load() // without the stored list, the built-in one names the applications
	months, err := overview.New(db, apps, overview.Config{Now: c.env.Now, ConfirmDays: c.confirmDays, Products: products.All()})
	if err != nil {
		return err
	}
	defer months.Close()
	e := &Excluder{Store: db, Overview: months, Now: c.env.Now}
	result, err := e.run(ctx, c.request, c.include)
	return c.tell(result, err)
}

func (c *command) tell(result Result, err error) error {
	if err != nil {
		return err
	}
	if c.asJSON {
		return printJSON(c.env.Stdout, result)
	}
	return result.print(c.env.Stdout, c.include)
}

func (c *command) tellList(l listing, err error) error {
	if err != nil {
		return err
	}
	if c.asJSON {
		return printJSON(c.env.Stdout, l)
	}
	return l.print(c.env.Stdout)
}
