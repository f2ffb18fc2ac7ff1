package boltfile

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"syscall"
	"time"

	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
)

// PieceBytes is the most that a commit writes in one piece.
const PieceBytes = 4 << 20

const (
	// removalReserve is what is left of the file's bound, and is held of the disk, for
	// transactions that only remove: they too write the pages that they change anew,
	// and bbolt joins a page that has become small with the next one.
	removalReserve = 2 * PieceBytes
	// aheadBytes is how much of the disk is taken at once, behind the used part and
	// the reserve. What is more than a piece is taken for fewer calls.
	aheadBytes = 2 * PieceBytes
	// LeastPause and pauseFactor tell how long what adds is refused once it found no
	// room: bbolt scans the whole file after each commit that fails.
	LeastPause  = time.Second
	pauseFactor = 10
)

// Room is where the writer puts what adds to the file, or why it can't. It belongs
// to the writer's goroutine.
type Room struct {
	file *os.File // nil where the disk can't be asked
	// allocated is the end of what the disk has set aside for the file, whatever the
	// file's size.
	allocated int64
	// diskFull is why the disk did not give what was asked for last, nil if it did.
	diskFull error
	// refused is how what adds failed for want of room, until is how long that
	// stands. nil means that there may be room.
	refused error
	until   time.Time
}

// OpenRoom returns the room of a file that is open already.
func OpenRoom(path string) (r Room, err error) {
	r.file, err = os.OpenFile(path, os.O_WRONLY, 0)
	return r, err
}

// Close lets go of the file. What was set aside stays with it.
func (r *Room) Close() {
	if r.file != nil {
		_ = r.file.Close() // nothing was written through it
	}
}

// ask sets disk space aside behind the used part of the file: a piece for what adds,
// and the reserve for what removes. Growth takes it from there, so what adds finds a
// full disk before it has written anything, and leaves removals their reserve.
func (r *Room) ask(used int64) {
	if r.file == nil || used+removalReserve+PieceBytes <= r.allocated {
		r.diskFull = nil
		return
	}
	// A little further than is needed, if the disk has that much: what a failed call got
	// of it on ext4 stays with the file.
	for _, ahead := range []int64{aheadBytes, PieceBytes} {
		end := used + removalReserve + ahead
		r.diskFull = allocate(r.file, end)
		switch {
		case r.diskFull == nil:
			r.allocated = end
			return
		case !isNoSpace(r.diskFull): // the file system does not know how: it is found full by writing
			r.diskFull, r.allocated = nil, math.MaxInt64
			return
		}
	}
}

// Admit returns nil if what adds may try. It looks at the disk anew, for that costs
// next to nothing.
func (r *Room) Admit(used int64, now time.Time) error {
	wasFull := r.diskFull != nil
	r.ask(used)
	if r.refused == nil || wasFull && r.diskFull == nil || !now.Before(r.until) {
		return nil
	}
	return r.refused
}

// Bound returns how large bbolt may make the file in the next transaction; 0 means
// no bound.
func (r *Room) Bound(maxBytes int64, shrinks bool) int {
	switch {
	case shrinks:
		return int(maxBytes)
	case r.diskFull != nil:
		return 1 // what lies free in the file
	case maxBytes > 0:
		return int(max(maxBytes-removalReserve, 1))
	}
	return 0
}

// Cause gives bbolt's error for want of room its reason.
func (r *Room) Cause(err error, maxBytes int64, shrinks bool) error {
	switch {
	case err != nil && !isNoSpace(err) && strings.Contains(err.Error(), syscall.ENOSPC.Error()):
		return fmt.Errorf("%w (%w)", syscall.ENOSPC, err) // bbolt keeps only the words where the file can't grow
	case !errors.Is(err, bolterrors.ErrMaxSizeReached):
		return err
	case r.diskFull != nil && !shrinks:
		return fmt.Errorf("no room is left in the file, and none on the disk: %w", r.diskFull)
	}
	return fmt.Errorf("%w of %d bytes", dberrors.ErrFull, maxBytes)
}

// Tried notes how a try to add ended.
func (r *Room) Tried(err error, now time.Time, took time.Duration) {
	r.refused = nil
	if errors.Is(err, dberrors.ErrFull) || isNoSpace(err) {
		r.refused, r.until = err, now.Add(max(LeastPause, pauseFactor*took))
	}
}

// Freed notes that something was removed.
func (r *Room) Freed() { r.refused = nil }

func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
