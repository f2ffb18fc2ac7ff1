package serve

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/rs/zerolog"
)

// mostNotes bounds the file of --notes: a log of corrections is read by people.
const mostNotes = 256 << 10

// notes is the text of a file, read again when that changes. Once it could be read, the last
// text stays when it no longer can.
type notes struct {
	path string
	log  zerolog.Logger

	mu   sync.Mutex
	text []byte
	// modified and size are those of the file that text is of.
	modified time.Time
	size     int64
	failing  bool // and told so
}

// openNotes reads the file. An error names the flag.
func openNotes(path string, log zerolog.Logger) (*notes, error) {
	n := &notes{path: path, log: log}
	if err := n.read(); err != nil {
		return nil, fmt.Errorf("--notes: %w", err)
	}
	return n, nil
}

// now returns the text as it is now. It must not be changed.
func (n *notes) now() []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	err := n.read()
	if err != nil && !n.failing {
		n.log.Error().Err(err).Msg("the file of --notes can't be read; /counting shows what it had before")
	}
	n.failing = err != nil
	return n.text
}

// read reads the file if it is another one than before.
func (n *notes) read() error {
	info, err := os.Stat(n.path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no file", n.path)
	case info.Size() > mostNotes:
		return tooLong(n.path)
	case info.Size() == n.size && info.ModTime().Equal(n.modified):
		return nil
	}
	f, err := os.Open(n.path)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostNotes+1)) // it may grow
	switch {
	case err == nil && len(text) > mostNotes:
		err = tooLong(n.path)
	case err == nil && !utf8.Valid(text):
		err = fmt.Errorf("%s is no text in UTF-8", n.path)
	}
	if err != nil {
		return err
	}
	n.text, n.modified, n.size = text, info.ModTime(), info.Size()
	return nil
}

func tooLong(path string) error { return fmt.Errorf("%s is larger than %d KiB", path, mostNotes>>10) }
