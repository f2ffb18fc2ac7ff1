package mirror

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const (
	killDirEnv  = "TEST_MIRROR_DIR"  // set: be the process that is killed
	killFromEnv = "TEST_MIRROR_FROM" // the generation before its first one
	killStep    = 1_000_000          // more generations than one process writes
	killRounds  = 30
	killDays    = 3
	killPerDay  = 200 // instances: enough that a day takes several writes
	killLongest = 30 * time.Millisecond
)

// generation returns a store whose every figure is n.
func generation(n int) *memStore {
	s := newMemStore("db-1")
	s.clock = uint64(n) * 1e6 // versions grow from one to the next
	for day := range killDays {
		for i := range killPerDay {
			s.report(fmt.Sprintf("cluster-%03d", i), march1.AddDate(0, 0, day), float64(n))
		}
	}
	s.snapshots[march] = rollup.Snapshot{
		Month: march, CollectedAt: march.End(), Clusters: int64(n), TotalNodes: int64(n),
		Apps: map[string]int64{"postgres": int64(n)}, Source: rollup.SourceRollups,
	}
	return s
}

// writeGenerations syncs one generation after the other until it is killed.
func writeGenerations(dir string) {
	from, _ := strconv.Atoi(os.Getenv(killFromEnv))
	fmt.Println("ready")
	for n := from + 1; ; n++ {
		if err := New(dir, generation(n), Config{}).Sync(context.Background()); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}

func TestSurvivesKill(t *testing.T) {
	if dir := os.Getenv(killDirEnv); dir != "" {
		writeGenerations(dir)
	}
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	leftOvers := 0
	for round := range killRounds {
		killWriter(t, dir, round*killStep, time.Duration(random.Int64N(int64(killLongest))))
		for name, content := range folder(t, dir) {
			if strings.Contains(name, "/.") || strings.HasPrefix(name, ".") {
				leftOvers++
				continue
			}
			if err := whole(name, content); err != nil {
				t.Fatalf("round %d: %s: %v", round, name, err)
			}
		}
		// Now and then a start, with another state of the store than any file.
		if round%3 == 2 {
			s := generation((round + 1) * killStep)
			repair(t, dir, s)
			requireFresh(t, "after a kill", dir, s)
		}
	}
	if leftOvers == 0 {
		t.Error("no kill came while a file was written: the test shows nothing")
	}
}

// killWriter starts a writer and kills it some time after it has begun.
func killWriter(t *testing.T, dir string, from int, after time.Duration) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestSurvivesKill$")
	cmd.Env = append(os.Environ(), killDirEnv+"="+dir, killFromEnv+"="+strconv.Itoa(from))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	<-time.After(after)
	cmd.Process.Kill()
	rest, _ := io.ReadAll(lines)
	cmd.Wait()
	if err != nil || first != "ready\n" || len(rest) > 0 {
		t.Fatalf("the writer said %q %q: %v", first, rest, err)
	}
}

// whole tells why a file is not a complete one of a single generation.
func whole(name, content string) error {
	switch {
	case name == manifestFile:
		var list manifest
		return json.Unmarshal([]byte(content), &list)
	case strings.HasPrefix(name, dayFolderName):
		return wholeDay(content)
	}
	s, err := DecodeMonth([]byte(content), march)
	if err == nil && (s.Clusters != s.TotalNodes || s.Apps["postgres"] != s.Clusters) {
		err = fmt.Errorf("mixed: %+v", s)
	}
	return err
}

func wholeDay(content string) error {
	lines := strings.SplitAfter(content, "\n")
	if len(lines) != killPerDay+1 || lines[killPerDay] != "" {
		return fmt.Errorf("%d lines", len(lines)-1)
	}
	seen := map[float64]bool{}
	for _, line := range lines[:killPerDay] {
		_, _, d, err := DecodeLine([]byte(strings.TrimSuffix(line, "\n")))
		if err != nil {
			return err
		}
		seen[d.Sums[1].Peak] = true
	}
	if len(seen) != 1 {
		return fmt.Errorf("mixed: %v", seen)
	}
	return nil
}
