package program

import (
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
)

// newHealthcheck is for containers, whose image has no other program in it.
func newHealthcheck() *cobra.Command {
	var url string
	cmd := &cobra.Command{
		Use:     "healthcheck",
		Short:   "Ask a server on this machine whether it is ready; exit 1 if not",
		Example: "  cozy-telemetry-server healthcheck --url http://127.0.0.1:8081/readyz",
		Args:    cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client := http.Client{Timeout: 5 * time.Second}
			resp, err := client.Get(url)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("not ready: %s answers %s", url, resp.Status)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "ready")
			return err
		},
	}
	cmd.Flags().StringVar(&url, "url", "http://127.0.0.1:8081/readyz", "what to ask")
	return cmd
}
