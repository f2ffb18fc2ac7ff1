package coroot

import (
	"errors"
	"strings"
)

// maxName is more than any UUID has.
const maxName = 64

// identify returns the UUID of an installation: any word of letters, digits and dashes. It
// may be empty, where Coroot could not keep it; such a report is no installation's.
func identify(raw string) (string, error) {
	name := strings.ToLower(raw)
	if len(name) > maxName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return "", errors.New("must be a UUID, or empty")
	}
	return name, nil
}
