package store

import "testing"

// How far a backfill has come is there after the file was opened again.
func TestBackfilled(t *testing.T) {
	s := open(t, Options{})
	if marks, err := s.Backfilled(); marks != nil || err != nil {
		t.Errorf("got %q, %v", marks, err)
	}
	must(t, s.PutBackfilled(t.Context(), []byte("some")))
	must(t, s.PutBackfilled(t.Context(), []byte("more")))
	path := s.path
	must(t, s.Close())
	s, err := Open(path, Options{})
	must(t, err)
	defer s.Close()
	if marks, err := s.Backfilled(); string(marks) != "more" || err != nil {
		t.Errorf("got %q, %v", marks, err)
	}
}
