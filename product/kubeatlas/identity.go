package kubeatlas

import (
	"errors"
	"strings"
)

// nonceDigits is how long a nonce is, and noNonce what a session sends that could make
// none.
const (
	nonceDigits = 32
	noNonce     = "0000000000000000"
)

// identify returns the nonce of a session, "" if it has none.
func identify(raw string) (string, error) {
	name := strings.ToLower(raw)
	switch {
	case name == noNonce:
		return "", nil
	case len(name) != nonceDigits || strings.Trim(name, "0123456789abcdef") != "":
		return "", errors.New("must be 32 hexadecimal digits")
	}
	return name, nil
}
