package private

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"os"
	"strings"
)

// A token has at least as many bytes as nobody tries, and at most what a header holds.
const leastToken, mostToken = 16, 4096

// Token is what tells who may ask the private listener. The zero token is none.
type Token struct{ text string }

// ReadToken reads the token of --admin-token-file, without the white space around it.
// An empty path is the zero token. No error repeats what is in the file.
func ReadToken(path string) (Token, error) {
	if path == "" {
		return Token{}, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return Token{}, fmt.Errorf("--admin-token-file: %w", err)
	}
	text := strings.TrimSpace(string(content))
	if len(text) < leastToken || len(text) > mostToken {
		return Token{}, fmt.Errorf("--admin-token-file: %s has %d bytes; a token has %d to %d", path, len(text), leastToken, mostToken)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return Token{}, fmt.Errorf("--admin-token-file: %s has more than one word of ASCII", path)
	}
	return Token{text}, nil
}

// Sign puts the token on a request. The zero token leaves it as it is.
func (t Token) Sign(r *http.Request) {
	if t.text != "" {
		r.Header.Set("Authorization", "Bearer "+t.text)
	}
}

// cameWith tells whether a request has the token. How long that takes says nothing of
// the token: sums are compared, not texts.
func (t Token) cameWith(r *http.Request) bool {
	if t.text == "" {
		return true
	}
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	got, want := sha256.Sum256([]byte(text)), sha256.Sum256([]byte(t.text))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(got[:], want[:]) == 1
}
