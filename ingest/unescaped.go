package ingest

// escaped returns a line that was written without escapes as it should have been
// written: each backslash stands for itself, and so does each quote that is not
// part of the line's structure. That is one that follows a =, or stands before a
// comma or a closing brace, blanks aside. Whether a line comes of it is for expfmt
// to say.
func escaped(line []byte) []byte {
	b := make([]byte, 0, len(line)+8)
	last := byte(0) // the last byte that is no blank
	for i, c := range line {
		if c == '\\' || c == '"' && last != '=' && !endsValue(line[i+1:]) {
			b = append(b, '\\')
		}
		b = append(b, c)
		if c != ' ' && c != '\t' {
			last = c
		}
	}
	return b
}

// endsValue tells whether a value may end before rest.
func endsValue(rest []byte) bool {
	rest = skipBlanks(rest)
	return len(rest) > 0 && (rest[0] == ',' || rest[0] == '}')
}
