package site

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/httpanswer"
)

// asker asks for forms of publications of its own, as strangers do who ask for every month.
type asker struct {
	site *Site
	gate chan struct{}

	mu           sync.Mutex
	making, most int
	made, busy   int
}

// make makes a form once the gate is open.
func (a *asker) make() (*httpanswer.Answer, error) {
	a.count(func() { a.making++; a.most = max(a.most, a.making) })
	<-a.gate
	a.count(func() { a.making--; a.made++ })
	return httpanswer.New(httpanswer.JSON, []byte("{}"), false), nil
}

func (a *asker) count(what func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	what()
}

func (a *asker) publication() *Publication {
	return &Publication{site: a.site, forms: map[string]*part[*httpanswer.Answer]{}}
}

func (a *asker) ask(ctx context.Context, p *Publication) error {
	_, err := p.form(ctx, "page", func(context.Context, *Publication) (maker, error) { return a.make, nil })
	if errors.Is(err, errBusy) {
		a.count(func() { a.busy++ })
	}
	return err
}

// However much is asked, few forms are made at a time. So many are begun, also for those who
// went away, and what is asked beyond may be asked again.
func TestDeskIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &asker{site: &Site{desk: newDesk(), base: t.Context()}, gate: make(chan struct{})}
		defer a.site.tasks.Close()
		impatient, cancel := context.WithCancel(t.Context())
		const more = 10
		for range mostBegun {
			go func() { _ = a.ask(impatient, a.publication()) }()
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		late := a.publication()
		for range more {
			go func() { _ = a.ask(t.Context(), late) }()
		}
		synctest.Wait()
		if a.most != cap(a.site.desk.seats) || a.busy != more {
			t.Errorf("%d are made at once, %d of %d are one too many", a.most, a.busy, more)
		}
		close(a.gate)
		synctest.Wait()
		if err := a.ask(t.Context(), late); err != nil || a.made != mostBegun+1 || a.most > cap(a.site.desk.seats) {
			t.Errorf("asked again: %v; made are %d, %d at once", err, a.made, a.most)
		}
		if status := overview.StatusOf(errBusy); status != http.StatusServiceUnavailable {
			t.Errorf("status %d", status)
		}
	})
}

// Who asks for what is made already, or just being made, takes no place.
func TestDeskOfOneForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &asker{site: &Site{desk: newDesk(), base: t.Context()}, gate: make(chan struct{})}
		defer a.site.tasks.Close()
		p := a.publication()
		for range 2 * mostBegun {
			go func() { _ = a.ask(t.Context(), p) }()
		}
		synctest.Wait()
		close(a.gate)
		synctest.Wait()
		if a.made != 1 || a.busy != 0 || len(a.site.desk.places)+len(a.site.desk.seats) != 0 {
			t.Errorf("made are %d, refused %d; at the desk are %d", a.made, a.busy, len(a.site.desk.places))
		}
	})
}
