package export

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// minAliasKey is how long a key must at least be: cluster ids are known to those
// who run the clusters, so a short key could be guessed with them.
const minAliasKey = 16

// Alias returns what names a cluster in place of its id: the first 16 digits of an
// HMAC-SHA256.
type Alias func(cluster string) string

// RandomAlias has a key of its own, which nobody knows: no other export has the
// same names.
func RandomAlias() Alias {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	return aliasOf(key)
}

// KeyedAlias gives the same names wherever the key is the same. A short key is an
// error.
func KeyedAlias(key []byte) (Alias, error) {
	if len(key) < minAliasKey {
		return nil, fmt.Errorf("%d bytes; a key has at least %d", len(key), minAliasKey)
	}
	return aliasOf(key), nil
}

func aliasOf(key []byte) Alias {
	return func(cluster string) string {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(cluster))
		return hex.EncodeToString(mac.Sum(nil)[:8])
	}
}
