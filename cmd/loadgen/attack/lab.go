package attack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/child"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/victoria"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// lab is what the stages share: the honest fleet, and the file that has its past.
type lab struct {
	Options
	dir       string
	honest    crowd
	newcomers crowd
	// past ends with yesterday, and months with the month before this one.
	past, months string
	stages       int
}

func newLab(ctx context.Context, o Options, dir string) (*lab, error) {
	l := &lab{
		Options: o, dir: dir, past: filepath.Join(dir, "past.db"), months: filepath.Join(dir, "months.db"),
		honest: newCrowd(honestSeed, o.Size.Clusters, 20), newcomers: newCrowd(newcomerSeed, o.Size.Newcomers, 80),
	}
	l.progress("making a file of %d honest clusters", o.Size.Clusters)
	today := rollup.DateOf(o.Now())
	return l, errors.Join(l.write(ctx, l.past, today), l.write(ctx, l.months, today.Month().First()))
}

// write makes a file that has what the fleet has reported before a day.
func (l *lab) write(ctx context.Context, path string, before rollup.Date) error {
	last := rollup.MonthOf(before.Start()) - 1
	if before != before.Month().First() {
		last++
	}
	o := load.DBOptions{
		Path: path, Fleet: fleet.Config{Seed: honestSeed, Clusters: l.Size.Clusters},
		From: before.Month() - rollup.MonthID(l.Size.Months), To: last, Every: day, Now: before.Start,
	}
	_, err := load.DB(ctx, o)
	return err
}

func (l *lab) progress(format string, args ...any) {
	if l.Progress != nil {
		fmt.Fprintf(l.Progress, format+"\n", args...)
	}
}

// open starts a server on a copy of a file, with a mirror.
func (l *lab) open(ctx context.Context, file string) (s *stage, err error) {
	l.stages++
	s = &stage{lab: l, began: l.Now(), dir: filepath.Join(l.dir, fmt.Sprint("stage-", l.stages))}
	s.db, s.mirror = filepath.Join(s.dir, "telemetry.db"), filepath.Join(s.dir, "snapshots")
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("attack: %w", err)
	}
	if err := child.CopyFile(s.db, file); err != nil {
		return nil, err
	}
	s.process, s.admin, err = l.serve(ctx, s.dir, s.db, s.mirror)
	return s, err
}

// serve starts a server with default limits.
func (l *lab) serve(ctx context.Context, dir, db, mirror string) (p *child.Process, admin string, err error) {
	public, err := victoria.FreeAddr()
	if err != nil {
		return nil, "", err
	}
	admin, err = victoria.FreeAddr()
	if err != nil {
		return nil, "", err
	}
	p, err = child.Start(ctx, child.Program{
		Name: l.Server, URL: "http://" + public, Ready: "/readyz", Dir: dir, Now: l.Now,
		Args: []string{
			"--listen-addr=" + public, "--admin-addr=" + admin, "--db-path=" + db, "--snapshot-dir=" + mirror,
			"--forward-url=http://127.0.0.1:9/", "--vmselect-url=", "--apps-url=",
			"--trusted-proxies=127.0.0.1", "--mirror-every=1s",
		},
	})
	return p, admin, err
}
