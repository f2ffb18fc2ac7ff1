package attack

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/child"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const (
	day = 24 * time.Hour
	// fresh is longer than an answer of the rollups is used.
	fresh = 1100 * time.Millisecond
	// undone is how long the figures may take to be right again.
	undone = 20 * time.Second
)

// stage is where one attack takes place.
type stage struct {
	*lab
	process *child.Process
	admin   string
	dir     string
	// db and mirror are the server's file and folder.
	db, mirror string
	began      time.Time
	// taken are the numbers of made-up reports that were taken.
	taken []int
	row   *Row
}

func (s *stage) month() rollup.MonthID { return rollup.MonthOf(s.began) }

// promise notes what has been broken, unless it holds.
func (s *stage) promise(holds bool, format string, args ...any) {
	if !holds {
		s.row.Broken = append(s.row.Broken, fmt.Sprintf(format, args...))
	}
}

// play carries out an attack, and what an operator does about it.
func (l *lab) play(ctx context.Context, a attack) (r Row, err error) {
	r = Row{Key: a.key, What: a.what}
	file := l.past
	if a.beforeAll {
		file = l.months
		if r.Before, err = l.rehearse(ctx); err != nil {
			return r, err
		}
	}
	s, err := l.open(ctx, file)
	if err != nil {
		return r, err
	}
	defer s.process.Kill()
	s.row = &r
	memory := s.watchMemory()
	err = s.acts(ctx, a)
	r.Memory = memory()
	if err != nil {
		return r, err
	}
	s.promise(a.prompt == 0 || r.Honest.Slowest < a.prompt, "an honest report took %.1f s", r.Honest.Slowest.Seconds())
	s.promise(r.Memory < ceiling+a.dictionary, "the server took %s of memory", size(r.Memory))
	if err := s.process.Stop(); err != nil {
		return r, err
	}
	return r, s.verify(ctx)
}

// rehearse returns what the honest fleet's first reports of a month show where nobody
// attacks.
func (l *lab) rehearse(ctx context.Context) (m Moment, err error) {
	s, err := l.open(ctx, l.months)
	if err != nil {
		return m, err
	}
	defer s.process.Kill()
	s.row = new(Row)
	if err := s.everybodyReports(ctx); err != nil {
		return m, err
	}
	if len(s.row.Broken) > 0 {
		return m, fmt.Errorf("attack: before it, %s", s.row.Broken[0])
	}
	return s.look(ctx)
}

// acts are those of a play, up to the calm after.
func (s *stage) acts(ctx context.Context, a attack) error {
	begin := s.beside
	if a.beforeAll {
		begin = s.beforeAll
	}
	if err := begin(ctx, a); err != nil {
		return err
	}
	if err := s.after(ctx); err != nil {
		return err
	}
	return s.weigh(ctx)
}

// beforeAll lets an attack begin a month.
func (s *stage) beforeAll(ctx context.Context, a attack) error {
	if err := a.strike(s, ctx); err != nil {
		return err
	}
	if err := s.everybodyReports(ctx); err != nil {
		return err
	}
	return s.respond(ctx, a)
}

// beside lets an attack come while the honest fleet reports.
func (s *stage) beside(ctx context.Context, a attack) error {
	if err := s.calm(ctx); err != nil {
		return err
	}
	going, stop := context.WithCancel(ctx)
	ended := s.goOn(going)
	err := a.strike(s, ctx)
	if err == nil {
		err = s.respond(ctx, a)
	}
	stop()
	return errors.Join(err, ended())
}

// respond looks at what came of an attack, and undoes it.
func (s *stage) respond(ctx context.Context, a attack) error {
	if err := s.during(ctx, a); err != nil || a.undo == nil {
		return err
	}
	return a.undo(s, ctx)
}

// everybodyReports lets each honest cluster report once.
func (s *stage) everybodyReports(ctx context.Context) error {
	r, err := s.honest.once(ctx, s.process.URL+"/", 0, s.Now)
	if err == nil {
		s.tellHonest(r)
	}
	return err
}

// goOn lets the honest fleet report until ctx is done. The returned function waits for
// that, and notes what came of it.
func (s *stage) goOn(ctx context.Context) (ended func() error) {
	var r load.Result
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		r, err = s.honest.goOn(ctx, s.process.URL+"/", s.Now)
	}()
	return func() error {
		<-done
		s.tellHonest(r)
		return err
	}
}

func (s *stage) tellHonest(r load.Result) {
	s.row.Honest.add(r)
	s.promise(all(r), "honest reports were answered %v, and %d were not", r.Codes, r.Errors)
}

// calm looks at the honest fleet.
func (s *stage) calm(ctx context.Context) (err error) {
	if err := s.everybodyReports(ctx); err != nil {
		return err
	}
	if s.row.Before, err = s.look(ctx); err != nil {
		return err
	}
	found, err := s.anomalies(ctx)
	s.promise(len(found) == 0, "before the attack there are anomalies: %v", found)
	return err
}

// during looks at what came of the attack.
func (s *stage) during(ctx context.Context, a attack) (err error) {
	if s.row.During, err = s.look(ctx); err != nil {
		return err
	}
	before, now := s.row.Before, s.row.During
	switch {
	case now.Confirmed == nil || before.Confirmed == nil:
		s.promise(now.Confirmed == before.Confirmed, "there are confirmed figures at one time only")
	case a.known: // what its cluster reported once becomes what it reported twice
		s.promise(now.Confirmed.within(before.Seen), "a confirmed figure is above what was true")
	default:
		s.promise(now.Confirmed.equal(*before.Confirmed), "the confirmed figures are others during the attack")
	}
	if a.undo == nil {
		return nil
	}
	s.row.Found, err = s.anomalies(ctx)
	s.promise(len(s.row.Found) > 0, "the attack is no anomaly")
	return err
}

// after waits for the figures of before, and of those who came honestly since.
func (s *stage) after(ctx context.Context) error {
	want := Moment{s.row.Before.Seen.plus(s.row.came), s.row.Before.Confirmed}
	limit, cancel := context.WithTimeout(ctx, undone)
	defer cancel()
	err := child.Await(limit, fresh, func(ctx context.Context) (ok bool, err error) {
		s.row.After, err = figures(ctx, s.process.URL, s.month())
		return err == nil && s.row.After.equal(want), err
	})
	if limit.Err() != nil && ctx.Err() == nil {
		s.promise(false, "the honest figures are not those of before")
		return nil
	}
	return err
}

// look returns what the running month shows, of all that was answered.
func (s *stage) look(ctx context.Context) (m Moment, err error) {
	select {
	case <-ctx.Done():
		return m, ctx.Err()
	case <-time.After(fresh):
	}
	return figures(ctx, s.process.URL, s.month())
}
