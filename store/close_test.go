package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
)

func TestWritesAfterCloseFail(t *testing.T) {
	s := open(t, Options{})
	must(t, s.Close())
	must(t, s.Close())
	writes := map[string]error{
		"Record":        s.Record(t.Context(), report(uuid(1), march, "a"), nil),
		"Remove":        s.Remove(t.Context(), nil),
		"PutAppList":    s.PutAppList(t.Context(), nil),
		"PutBackfilled": s.PutBackfilled(t.Context(), nil),
	}
	for name, err := range writes {
		if !errors.Is(err, dberrors.ErrClosed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := s.DayVersions("cozystack"); err == nil {
		t.Error("a closed file is read")
	}
}

// Close commits what was handed in, and leaves every caller with an answer.
func TestCloseWaitsForWhatWasHandedIn(t *testing.T) {
	synctest.Test(t, testCloseWaitsForWhatWasHandedIn)
}

func testCloseWaitsForWhatWasHandedIn(t *testing.T) {
	s := open(t, Options{})
	release := holdWriter(t, s)
	const n = 2 * maxBatch // more than the channel holds: some wait to hand in
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			errs[i] = s.Record(context.Background(), report(uuid(i), march, "a"), fmt.Appendf(nil, "line %d\n", i))
		})
	}
	synctest.Wait()
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	release()
	wg.Wait()
	must(t, <-closed)

	s = openAt(t, s.path, Options{})
	have := stored(t, s)
	acknowledged := 0
	for i, err := range errs {
		switch {
		case err == nil:
			acknowledged++
		case !errors.Is(err, dberrors.ErrClosed):
			t.Errorf("report %d: %v", i, err)
		}
	}
	if acknowledged < maxBatch || len(have) != acknowledged {
		t.Errorf("%d reports are acknowledged, %d are in the file", acknowledged, len(have))
	}
}

func TestEndedContext(t *testing.T) { synctest.Test(t, testEndedContext) }

func testEndedContext(t *testing.T) {
	s := open(t, Options{})
	release := holdWriter(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Record(ctx, report(uuid(1), march, "a"), nil) }()
	synctest.Wait()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	release()
}
