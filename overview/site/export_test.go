package site

// Kept is how many publications are kept.
func (s *Site) Kept() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept.Len()
}
