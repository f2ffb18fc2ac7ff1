package e2e

import (
	"errors"
	"flag"
	"math"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/victoria"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

var (
	kills   = flag.Int("kills", 60/raceRepeats, "how often TestF1KillUnderLoad kills the server")
	torture = flag.Duration("torture", 0, "how long TestF1KillUnderLoad kills the server, in place of -kills")
	seed    = flag.Uint64("seed", 1, "what TestF1KillUnderLoad draws its kills from")
)

const (
	// senders is how many clusters report at once while the server is killed.
	senders = 8
	// maxStart is how long a start may take after a kill.
	maxStart = 2 * time.Second
	// longestLife is how long a server serves that is killed at a random moment: some
	// tens of commits, and what is forwarded beside them.
	longestLife = 150 * time.Millisecond
	// callComes is how long a call is waited for at which strace kills. Clusters report
	// all the time: one that has not come by then will not.
	callComes = 3 * time.Second
	// whileKilled is how long a server that does not answer may take to be gone.
	whileKilled = time.Second
)

// The server is killed again and again, at calls that write the file and at
// random moments, at its start and under load, while clusters report and the
// receiver fails now and then. Each report has a higher value than the one
// before, so the peak in the rollups shows the last one that is known, and the
// receiver shows each one. None that was acknowledged may be missing.
func TestF1KillUnderLoad(t *testing.T) {
	k := newKiller(t)
	begin := time.Now()
	for k.goesOn(time.Since(begin)) {
		k.round(t)
	}
	acknowledged := k.fleet.stop()
	k.sink.only(0)
	server := startServer(t, k.dir, k.flags...)
	eventually(t, "the queue is empty", func() bool { return server.metric(t, "queue_blocks") == 0 })
	if code := server.stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}

	reports, lost := 0, 0
	peaks := readPeaks(t, k.path())
	for cluster, values := range acknowledged {
		for _, v := range values {
			if !k.sink.has(cluster, v) {
				lost++
				t.Errorf("%s: the sample %d was acknowledged, but never came", cluster, v)
			}
		}
		if last := values[len(values)-1]; peaks[cluster] < last {
			lost++
			t.Errorf("%s: the report %d was acknowledged, the rollups know of %d", cluster, last, peaks[cluster])
		}
		reports += len(values)
	}
	if reports < k.total() {
		t.Errorf("only %d reports were acknowledged", reports)
	}
	t.Logf("%d reports acknowledged, %d kills %v, %d lost, %d starts, slowest %v, %d calls never came",
		reports, k.total(), k.fired, lost, k.starts, k.slowest, k.missed)
}

// killer kills a server, round by round.
type killer struct {
	dir    string
	flags  []string
	random *rand.Rand
	sink   *flakySink
	fleet  *reporting

	rounds, starts, missed int
	slowest                time.Duration
	fired                  map[string]int // kills, by what they came at
}

func newKiller(t *testing.T) *killer {
	t.Helper()
	addr, err := victoria.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	k := &killer{
		dir: t.TempDir(), random: rand.New(rand.NewPCG(*seed, 2)), sink: newFlakySink(t), fired: make(map[string]int),
	}
	k.flags = []string{"--limits=off", "--listen-addr=" + addr, "--forward-url=" + k.sink.url}
	k.fleet = startReporting(t, "http://"+addr+"/")
	return k
}

func (k *killer) path() string { return filepath.Join(k.dir, "telemetry.db") }

func (k *killer) total() (n int) {
	for _, fired := range k.fired {
		n += fired
	}
	return n
}

func (k *killer) goesOn(since time.Duration) bool {
	if *torture > 0 {
		return since < *torture
	}
	return k.total() < *kills && k.rounds < 2**kills
}

// points are where a round kills: at a call, counted up to most, or, without one,
// at a random moment.
var points = []struct {
	call string
	most int
}{{"pwrite64", 600}, {"fdatasync", 200}, {"", 0}}

// round starts the server, looks at what it knows, and kills it.
func (k *killer) round(t *testing.T) {
	point := points[k.rounds%len(points)]
	k.rounds++
	acknowledged := k.fleet.last()
	args := serverFlags(k.dir, k.flags...)
	cmd := exec.Command(cli.Name, args...)
	if point.call != "" {
		// Small numbers, which come at the start, are as likely as large ones.
		n := int(math.Exp(k.random.Float64() * math.Log(float64(point.most))))
		cmd = killedAt(point.call, n, args...)
	}
	begin := time.Now()
	server := launch(t, cmd)
	where := "at the start"
	if err := server.await(); err == nil {
		k.started(t, time.Since(begin))
		k.check(t, server, acknowledged)
		where = "under load"
	}
	if point.call == "" {
		point.call = "at random"
		time.Sleep(time.Duration(k.random.Int64N(int64(longestLife))))
		server.stop(t, syscall.SIGKILL)
	}
	select {
	case <-server.exited:
		if !server.wasKilled() {
			t.Fatalf("the server ended by itself:\n%s", server.logged(t))
		}
		k.fired[point.call+" "+where]++
	case <-time.After(callComes):
		k.missed++
		server.stop(t, syscall.SIGKILL)
	}
	checkFile(t, k.path())
}

func (k *killer) started(t *testing.T, took time.Duration) {
	t.Helper()
	k.starts++
	k.slowest = max(k.slowest, took)
	if took > maxStart {
		t.Errorf("a start took %v", took)
	}
}

// check holds what a server that has just started answers against what was
// acknowledged before.
func (k *killer) check(t *testing.T, server *process, acknowledged map[string]int) {
	t.Helper()
	var answer struct {
		Periods struct{ Month month } `json:"periods"`
	}
	err := tryJSON(server.Public+thisMonth().Start().Format("/api/overview?year=2006&month=1"), &answer)
	if err != nil && len(acknowledged) > 0 {
		select {
		case <-server.exited: // killed while it answered
		case <-time.After(whileKilled):
			t.Errorf("the overview does not answer: %v", err)
		}
		return
	}
	for cluster, last := range acknowledged {
		if got := answer.Periods.Month.Apps[kindOf(cluster)]; got < int64(last) {
			t.Errorf("%s: the report %d was acknowledged, the overview shows %d", cluster, last, got)
		}
	}
}

// checkFile runs bbolt's own check on a file that no one has open, if there is
// one.
func checkFile(t *testing.T, path string) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if errors.Is(err, syscall.ENOENT) {
		return
	} else if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *bolt.Tx) error {
		var all []error
		for err := range tx.Check() {
			all = append(all, err)
		}
		return errors.Join(all...)
	})
	if err != nil {
		t.Errorf("%s: %v", path, err)
	}
}

// readPeaks returns the peak of cozy_application_count of each cluster.
func readPeaks(t *testing.T, path string) map[string]int {
	t.Helper()
	s := openStore(t, path)
	defer s.Close()
	peaks := make(map[string]int)
	month := thisMonth()
	err := s.Fold(t.Context(), "cozystack", month-1, month, []string{"cozy_application_count"}, func(instance string, months []rollup.Month) error {
		for _, m := range months {
			for _, p := range m.Peaks {
				peaks[instance] = max(peaks[instance], int(p.Peak))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return peaks
}
