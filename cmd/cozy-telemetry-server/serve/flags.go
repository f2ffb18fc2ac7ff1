package serve

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/cozystack/cozystack-telemetry-server/appsource"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/limits"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/mirror"
)

// Config is what the flags say. docs/reference.md has a table of them, which a test
// holds against Bind. The zero Config is to be filled by Bind and a parse of the flags.
type Config struct {
	products  products.Flag
	byProduct productFlags

	forwardURL, vmselectURL string
	listenAddr, adminAddr   string
	dbPath, snapshotDir     string
	adminHosts              []string
	adminTokenFile          string

	aggregate    overview.Aggregate
	publish      overview.Publish
	finalGrace   time.Duration
	currentTTL   time.Duration
	queryTimeout time.Duration
	confirmDays  int
	minShare     int64
	notes        string
	replicas     int
	appsURL      string
	embedOrigins []string
	mirrorEvery  time.Duration

	mirrorMaxBytes int64
	minFreeBytes   int64

	limits            string
	trustedProxies    []string
	senders           ingest.SenderLimits
	connections       connectionLimits
	maxParses         int
	takes             limits.Flags
	forwardQueueBytes int64

	dbMaxBytes            int64
	init, setAsideDamaged bool
	identityKeyFile       string
	setAsideMirror        bool
	rollupRetention       time.Duration
	monthRetention        time.Duration
	kubeatlasRetention    time.Duration

	backupDir   string
	backupEvery time.Duration
	backupKeep  int

	logLevel, logFormat string

	flags *pflag.FlagSet // that all of it is from
}

const day = 24 * time.Hour

// Bind declares every flag. The usage texts are those of
// docs/reference.md.
func (c *Config) Bind(f *pflag.FlagSet) {
	f.SortFlags = false
	c.flags = f
	c.products.Bind(f)
	f.StringVar(&c.forwardURL, "forward-url", cli.DefaultForwardURL, "where ingested samples are forwarded; empty: nothing is forwarded")
	c.byProduct.Bind(f)
	f.StringVar(&c.listenAddr, "listen-addr", cli.DefaultListenAddr, "public listener")
	f.StringVar(&c.vmselectURL, "vmselect-url", cli.DefaultVMSelectURL, "query base; empty: the overview is answered from the rollups alone")
	f.StringVar(&c.snapshotDir, "snapshot-dir", "/data/snapshots", "the JSON mirror; empty: none is written")
	f.StringVar(&c.dbPath, "db-path", cli.DefaultDBPath, "the database file")
	f.StringVar(&c.adminAddr, "admin-addr", cli.DefaultAdminAddr, "private listener with the operator's page, /metrics, /backup and /debug/pprof/; empty: none")
	f.StringSliceVar(&c.adminHosts, "admin-hosts", nil, "names by which the private listener is asked, beside addresses and localhost")
	f.StringVar(&c.adminTokenFile, "admin-token-file", "", "file with the bearer token that the private listener asks for; empty: none")

	d := overview.DefaultConfig()
	f.StringVar((*string)(&c.aggregate), "aggregate", string(d.Aggregate), "how quarter and year are formed: average or distinct")
	f.StringVar((*string)(&c.publish), "publish", string(d.Publish), "which figures are published: seen, or confirmed where there are such")
	cli.DurationVar(f, &c.finalGrace, "final-grace", d.FinalGrace, "how long after its end a month becomes final")
	cli.DurationVar(f, &c.currentTTL, "current-ttl", d.CurrentTTL, "how long vmselect's answer for the current month is kept")
	cli.DurationVar(f, &c.queryTimeout, "query-timeout", d.QueryBudget, "how long vmselect may take for a month, at most 25s")
	f.IntVar(&c.confirmDays, "confirm-days", d.ConfirmDays, "on how many days a cluster must be seen to be confirmed")
	f.StringVar(&c.notes, "notes", "", "file with a log of corrections in Markdown, shown on /counting and read again when it changes; empty: none")
	f.Int64Var(&c.minShare, "min-share", d.MinShare, "of how many clusters, or instances of another product, a published value tells at least; fewer become other")
	f.IntVar(&c.replicas, "replicas", d.Replicas, "how many servers share the clusters; above 1, rollups are never complete")
	f.StringVar(&c.appsURL, "apps-url", appsource.DefaultURL, "GitHub's list of application folders; empty: the built-in list")
	f.StringSliceVar(&c.embedOrigins, "embed-origins", nil, "sites that may show /embed in a frame, such as https://example.org")
	cli.DurationVar(f, &c.mirrorEvery, "mirror-every", mirror.DefaultEvery, "how often changed days are mirrored as JSON")
	f.Int64Var(&c.mirrorMaxBytes, "mirror-max-bytes", 4<<30, "most bytes of all days of the mirror; the oldest days are left out; 0: no bound")
	f.Int64Var(&c.minFreeBytes, "min-free-bytes", 256<<20, "while the volume has less free, mirror and backups wait, so that reports go on; 0: they never do")

	f.StringVar(&c.limits, "limits", "on", "limits per sender: on, or off for load tests and closed networks")
	bindSenderFlags(f, c)
	bindConnectionFlags(f, &c.connections)
	f.IntVar(&c.maxParses, "max-parses", ingest.DefaultParses, "most reports that are parsed at once; large ones take half of them at most")
	f.Int64Var(&c.takes.Limits.BodyBytes, "max-body-bytes", ingest.DefaultLimits().BodyBytes, "largest report, before and after decompression")
	c.takes.Bind(f)
	f.Int64Var(&c.forwardQueueBytes, "forward-queue-bytes", 1<<30, "most bytes that wait to be forwarded; the oldest are dropped")

	f.Int64Var(&c.dbMaxBytes, "db-max-bytes", 0, "largest database file; 0: no bound")
	cli.IdentityKeyVar(f, &c.identityKeyFile)
	f.BoolVar(&c.init, "init", false, "start with a new file although the mirror has data")
	f.BoolVar(&c.setAsideDamaged, "set-aside-damaged", false, "rename a damaged file to NAME.damaged-TIME and start anew")
	f.BoolVar(&c.setAsideMirror, "set-aside-mirror", false, "move the days of a mirror that is ahead of the file into its folder ahead-TIME and start")
	cli.DurationVar(f, &c.rollupRetention, "rollup-retention", 400*day, "how long days are kept; 0: for ever")
	cli.DurationVar(f, &c.monthRetention, "month-retention", 5*365*day, "how long months are kept by cluster; 0: for ever")
	cli.DurationVar(f, &c.kubeatlasRetention, "kubeatlas-retention", kubeatlasKept(), "how long days of KubeAtlas are kept, at most 90d")

	f.StringVar(&c.backupDir, "backup-dir", "", "where backups are written by themselves; empty: none are")
	cli.DurationVar(f, &c.backupEvery, "backup-every", 24*time.Hour, "how often a backup is written to --backup-dir")
	f.IntVar(&c.backupKeep, "backup-keep", 7, "how many backups are kept in --backup-dir; the oldest are removed")

	f.StringVar(&c.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&c.logFormat, "log-format", "json", "json or console")
}
