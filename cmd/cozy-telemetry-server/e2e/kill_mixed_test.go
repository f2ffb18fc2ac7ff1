package e2e

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/others"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/victoria"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

var mixedKills = flag.Int("mixed-kills", 16/raceRepeats, "how often TestF1KillUnderMixedLoad kills the server")

// mixed are senders of each product. Each reports a number that grows.
var mixed = []struct {
	product, path, metric string
	// name is the sender's, and body its report of a number.
	name func(i int) string
	body string
}{
	{
		others.Synapse, "report-usage-stats/push", "synapse_total_users",
		func(i int) string { return fmt.Sprintf("h%d.example", i) }, `{"homeserver":%q,"total_users":%d}`,
	},
	{
		others.Coroot, "ce/usage-statistics", "coroot_projects",
		func(i int) string { return fmt.Sprintf("4423595b-%d", i) }, `{"instance":{"uuid":%q},"infra":{"projects":%d}}`,
	},
	{
		others.KubeAtlas, "v1/report", "kubeatlas_clusters",
		func(i int) string { return fmt.Sprintf("%032x", i) }, `{"schema_version":"1.0","session_nonce":%q,"cluster_count":%d}`,
	},
}

// sendersOfEach is how many senders each product has.
const sendersOfEach = 3

// mixedLoad is senders that report until they are stopped.
type mixedLoad struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	// acked are the numbers that were acknowledged to a sender, ascending.
	acked map[[2]string][]int
}

func startMixedLoad(t *testing.T, url string) *mixedLoad {
	ctx, cancel := context.WithCancel(t.Context())
	l := &mixedLoad{cancel: cancel, acked: make(map[[2]string][]int)}
	for _, kind := range mixed {
		for i := range sendersOfEach {
			name := kind.name(i)
			l.wg.Go(func() {
				l.send(ctx, url+kind.path, [2]string{kind.product, name}, func(n int) string { return fmt.Sprintf(kind.body, name, n) })
			})
		}
	}
	return l
}

// send reports as one sender. A report without an answer is not sent again.
func (l *mixedLoad) send(ctx context.Context, url string, sender [2]string, body func(n int) string) {
	client := http.Client{Timeout: 5 * time.Second}
	for n := 1; ctx.Err() == nil; n++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body(n)))
		if err != nil {
			return
		}
		resp, err := client.Do(req)
		if err != nil {
			time.Sleep(reportAgain)
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			l.mu.Lock()
			l.acked[sender] = append(l.acked[sender], n)
			l.mu.Unlock()
		}
	}
}

// stop returns what was acknowledged.
func (l *mixedLoad) stop() map[[2]string][]int {
	l.cancel()
	l.wg.Wait()
	return l.acked
}

// The server is killed again and again, at calls that write and at random moments, while
// clusters and senders of all products report. None of what was acknowledged is missing: in
// the rollups of each day, and where it is forwarded to.
func TestF1KillUnderMixedLoad(t *testing.T) {
	addr, err := victoria.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	sink, sinkURL := newNotingSink(t)
	dir, random := t.TempDir(), rand.New(rand.NewPCG(*seed, 3))
	flags := append([]string{"--listen-addr=" + addr, "--forward-url=" + sinkURL}, takeAll...)
	clusters, load := startReporting(t, "http://"+addr+"/"), startMixedLoad(t, "http://"+addr+"/")
	for round := range *mixedKills {
		killOnce(t, dir, round, random, flags)
	}
	byCluster, bySender := clusters.stop(), load.stop()
	server := startServer(t, dir, flags...)
	eventually(t, "the queue is empty", func() bool { return server.metric(t, "queue_blocks") == 0 })
	server.stop(t, syscall.SIGTERM)

	reports, lost := 0, 0
	peaks := readPeaks(t, dir+"/telemetry.db")
	for cluster, values := range byCluster {
		reports += len(values)
		if last := values[len(values)-1]; peaks[cluster] < last {
			lost++
			t.Errorf("%s: the report %d was acknowledged, the rollups know of %d", cluster, last, peaks[cluster])
		}
	}
	known := newKnown(t, dir+"/telemetry.db")
	forwarded := sink.all()
	for sender, values := range bySender {
		reports += len(values)
		id := known.id(t, sender[0], sender[1])
		if last := values[len(values)-1]; known.highest(t, sender[0], id) < last {
			lost++
			t.Errorf("%s: the report %d was acknowledged, the rollups know of %d", sender, last, known.highest(t, sender[0], id))
		}
		for _, v := range values {
			if sender[0] != others.KubeAtlas && !bytes.Contains(forwarded, fmt.Appendf(nil, "%s{instance=%q} %d ", metricOf(sender[0]), id, v)) {
				lost++
				t.Errorf("%s: the sample %d was acknowledged, but never came", sender, v)
			}
		}
	}
	if len(byCluster) < senders || len(bySender) < len(mixed)*sendersOfEach {
		t.Errorf("reports of %d clusters and %d others were acknowledged", len(byCluster), len(bySender))
	}
	t.Logf("%d kills, %d reports of %d senders acknowledged, %d lost", *mixedKills, reports, len(byCluster)+len(bySender), lost)
}

// killOnce starts a server and kills it.
func killOnce(t *testing.T, dir string, round int, random *rand.Rand, flags []string) {
	t.Helper()
	args := serverFlags(dir, flags...)
	cmd := exec.Command(cli.Name, args...)
	if call := []string{"", "fdatasync", "pwrite64", "fsync"}[round%4]; call != "" {
		cmd = killedAt(call, 1+random.IntN(60), args...)
	}
	server := launch(t, cmd)
	if server.await() == nil {
		time.Sleep(time.Duration(random.Int64N(int64(longestLife))) + 20*time.Millisecond)
	}
	_ = server.cmd.Process.Signal(syscall.SIGKILL) // unless it is gone by itself
	<-server.exited
	if !server.wasKilled() {
		t.Fatalf("the server ended by itself:\n%s", server.logged(t))
	}
	checkFile(t, dir+"/telemetry.db")
}

func metricOf(product string) string {
	for _, kind := range mixed {
		if kind.product == product {
			return kind.metric
		}
	}
	return ""
}

// known is what a file knows of senders, for who has its keys.
type known struct {
	store  *store.Store
	file   []byte
	day    []byte
	values map[string]int // by product and id
}

func newKnown(t *testing.T, db string) *known {
	t.Helper()
	s := openStore(t, db)
	t.Cleanup(func() { s.Close() })
	file, err := s.IdentityKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	k := &known{store: s, file: file, day: readDayKey(t, db), values: make(map[string]int)}
	days, err := s.Days()
	if err != nil {
		t.Fatal(err)
	}
	for _, day := range days {
		err := s.Instances(t.Context(), day, func(product, id string, d rollup.Day) error {
			for _, p := range d.Points {
				if p.Series.Metric() == metricOf(product) {
					k.values[product+id] = max(k.values[product+id], int(p.Peak))
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// id is what the server makes of a sender's name.
func (k *known) id(t *testing.T, of, name string) string {
	t.Helper()
	if of == others.KubeAtlas {
		return product.HashName(k.day, name)
	}
	return product.HashName(k.file, name)
}

func (k *known) highest(t *testing.T, of, id string) int {
	t.Helper()
	return k.values[of+id]
}
