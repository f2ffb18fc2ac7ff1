package tasks

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func begin(t *testing.T, group *Group, fn func() (int, error)) *Flight[int] {
	t.Helper()
	f, err := Begin(group, fn)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Who started a flight may go away: the others get what it returns.
func TestFlightOutlivesWhoStartedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var group Group
		f := begin(t, &group, func() (int, error) {
			time.Sleep(time.Minute)
			return 7, nil
		})
		gone, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if v, err := f.Wait(gone); v != 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d, %v", v, err)
		}
		for range 2 { // also once it has landed
			if v, err := f.Wait(t.Context()); v != 7 || err != nil {
				t.Errorf("%d, %v", v, err)
			}
		}
	})
}

func TestFlightPanics(t *testing.T) {
	var group Group
	f := begin(t, &group, func() (int, error) { panic("hostile") })
	v, err := f.Wait(t.Context())
	if v != 0 || !errors.Is(err, ErrPanic) || !strings.Contains(err.Error(), "hostile") || !strings.Contains(err.Error(), "tasks_test.go") {
		t.Errorf("%d, %v", v, err)
	}
	group.Close()
}

// Close waits for what was started, and nothing starts once it was called.
func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var group Group
		f := begin(t, &group, func() (int, error) {
			time.Sleep(time.Minute)
			return 7, nil
		})
		began, closed := time.Now(), make(chan time.Duration)
		go func() {
			group.Close()
			closed <- time.Since(began)
		}()
		synctest.Wait()
		if f, err := Begin(&group, func() (int, error) { panic("it runs") }); f != nil || !errors.Is(err, ErrClosed) {
			t.Errorf("%v, %v", f, err)
		}
		if took := <-closed; took != time.Minute {
			t.Errorf("closed after %s", took)
		}
		if v, err := f.Wait(t.Context()); v != 7 || err != nil {
			t.Errorf("%d, %v", v, err)
		}
	})
}
