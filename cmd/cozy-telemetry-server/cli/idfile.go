package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
)

// ReadIDFile reads ids from a file, one a line. Empty lines, and what is behind #, are
// passed over. What a spreadsheet would put beside an id is an error, that names the line.
func ReadIDFile(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return ReadIDs(file, path)
}

// ReadIDs does for what is open what [ReadIDFile] does for a file. Errors call it name.
func ReadIDs(in io.Reader, name string) (ids []string, err error) {
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		id := strings.TrimSpace(text)
		if strings.ContainsAny(id, " \t,;\"") {
			return nil, fmt.Errorf("%s: line %d is no single id", name, n)
		}
		if id != "" {
			ids = append(ids, id)
		}
	}
	return ids, lines.Err()
}
