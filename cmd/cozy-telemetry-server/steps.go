package main

// steps shows how far something has come that tells how long it is as it goes.
type steps struct {
	env   environment
	what  string
	total int64
	bar   *progress // nil before the first step
}

func newSteps(env environment, what string) *steps { return &steps{env: env, what: what} }

// tell may be called often.
func (s *steps) tell(done, total int64) {
	if s.bar == nil || s.total != total {
		s.end()
		s.bar, s.total = newProgress(s.env, s.what, total), total
	}
	s.bar.set(done)
}

// end takes the line away.
func (s *steps) end() {
	if s.bar != nil {
		s.bar.done()
	}
}
