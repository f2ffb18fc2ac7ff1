package site

// Kept is how many publications are kept.
func (s *Site) Kept() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept.Len()
}

// Policy is that of pages that some may show in a frame.
func Policy(framedBy []string) string { return policy(framedBy) }
