package program

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
)

// newHealthcheck is for containers, whose image has no other program in it.
func newHealthcheck() *cobra.Command {
	var addr, url string
	var pid int
	cmd := &cobra.Command{
		Use:     "healthcheck",
		Short:   "Ask a server on this machine whether it is ready; exit 1 if not",
		Example: "  cozy-telemetry-server healthcheck --listen-addr :8081",
		Args:    cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if given := listenAddrOf(pid); given != "" && !cmd.Flags().Changed("listen-addr") {
				addr = given
			}
			if url == "" {
				url = "http://" + cli.OnThisMachine(addr) + "/readyz"
			}
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
	f := cmd.Flags()
	f.StringVar(&addr, "listen-addr", cli.DefaultListenAddr, "the server's public listener, as its flag")
	f.StringVar(&url, "url", "", "what to ask; empty: /readyz of --listen-addr")
	f.IntVar(&pid, "of-pid", 0, "process whose --listen-addr is asked, if it was given one; 0: none")
	return cli.Checked(cmd, func() error {
		return errors.Join(cli.CheckAddr("listen-addr", addr), cli.CheckURL("url", url))
	})
}

// listenAddrOf returns what the command line of a process has as --listen-addr, or "". In
// a container the server is process 1, and the check is not told its flags.
func listenAddrOf(pid int) (addr string) {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return "" // there is no process 0
	}
	args := strings.Split(string(line), "\x00")
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--listen-addr="); ok {
			addr = value
		} else if arg == "--listen-addr" && i+1 < len(args) {
			addr = args[i+1]
		}
	}
	return addr
}
