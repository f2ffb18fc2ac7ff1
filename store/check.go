package store

import (
	"context"
	"errors"
)

// Problem is something that a check has found.
type Problem struct {
	Kind ProblemKind
	// Text says where and what, in one line.
	Text string
}

// ProblemKind sorts problems.
type ProblemKind string

// The kinds of problems.
const (
	ProblemPage       ProblemKind = "page"       // the file's own structure
	ProblemKey        ProblemKind = "key"        // a key or a name of a bucket
	ProblemDictionary ProblemKind = "dictionary" // a month's series
	ProblemRecord     ProblemKind = "record"     // a day's or a month's record does not decode
	ProblemFold       ProblemKind = "fold"       // a month's record is not the fold of its days
	ProblemQueue      ProblemKind = "queue"      // a block of the queue
	ProblemSnapshot   ProblemKind = "snapshot"   // the figures of a month, or the list of applications
)

// Check looks at everything in the file.
func (s *Store) Check(ctx context.Context, report func(Problem)) error {
	return errors.ErrUnsupported
}
