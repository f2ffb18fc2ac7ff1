package boltfile

import (
	"errors"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
)

// The pause grows with the time that a failed try takes.
func TestPauseOfAFullFile(t *testing.T) {
	now := time.Unix(1000, 0)
	for took, want := range map[time.Duration]time.Duration{
		0: LeastPause, LeastPause / pauseFactor: LeastPause, time.Second: pauseFactor * time.Second,
	} {
		r := Room{allocated: 1 << 40}
		r.Tried(dberrors.ErrFull, now, took)
		if err := r.Admit(0, now.Add(want-1)); !errors.Is(err, dberrors.ErrFull) {
			t.Errorf("%s: admitted within %s: %v", took, want, err)
		}
		if err := r.Admit(0, now.Add(want)); err != nil {
			t.Errorf("%s: after %s: %v", took, want, err)
		}
	}
}
