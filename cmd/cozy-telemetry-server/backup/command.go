package backup

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/private"
)

// Command gets a copy of a running server's file.
func Command(env cli.Environment) *cobra.Command {
	var admin, tokenFile, output string
	var force bool
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Get a copy of a running server's file",
		Long: `Gets a copy of the file of a running server, from its private listener. The copy has
every report that was answered before. It gets its name when all of it has come and its
checksum is right.`,
		Example: "  cozy-telemetry-server backup -o copy.db",
		Args:    cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			token, err := private.ReadToken(tokenFile)
			if err != nil {
				return err
			}
			var size int64
			err = cli.WriteOut(output, force, func(out io.Writer) (err error) {
				p := cli.NewProgress(env, "backup")
				defer p.End()
				size, err = fetch(cmd.Context(), "http://"+cli.OnThisMachine(admin)+Path, token, out, p.Tell)
				return err
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s has %s\n", output, cli.BytesText(size))
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&admin, "admin-addr", cli.DefaultAdminAddr, "the server's private listener")
	f.StringVar(&tokenFile, "admin-token-file", "", "file with the token that it asks for")
	f.StringVarP(&output, "output", "o", "", "the file to write")
	f.BoolVar(&force, "force", false, "replace the file if there is one")
	return cli.Checked(cmd, func() error { return cli.CheckAddr("admin-addr", admin) }, "output")
}
