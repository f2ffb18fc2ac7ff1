package cli

import (
	"slices"
	"testing"

	"github.com/spf13/cobra"
)

func TestStrangers(t *testing.T) {
	server, other := &cobra.Command{}, &cobra.Command{}
	server.Flags().String("db-path", "", "")
	server.Flags().String("log-level", "", "")
	other.Flags().String("month", "", "")
	got := Strangers([]string{
		"PATH=/bin", "TELEMETRY_DB_PATH=x", "TELEMETRY_MONTH=2026-01", "TELEMETRYDB=x", "telemetry_db_path=x",
		"TELEMETRY_SERVICE_HOST=10.0.0.1", "TELEMETRY_PORT=tcp://10.0.0.1:8081", "TELEMETRY_ADMIN_PORT_8082_TCP_ADDR=10.0.0.1", "TELEMETRY_SERVICE_PORT_HTTP=8081",
		"TELEMETRY_LOGLEVEL=debug", "TELEMETRY_DB_PTH=secret", "TELEMETRY_=",
	}, []*cobra.Command{server, other})
	want := []string{
		"TELEMETRY_ is no flag's twin; the nearest is TELEMETRY_MONTH of --month",
		"TELEMETRY_DB_PTH is no flag's twin; the nearest is TELEMETRY_DB_PATH of --db-path",
		"TELEMETRY_LOGLEVEL is no flag's twin; the nearest is TELEMETRY_LOG_LEVEL of --log-level",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

func TestDistance(t *testing.T) {
	for pair, want := range map[[2]string]int{{"", ""}: 0, {"", "abc"}: 3, {"kitten", "sitting"}: 3, {"abc", "abc"}: 0, {"abcd", "bcd"}: 1} {
		if distance(pair[0], pair[1]) != want || distance(pair[1], pair[0]) != want {
			t.Errorf("%q: %d", pair, distance(pair[0], pair[1]))
		}
	}
}
