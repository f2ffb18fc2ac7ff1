package site

import (
	_ "embed"
	"net/http"

	"github.com/cozystack/cozystack-telemetry-server/overview/httpanswer"
)

// openAPIFile describes every address of the public listener, in OpenAPI 3.1.
//
//go:embed openapi.yaml
var openAPIFile []byte

// openAPI answers with it.
func openAPI() http.HandlerFunc {
	a := httpanswer.New("application/yaml", openAPIFile, true)
	return func(w http.ResponseWriter, r *http.Request) { a.Write(w, r) }
}
