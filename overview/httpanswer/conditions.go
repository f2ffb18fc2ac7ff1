package httpanswer

import (
	"strconv"
	"strings"
)

// matches compares weakly, as If-None-Match does.
func matches(headers []string, etag string) bool {
	for _, header := range headers {
		for tag := range strings.SplitSeq(header, ",") {
			tag = strings.TrimSpace(tag)
			if tag == "*" || strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(etag, "W/") {
				return true
			}
		}
	}
	return false
}

// acceptsGzip reads Accept-Encoding. A weight of zero forbids.
func acceptsGzip(headers []string) bool {
	any := false
	for _, header := range headers {
		for coding := range strings.SplitSeq(header, ",") {
			name, params, _ := strings.Cut(coding, ";")
			weight, found := strings.CutPrefix(strings.TrimSpace(params), "q=")
			q, err := strconv.ParseFloat(strings.TrimSpace(weight), 64)
			accepted := !found || err == nil && q > 0
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "gzip":
				return accepted
			case "*":
				any = accepted
			}
		}
	}
	return any
}
