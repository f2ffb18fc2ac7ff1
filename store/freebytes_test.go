package store

import (
	"context"
	"testing"
)

// What is free is told without a look at any page, and is what a look at all of them finds.
func TestFreeBytes(t *testing.T) {
	s := open(t, Options{})
	for i := range 20 {
		must(t, s.Record(t.Context(), report(uuid(i), march, "a"), noise(100<<10)))
	}
	blocks, err := s.QueueOf("cozystack").Peek(100 << 20)
	must(t, err)
	must(t, s.Remove(context.Background(), blocks))
	must(t, s.Record(t.Context(), report(uuid(1), march.AddDate(0, 0, 1), "b"), nil))
	st, err := s.Stats()
	must(t, err)
	bytes, pages := s.FreeBytes()
	if pages != st.FreePages || bytes != int64(pages)*int64(st.PageSize) || pages < 20*100<<10/2/st.PageSize {
		t.Errorf("%d bytes in %d pages are free; the pages say %d of %d bytes", bytes, pages, st.FreePages, st.PageSize)
	}
}
