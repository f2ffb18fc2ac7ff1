package ingest

import "bytes"

// splitLine splits a line into what spells its series and what follows it,
// without the blanks around. It is not ok where the series is not plainly a
// name, or a name with braces: then only expfmt knows what it is.
//
// What it returns need not be valid. It only promises that a reader of the
// format that has read the spelling has then read the whole series.
func splitLine(line []byte) (spelling, value []byte, ok bool) {
	line = skipBlanks(line)
	name := 0
	for name < len(line) && isNameByte[line[name]] {
		name++
	}
	value = skipBlanks(line[name:])
	blanks := len(line) - name - len(value)
	if len(value) > 0 && value[0] == '{' {
		end := closingBrace(value)
		if end == 0 {
			return nil, nil, false
		}
		return line[:name+blanks+end], skipBlanks(value[end:]), name > 0
	}
	return line[:name], value, name > 0 && blanks > 0
}

// isNameByte has the bytes of the names of metrics.
var isNameByte = func() (is [256]bool) {
	for _, c := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:" {
		is[c] = true
	}
	return is
}()

// closingBrace returns the index after the first brace that closes and is not
// within quotes, or 0 if there is none.
func closingBrace(b []byte) int {
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '}':
			return i + 1
		case '"':
			n := closingQuote(b[i+1:])
			if n < 0 {
				return 0
			}
			i += 1 + n
		}
	}
	return 0
}

// closingQuote returns the index of the first quote that is not escaped, or -1.
func closingQuote(b []byte) int {
	for from := 0; ; {
		i := bytes.IndexByte(b[from:], '"')
		if i < 0 {
			return -1
		}
		escapes := 0
		for escapes < i && b[from+i-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return from + i
		}
		from += i + 1
	}
}

func skipBlanks(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

func isBlankOrComment(line []byte) bool {
	line = skipBlanks(line)
	return len(line) == 0 || line[0] == '#'
}
