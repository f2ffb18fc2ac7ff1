package forget

import (
	"context"
	"errors"
	"fmt"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/overview/mirror"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// atRest forgets in a file that no server has open.
type atRest struct {
	*command
	unlock func() // of the mirror
}

// newAtRest looks at the file and its mirror before anything is removed: a name that is
// mistyped would spare the true mirror.
func newAtRest(c *command) (worker, error) {
	a := &atRest{c, func() {}}
	if c.mirror == "" {
		return a, nil
	}
	if err := cli.CheckFolder("--snapshot-dir: ", c.mirror); err != nil {
		return nil, err
	}
	if err := a.checkAhead(); err != nil {
		return nil, err
	}
	if c.request.DryRun {
		return a, nil
	}
	unlock, err := mirror.Lock(c.mirror)
	if err != nil {
		return nil, fmt.Errorf("nothing was removed: %w in %s; stop it, or name the mirror of the file", err, c.mirror)
	}
	a.unlock = unlock
	return a, nil
}

func (a *atRest) close() { a.unlock() }

func (a *atRest) survey(ctx context.Context, r Request) (found rewrite.Found, err error) {
	err = a.withFile(func(s *store.Store) error {
		sel, err := r.selection(func() ([]byte, error) { return keyOf(ctx, s) })
		if err == nil {
			found, err = s.Survey(ctx, sel)
		}
		return err
	})
	return found, err
}

func (a *atRest) forget(ctx context.Context, r Request) (result Result, err error) {
	var sel rollup.Selection
	err = a.withFile(func(s *store.Store) error {
		sel, err = r.selection(func() ([]byte, error) { return keyOf(ctx, s) })
		return err
	})
	if err != nil {
		return result, err
	}
	p := cli.NewProgress(a.env, "forget")
	result.Found, err = rewrite.Forget(ctx, a.db, sel, a.env.Now(), p.Tell)
	p.End()
	if err != nil || a.mirror == "" {
		return result, err
	}
	err = a.withMirror(func(m *mirror.Mirror) error {
		result.MirrorLines, err = m.Forget(ctx, sel)
		return err
	})
	return result, err
}

func (a *atRest) withFile(run func(*store.Store) error) error {
	s, err := store.OpenReadOnly(a.db)
	if errors.Is(err, dberrors.ErrLocked) {
		err = fmt.Errorf("%w; or leave --db out, and the server is asked at --admin-addr", err)
	}
	if err != nil {
		return err
	}
	return errors.Join(run(s), s.Close())
}

// withMirror runs on the mirror of the file. Forget and Ahead write nothing to the file.
func (a *atRest) withMirror(run func(*mirror.Mirror) error) error {
	return a.withFile(func(s *store.Store) error { return run(mirror.New(a.mirror, s, mirror.Config{})) })
}

// checkAhead refuses a mirror that has more than the file, before either is changed:
// what is forgotten gives days of the file new versions, and so would hide it.
func (a *atRest) checkAhead() error {
	return a.withMirror(func(m *mirror.Mirror) error {
		days, err := m.Ahead()
		if err == nil && len(days) > 0 {
			err = fmt.Errorf("nothing was removed: %w; start the server on the file, it says what to do", mirror.ErrAhead)
		}
		return err
	})
}
