package attack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/child"
)

const (
	// ceiling is what docs/reference.md promises of a server's memory, beside the series of
	// a month: each takes its text and some 100 bytes, and there are 500 000 at most.
	ceiling        = 256 << 20
	fullDictionary = 500_000 * (30 + 100)
	// measureEvery is how often memory is looked at.
	measureEvery = 50 * time.Millisecond
)

// watchMemory looks at the server's memory until the returned function is called, which
// returns the most that it had.
func (s *stage) watchMemory() func() int64 {
	stop, most := make(chan struct{}), make(chan int64)
	go func() {
		var peak int64
		tick := time.NewTicker(measureEvery)
		defer tick.Stop()
		for {
			if now, err := child.OwnMemory(s.process.PID); err == nil { // else it is gone
				peak = max(peak, now)
			}
			select {
			case <-stop:
				most <- peak
				return
			case <-tick.C:
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-most
	}
}

// anomalies has the server look, and returns what kinds there are.
func (s *stage) anomalies(ctx context.Context) (kinds []string, err error) {
	a, err := child.Get(ctx, "http://"+s.admin+"/anomalies")
	if err != nil {
		return nil, err
	}
	var look struct{ Findings []struct{ Kind string } }
	if err := json.Unmarshal(a.Body, &look); err != nil {
		return nil, fmt.Errorf("attack: %w: %.200s", err, a.Body)
	}
	for _, f := range look.Findings {
		kinds = append(kinds, f.Kind)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds), nil
}

// weigh waits until the mirror has all, and measures file and mirror.
func (s *stage) weigh(ctx context.Context) error {
	first, err := s.turns(ctx)
	if err != nil {
		return err
	}
	// The second turn from now begins after all reports.
	err = child.Await(ctx, measureEvery, func(ctx context.Context) (bool, error) {
		now, err := s.turns(ctx)
		return now >= first+2, err
	})
	if err != nil {
		return err
	}
	info, err := os.Stat(s.db)
	if err != nil {
		return fmt.Errorf("attack: %w", err)
	}
	s.row.Database, s.row.Mirror = info.Size(), bytesUnder(s.mirror)
	return nil
}

// turns is how often the mirror has been brought up to date.
func (s *stage) turns(ctx context.Context) (int, error) {
	a, err := child.Get(ctx, "http://"+s.admin+"/metrics")
	if err != nil {
		return 0, err
	}
	const name = `cozy_telemetry_mirror_syncs_total{outcome="done"} `
	_, value, _ := bytes.Cut(a.Body, []byte("\n"+name))
	value, _, _ = bytes.Cut(value, []byte("\n"))
	n, err := strconv.Atoi(string(value))
	if err != nil {
		return 0, fmt.Errorf("attack: no %s in /metrics: %w", name, err)
	}
	return n, nil
}

// bytesUnder returns how many bytes the files under a folder have. What goes away
// meanwhile does not count.
func bytesUnder(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil
		}
		if info, err := e.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	return n
}

// verify checks the file and the mirror of a server that has ended.
func (s *stage) verify(ctx context.Context) error {
	out, err := s.command(ctx, "verify", "--db="+s.db, "--snapshot-dir="+s.mirror)
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		s.promise(false, "verify: %.300s", bytes.TrimSpace(append(out, failed.Stderr...)))
		return nil
	}
	return err
}

// command runs the server's program and returns what it prints.
func (s *stage) command(ctx context.Context, args ...string) ([]byte, error) {
	out, err := exec.CommandContext(ctx, s.Server, args...).Output()
	if err != nil {
		return out, fmt.Errorf("attack: %s: %w", args[0], err)
	}
	return out, nil
}
