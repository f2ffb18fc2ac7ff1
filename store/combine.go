package store

import (
	"context"
	"errors"
)

// Combined tells what Combine has left out.
type Combined struct {
	// QueuedSamples is how many samples wait to be forwarded in the files. They are
	// not in the new file.
	QueuedSamples int64
	// DaysLeftOut is how many days are only in the new file's months, since one of
	// the files had them there only.
	DaysLeftOut int
	// SnapshotsDropped is how many months lost their figures, since they were
	// computed from one file's rollups, and the merged ones know more.
	SnapshotsDropped int
}

// Combine writes a new file with what all of some files have.
func Combine(ctx context.Context, into string, from []string, progress func(done, total int64)) (Combined, error) {
	return Combined{}, errors.ErrUnsupported
}
