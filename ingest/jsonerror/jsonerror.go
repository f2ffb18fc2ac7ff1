// Package jsonerror writes the refusals of all HTTP handlers, so that a client
// reads every one of them in the same way.
package jsonerror

import (
	"encoding/json"
	"net/http"
)

// Write answers with a status and {"error": text}, which no cache keeps. Headers
// such as Retry-After are the caller's, and set before. Nobody is left to tell of
// a connection that broke.
func Write(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": text})
}
