package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// What somebody else has made meanwhile is not replaced either.
func TestOutputThatComesMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	err := WriteOut(path, false, func(io.Writer) error { return os.WriteFile(path, []byte("mine"), 0o600) })
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("it says %v", err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if content, _ := os.ReadFile(path); err != nil || string(content) != "mine" || len(entries) != 1 {
		t.Errorf("the folder has %v, and the file %q", entries, content)
	}
}
