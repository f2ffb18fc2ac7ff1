package ingest

import "net/http"

// clusterHeader carries the sender's id: the UID of its namespace kube-system.
const clusterHeader = "X-Cluster-Id"

// maxClusterID is the longest name that Kubernetes gives an object.
const maxClusterID = 253

// clusterID returns the sender's id. The error's text does not repeat the value.
func clusterID(h http.Header) (string, error) {
	values := h[clusterHeader]
	if len(values) == 0 || values[0] == "" {
		return "", refuseCluster("the header X-Cluster-ID is missing")
	}
	for _, v := range values[1:] {
		if v != values[0] {
			return "", refuseCluster("the header X-Cluster-ID stands twice with different values")
		}
	}
	if !validClusterID(values[0]) {
		return "", refuseCluster("the header X-Cluster-ID must be 1 to 253 letters, digits, dots, dashes and underscores")
	}
	return values[0], nil
}

func refuseCluster(text string) error {
	return &Refusal{Status: http.StatusBadRequest, Reason: BadID, Text: text}
}

func validClusterID(id string) bool {
	if id == "" || len(id) > maxClusterID {
		return false
	}
	for i := range len(id) {
		c := id[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
