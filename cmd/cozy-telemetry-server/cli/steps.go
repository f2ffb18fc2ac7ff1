package cli

// Steps shows how far something has come that tells how long it is as it goes.
type Steps struct {
	env   Environment
	what  string
	total int64
	bar   *Progress // nil before the first step
}

// NewSteps shows nothing yet.
func NewSteps(env Environment, what string) *Steps { return &Steps{env: env, what: what} }

// Tell may be called often.
func (s *Steps) Tell(done, total int64) {
	if s.bar == nil || s.total != total {
		s.End()
		s.bar, s.total = NewProgress(s.env, s.what, total), total
	}
	s.bar.Set(done)
}

// End takes the line away.
func (s *Steps) End() {
	if s.bar != nil {
		s.bar.Done()
	}
}
