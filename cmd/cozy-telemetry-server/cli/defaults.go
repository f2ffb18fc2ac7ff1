package cli

import "github.com/spf13/pflag"

// AskAdmin ends an error of who has perhaps not reached a private listener.
const AskAdmin = "; is a server running, and is this its --admin-addr?"

// Where things are if no flag says otherwise: a VictoriaMetrics cluster beside the server,
// which takes samples and answers, the file in its volume, and the two listeners.
const (
	DefaultForwardURL  = "http://vminsert-cozy-telemetry:8480/insert/0/prometheus/api/v1/import/prometheus"
	DefaultVMSelectURL = "http://vmselect-cozy-telemetry:8481"
	DefaultDBPath      = "/data/telemetry.db"
	DefaultListenAddr  = ":8081"
	DefaultAdminAddr   = "127.0.0.1:8082"
)

// NamesServer tells whether a command line names a server by --admin-addr, and no file by
// --db: then the server is meant, whatever file the environment names.
func NamesServer(f *pflag.FlagSet) bool { return f.Changed("admin-addr") && !f.Changed("db") }
