package child

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// CopyFile copies a database file that nobody has open, so that what a server stores in
// it does not change the next one's.
func CopyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("child: %w", err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("child: %w", err)
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("child: %w", err)
	}
	return nil
}
