package site

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/tasks"
)

// What is counted once serves all who ask meanwhile, also when the first of them goes away.
func TestPartIsMadeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Site{}
		defer s.tasks.Close()
		var p part[int]
		made, gate := 0, make(chan struct{})
		count := func() (int, error) {
			made++
			<-gate
			return 7, nil
		}
		impatient, cancel := context.WithCancel(t.Context())
		go func() {
			if _, err := p.get(impatient, &s.tasks, count); !errors.Is(err, context.Canceled) {
				t.Errorf("who went away got %v", err)
			}
		}()
		synctest.Wait()
		cancel()
		for range 3 {
			go func() {
				if got, err := p.get(t.Context(), &s.tasks, count); got != 7 || err != nil {
					t.Errorf("%d, %v", got, err)
				}
			}()
		}
		synctest.Wait()
		close(gate)
		synctest.Wait()
		if made != 1 {
			t.Errorf("made %d times", made)
		}
	})
}

// A mistake of the code costs what it makes, not the process.
func TestPartSurvivesPanic(t *testing.T) {
	s := &Site{}
	defer s.tasks.Close()
	var p part[int]
	if _, err := p.get(t.Context(), &s.tasks, func() (int, error) { panic("hostile") }); !errors.Is(err, tasks.ErrPanic) {
		t.Errorf("%v", err)
	}
}

// A publication lives as long as it is cheap to count it anew, and while it is counted.
func TestPublicationLife(t *testing.T) {
	now := time.Date(2026, 4, 10, 0, 0, 0, 0, time.UTC)
	s := &Site{cfg: Config{Now: func() time.Time { return now }}}
	begin := func() *Publication { return &Publication{site: s, begun: now, until: now.Add(shortestLife)} }
	cheap, dear, broken := begin(), begin(), begin()
	start := now
	for _, p := range []*Publication{cheap, dear, broken} {
		p.begin()
	}
	cheap.end(start, nil)
	now = start.Add(2 * time.Second)
	if cheap.lives(now, 0) || !dear.lives(now, 0) {
		t.Error("after 2 s the cheap one lives on, or the one that is counted does not")
	}
	dear.end(start, nil)
	broken.end(start, errors.New("vmselect is down"))
	for after, want := range map[time.Duration][2]bool{
		2900 * time.Millisecond: {true, true}, 3 * time.Second: {true, false}, 19 * time.Second: {true, false}, 20 * time.Second: {false, false},
		-time.Second: {false, false},
	} {
		now = start.Add(after)
		if got := [2]bool{dear.lives(now, 0), broken.lives(now, 0)}; got != want {
			t.Errorf("after %s: %v", after, got)
		}
		if dear.lives(now, 1) {
			t.Errorf("after %s it lives on though all was forgotten", after)
		}
	}
}
