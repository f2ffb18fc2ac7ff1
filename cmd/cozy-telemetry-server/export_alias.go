package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
)

// minAliasKey is how long a key must at least be: cluster ids are known to those
// who run the clusters, so a short key could be guessed with them.
const minAliasKey = 16

// newAlias returns what names clusters in place of their ids: the first 16 digits
// of an HMAC-SHA256. The key is a file's content, or else random: then no other
// export has the same names.
func newAlias(keyFile string) (func(string) string, error) {
	key := make([]byte, sha256.Size)
	if keyFile == "" {
		_, _ = rand.Read(key) // never fails
	} else {
		content, err := os.ReadFile(keyFile)
		if err != nil {
			return nil, err
		}
		if key = bytes.TrimSpace(content); len(key) < minAliasKey {
			return nil, fmt.Errorf("--anonymize-key-file: %s has %d bytes; a key has at least %d", keyFile, len(key), minAliasKey)
		}
	}
	return func(cluster string) string {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(cluster))
		return hex.EncodeToString(mac.Sum(nil)[:8])
	}, nil
}
