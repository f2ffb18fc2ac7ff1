// Package synapse is what homeservers of Matrix report: Synapse, and Dendrite at the same
// endpoint.
package synapse

import (
	"math"
	"net/http"

	"github.com/cozystack/cozystack-telemetry-server/product"
)

// What no homeserver can have.
const (
	maxUsers    = 1e9
	maxMessages = 1e11
	maxBytes    = 1 << 50
)

// Product returns the table.
func Product() product.Product {
	return product.Product{
		Name: "synapse",
		Routes: []product.Route{{
			Path:    "/report-usage-stats/push",
			Methods: []string{http.MethodPut, http.MethodPost}, // Dendrite posts
		}},
		Fields:   fields(),
		Figures:  figures(),
		Identify: identify,
	}
}

// fields are what is kept. Every daily_* is a gauge over the 24 hours before the report.
func fields() []product.Field {
	return []product.Field{
		{Path: "homeserver", Kind: product.Name},
		{Path: "homeserver", Kind: product.Text, Metric: "names", Label: "homeserver", Raw: true},
		{Path: "server_context", Kind: product.Text, Metric: "names", Label: "server_context", Raw: true},

		// Synapse says its version only here. Dendrite also says it in the report, which
		// counts where the header is that of a proxy.
		{Header: "User-Agent", Kind: product.Text, Metric: "server", Label: "server", Words: serverOf},
		{Header: "User-Agent", Kind: product.Text, Metric: "server", Label: "version", Words: versionOf},
		{Path: "version", Kind: product.Text, Metric: "server", Label: "server", Words: product.Always(dendrite)},
		{Path: "version", Kind: product.Text, Metric: "server", Label: "version", Words: product.Version(2)},

		{Path: "python_version", Kind: product.Text, Metric: "python", Label: "version", Words: product.Version(2)},
		{Path: "database_engine", Kind: product.Text, Metric: "database", Label: "engine", Words: engines()},
		{Path: "database_server_version", Kind: product.Text, Metric: "database", Label: "version", Words: databaseMajor},
		{Path: "log_level", Kind: product.Text, Metric: "log_level", Label: "level", Words: levels()},

		{Path: "total_users", Kind: product.Gauge, Metric: "total_users", Max: maxUsers},
		{Path: "total_nonbridged_users", Kind: product.Gauge, Metric: "total_nonbridged_users", Max: maxUsers},
		{Path: "total_room_count", Kind: product.Gauge, Metric: "total_room_count", Max: maxUsers},
		{Path: "monthly_active_users", Kind: product.Gauge, Metric: "monthly_active_users", Max: maxUsers},
		{Path: "daily_active_users", Kind: product.Daily, Metric: "daily_active_users", Max: maxUsers},
		{Path: "daily_active_rooms", Kind: product.Daily, Metric: "daily_active_rooms", Max: maxUsers},
		{Path: "daily_active_e2ee_rooms", Kind: product.Daily, Metric: "daily_active_e2ee_rooms", Max: maxUsers},
		{Path: "daily_messages", Kind: product.Daily, Metric: "daily_messages", Max: maxMessages},
		{Path: "daily_e2ee_messages", Kind: product.Daily, Metric: "daily_e2ee_messages", Max: maxMessages},
		{Path: "daily_sent_messages", Kind: product.Daily, Metric: "daily_sent_messages", Max: maxMessages},
		{Path: "daily_sent_e2ee_messages", Kind: product.Daily, Metric: "daily_sent_e2ee_messages", Max: maxMessages},
		{
			Path: "daily_user_type_*", Kind: product.Daily, Metric: "daily_new_users", Label: "type", Max: maxUsers,
			Words: product.OneOf("native", "guest", "bridged"),
		},
		{
			Path: "r30v2_users_*", Kind: product.Gauge, Metric: "r30v2_users", Label: "client", Max: maxUsers,
			Words: product.OneOf("all", "android", "ios", "electron", "web"),
		},

		{Path: "memory_rss", Kind: product.Gauge, Metric: "memory_rss", Max: maxBytes},
		{Path: "cpu_average", Kind: product.Gauge, Metric: "cpu_average", Max: 1e7},
		{Path: "cache_factor", Kind: product.Gauge, Metric: "cache_factor", Max: 1e6, Fraction: true},
		{Path: "event_cache_size", Kind: product.Gauge, Metric: "event_cache_size", Max: maxBytes},
	}
}

// figures are what a month shows.
func figures() []product.Figure {
	return []product.Figure{
		{Name: "users", Of: "total_users", As: product.Sum},
		{Name: "nonbridged_users", Of: "total_nonbridged_users", As: product.Sum},
		{Name: "monthly_active_users", Of: "monthly_active_users", As: product.Sum},
		{Name: "daily_active_users", Of: "daily_active_users", As: product.Sum},
		{Name: "rooms", Of: "total_room_count", As: product.Sum},
		{Name: "messages_per_day", Of: "daily_messages", As: product.Sum},
		{Name: "encrypted_messages_per_day", Of: "daily_e2ee_messages", As: product.Sum},
		// A message is counted either as encrypted or as not. So is a room, except on the
		// day on which encryption is turned on.
		{Name: "encrypted_messages_percent", Of: "daily_e2ee_messages", Beside: "daily_messages", As: product.Percent},
		{Name: "encrypted_rooms_percent", Of: "daily_active_e2ee_rooms", Beside: "daily_active_rooms", As: product.Percent},
		{Name: "new_users_per_day", Of: "daily_new_users", By: "type", As: product.Sum},
		{Name: "r30v2_users", Of: "r30v2_users", By: "client", As: product.Sum},

		{Name: "homeservers", Of: "total_users", As: product.InBuckets, Buckets: []product.Bucket{
			{Most: 0, Name: "without users"}, {Most: math.Inf(1), Name: "with users"},
		}},
		{Name: "size", Of: "monthly_active_users", As: product.InBuckets, Buckets: []product.Bucket{
			{Most: 0, Name: "0"},
			{Most: 1, Name: "1"},
			{Most: 5, Name: "2-5"},
			{Most: 20, Name: "6-20"},
			{Most: 100, Name: "21-100"},
			{Most: 1000, Name: "101-1000"},
			{Most: math.Inf(1), Name: ">1000"},
		}},
		{Name: "server", Of: "server", As: product.Newest, Labels: []string{"server"}},
		{Name: "version", Of: "server", As: product.Newest, Labels: []string{"server", "version"}},
		{Name: "database_engine", Of: "database", As: product.Newest, Labels: []string{"engine"}},
		{Name: "database", Of: "database", As: product.Newest, Labels: []string{"engine", "version"}},
		{Name: "python", Of: "python", As: product.Newest, Labels: []string{"version"}},
	}
}
