// Command cozy-telemetry-server receives anonymous usage reports from Cozystack
// clusters, keeps them safe in one file, forwards them to VictoriaMetrics, and
// publishes monthly statistics. README.md shows its way from the outside,
// CONTRIBUTING.md its rooms.
package main

import "github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"

func main() { program.Main() }
