package product

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Keys hand out the keys that names are hashed under: 32 random bytes each, which the
// caller does not change. Methods may be called concurrently.
type Keys interface {
	// Instance returns the key of the file, made with it and never published. Without it
	// nobody can try names until one fits.
	Instance() ([]byte, error)
	// Session returns the key of a UTC day. It is made when the day is first asked for,
	// and destroyed when the day has ended; then it is an error.
	Session(day rollup.Date) ([]byte, error)
}

// idBytes is how much of the hash an id has: with 128 bits no two names ever meet.
const idBytes = 16

// ID returns the id of a sender in the file, 32 hexadecimal digits, of its name as
// [Report.Name] has it. It is "" for a sender without a name: its report counts, and is
// no instance's. The ids of sessions are those of one UTC day, on which the report came.
func (p Product) ID(keys Keys, name string, day rollup.Date) (id string, err error) {
	if name == "" {
		return "", nil
	}
	var key []byte
	if p.Sessions {
		key, err = keys.Session(day)
	} else {
		key, err = keys.Instance()
	}
	if err != nil {
		return "", fmt.Errorf("product: the key of %s: %w", p.Name, err)
	}
	return HashName(key, name), nil
}

// HashName returns the id of a name under a key: what [Product.ID] returns of it.
func HashName(key []byte, name string) string {
	hash := hmac.New(sha256.New, key)
	_, _ = hash.Write([]byte(name)) // never fails
	return hex.EncodeToString(hash.Sum(nil)[:idBytes])
}
