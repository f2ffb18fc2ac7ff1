package boltfile

import (
	"errors"
	"fmt"
	"syscall"
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

// Where a file can't grow, bbolt tells why in words alone. What adds is then refused
// for a while, as with any other full disk, and the remedy is known.
func TestFullDiskThatIsToldInWords(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, words := range []string{"file resize error: truncate a.db: %s", "file sync error: fsync a.db: %s"} {
		r := Room{allocated: 1 << 40}
		err := r.Cause(fmt.Errorf(words, syscall.ENOSPC), 0, false)
		r.Tried(err, now, 0)
		if !errors.Is(err, syscall.ENOSPC) || !errors.Is(r.Admit(0, now), syscall.ENOSPC) {
			t.Errorf("got %v", err)
		}
	}
	r := Room{}
	if err := r.Cause(nil, 0, false); err != nil {
		t.Errorf("got %v", err)
	}
}
