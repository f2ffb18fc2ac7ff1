package cli

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// identityDigits is how long a key is, in hexadecimal digits.
const identityDigits = 64

// IdentityKeyVar declares --identity-key-file, which IdentityKey reads.
func IdentityKeyVar(f *pflag.FlagSet, path *string) {
	f.StringVar(path, "identity-key-file", "", "file with the key that names of other products' instances are hashed under, 64 hexadecimal digits, for a new file; empty: one is made")
}

// IdentityKey reads the key of --identity-key-file, nil for an empty path. No error repeats
// what is in the file.
func IdentityKey(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--identity-key-file: %w", err)
	}
	text := strings.TrimSpace(string(content))
	key, err := hex.DecodeString(text)
	if err != nil || len(text) != identityDigits {
		return nil, fmt.Errorf("--identity-key-file: %s has no key of %d hexadecimal digits, such as `openssl rand -hex %d` makes", path, identityDigits, identityDigits/2)
	}
	return key, nil
}
