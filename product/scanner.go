package product

import (
	"errors"
	"fmt"
	"io"
)

const (
	// chunk is how much of a body is in memory at once.
	chunk = 8 << 10
	// maxText bounds what is kept of one text. What is longer is cut.
	maxText = 256
)

// scanner reads JSON and keeps only the text it was last asked for: a body with
// profiles of 800 kB takes a chunk of memory. It takes exactly what encoding/json takes,
// which a fuzz test holds.
type scanner struct {
	// r brings what is behind buf; nil if buf is all.
	r   io.Reader
	buf []byte
	pos int
	// before is how many bytes were read before buf.
	before int64
	// readErr is the reader's, other than io.EOF.
	readErr error

	// text is the last string or number, cut at maxText bytes; cut tells that it was.
	text []byte
	cut  bool
	// high is the first half of a surrogate pair, 0 if there is none.
	high rune
}

// more brings further bytes, and tells whether there are any.
func (s *scanner) more() bool {
	if s.pos < len(s.buf) {
		return true
	}
	if s.r == nil {
		return false
	}
	s.before += int64(len(s.buf))
	if cap(s.buf) < chunk {
		s.buf = make([]byte, chunk)
	}
	s.buf, s.pos = s.buf[:cap(s.buf)], 0
	// A reader may return nothing without an error, though not for ever.
	for range 100 {
		n, err := s.r.Read(s.buf)
		if n > 0 {
			s.buf = s.buf[:n]
			return true
		}
		if err != nil {
			s.end(err)
			return false
		}
	}
	s.end(io.ErrNoProgress)
	return false
}

// end notes that the reader has no more.
func (s *scanner) end(err error) {
	s.buf, s.r = s.buf[:0], nil
	if !errors.Is(err, io.EOF) {
		s.readErr = fmt.Errorf("product: reading a report: %w", err)
	}
}

// next returns the next byte, 0 at the end: no byte of JSON outside of strings is 0.
func (s *scanner) next() byte {
	if !s.more() {
		return 0
	}
	s.pos++
	return s.buf[s.pos-1]
}

// peek returns the next byte that is no white space, and leaves it there; 0 at the end.
func (s *scanner) peek() byte {
	for s.more() {
		switch c := s.buf[s.pos]; c {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// accept takes the next byte if it is c, behind white space.
func (s *scanner) accept(c byte) bool {
	if s.peek() != c || !s.more() {
		return false
	}
	s.pos++
	return true
}

// syntax is the error of what is no JSON, or that of the reader.
func (s *scanner) syntax() error {
	if s.readErr != nil {
		return s.readErr
	}
	at := s.before + int64(s.pos)
	return &Error{Text: fmt.Sprintf("is no JSON near byte %d", at)}
}

// readNumber reads a number into text.
func (s *scanner) readNumber() error {
	s.text, s.cut = s.text[:0], false
	s.take('-')
	if !s.take('0') && !s.digits() {
		return s.syntax()
	}
	if s.take('.') && !s.digits() {
		return s.syntax()
	}
	if s.take('e') || s.take('E') {
		_ = s.take('+') || s.take('-')
		if !s.digits() {
			return s.syntax()
		}
	}
	return nil
}

// take reads a byte into text if it is c.
func (s *scanner) take(c byte) bool {
	if !s.more() || s.buf[s.pos] != c {
		return false
	}
	s.keep(c)
	s.pos++
	return true
}

// digits reads digits into text, and tells whether there were any.
func (s *scanner) digits() (any bool) {
	for s.more() && '0' <= s.buf[s.pos] && s.buf[s.pos] <= '9' {
		s.keep(s.buf[s.pos])
		s.pos++
		any = true
	}
	return any
}

// readWord reads what is left of true, false or null.
func (s *scanner) readWord(rest string) error {
	for i := range len(rest) {
		if s.next() != rest[i] {
			return s.syntax()
		}
	}
	return nil
}
