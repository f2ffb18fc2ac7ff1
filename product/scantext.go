package product

import (
	"unicode/utf16"
	"unicode/utf8"
)

// keep adds to the text, while there is room.
func (s *scanner) keep(b ...byte) {
	if room := maxText - len(s.text); len(b) > room {
		b, s.cut = b[:room], true
	}
	s.text = append(s.text, b...)
}

// readString reads a string, behind its opening quote, into text.
func (s *scanner) readString() error {
	s.text, s.cut, s.high = s.text[:0], false, 0
	for s.more() {
		plain := s.buf[s.pos:]
		n := plainBytes(plain)
		if n > 0 {
			s.dropHigh()
			s.keep(plain[:n]...)
			s.pos += n
			continue
		}
		s.pos++
		switch plain[0] {
		case '"':
			s.dropHigh()
			return nil
		case '\\':
			if err := s.escape(); err != nil {
				return err
			}
		default:
			return s.syntax() // a control character
		}
	}
	return s.syntax()
}

// plainBytes returns how many bytes stand before the next one that means something in
// a string.
func plainBytes(b []byte) int {
	for i, c := range b {
		if c < ' ' || c == '"' || c == '\\' {
			return i
		}
	}
	return len(b)
}

// escaped returns what the letter behind a backslash stands for, 0 if for nothing.
func escaped(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return 0
}

// escape reads what stands behind a backslash.
func (s *scanner) escape() error {
	c := s.next()
	if c == 'u' {
		return s.codePoint()
	}
	meant := escaped(c)
	if meant == 0 {
		return s.syntax()
	}
	s.dropHigh()
	s.keep(meant)
	return nil
}

// codePoint reads the four digits behind \u. Two of them may make one character, as in
// UTF-16.
func (s *scanner) codePoint() error {
	var r rune
	for range 4 {
		digit := hexDigit(s.next())
		if digit < 0 {
			return s.syntax()
		}
		r = r<<4 | digit
	}
	if pair := utf16.DecodeRune(s.high, r); pair != utf8.RuneError {
		s.high = 0
		s.keepRune(pair)
		return nil
	}
	s.dropHigh()
	if utf16.IsSurrogate(r) {
		s.high = r // if it is a second half, nothing completes it
		return nil
	}
	s.keepRune(r)
	return nil
}

func hexDigit(c byte) rune {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0')
	case 'a' <= c && c <= 'f':
		return rune(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return rune(c-'A') + 10
	}
	return -1
}

// dropHigh ends a pair that was not completed.
func (s *scanner) dropHigh() {
	if s.high != 0 {
		s.high = 0
		s.keepRune(utf8.RuneError)
	}
}

// keepRune adds a character; half a pair becomes the replacement character.
func (s *scanner) keepRune(r rune) {
	var b [utf8.UTFMax]byte
	s.keep(b[:utf8.EncodeRune(b[:], r)]...)
}

// validText returns a text as UTF-8, as encoding/json reads it.
func validText(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return string([]rune(string(b)))
}
