package synapse

import (
	"errors"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/product"
)

// The servers that report, as their user agents name them.
const (
	synapse  = "synapse"
	dendrite = "dendrite"
)

// maxName is the longest name of a homeserver, by Matrix's own rule.
const maxName = 255

// identify returns the lower-cased name of a homeserver: a domain, or an address, and
// maybe a port.
func identify(raw string) (string, error) {
	name := strings.ToLower(raw)
	if name == "" || len(name) > maxName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.:[]") != "" {
		return "", errors.New("must be the name of a homeserver")
	}
	return name, nil
}

// serverOf returns the server of a user agent, "" if it is another program's.
func serverOf(agent string) string {
	server, _ := splitAgent(agent)
	return server
}

// versionOf returns the minor version of a user agent such as
// "Synapse/1.157.1 (b=develop,abc123,dirty)", "" if it is another program's.
func versionOf(agent string) string {
	server, version := splitAgent(agent)
	if server == "" {
		return ""
	}
	return product.Version(2)(version)
}

func splitAgent(agent string) (server, version string) {
	name, version, _ := strings.Cut(agent, "/")
	switch server = strings.ToLower(name); server {
	case synapse, dendrite:
		return server, version
	}
	return "", ""
}

// engines has one spelling of what Synapse calls by drivers and Dendrite by names.
func engines() product.Words {
	return product.Spelt(map[string]string{
		"psycopg2": "postgresql", "postgres": "postgresql", "postgresql": "postgresql", "sqlite3": "sqlite", "sqlite": "sqlite",
	})
}

// levels has one spelling of the levels of Python and of Go's logrus.
func levels() product.Words {
	return product.Spelt(map[string]string{
		"trace": "DEBUG", "debug": "DEBUG", "info": "INFO", "warn": "WARNING", "warning": "WARNING",
		"error": "ERROR", "critical": "CRITICAL", "fatal": "CRITICAL", "panic": "CRITICAL", "notset": "NOTSET",
	})
}

// databaseMajor returns the major version of a database: two numbers of a PostgreSQL
// before 10, as it counted then, and one of any else.
func databaseMajor(text string) string {
	if strings.HasPrefix(text, "9.") {
		return product.Version(2)(text)
	}
	return product.Version(1, product.Unknown)(text)
}
