package others

import "math/big"

// synapse counts homeservers.
func (c *count) synapse() {
	for name, field := range map[string]string{
		"users": "total_users", "nonbridged_users": "total_nonbridged_users", "monthly_active_users": "monthly_active_users", "rooms": "total_room_count",
	} {
		c.sum(name, gaugeOf(field))
	}
	for name, field := range map[string]string{
		"daily_active_users": "daily_active_users", "messages_per_day": "daily_messages", "encrypted_messages_per_day": "daily_e2ee_messages",
	} {
		c.sum(name, meanOf(field))
	}
	c.percent("encrypted_messages_percent", meanOf("daily_e2ee_messages"), meanOf("daily_messages"))
	c.percent("encrypted_rooms_percent", meanOf("daily_active_e2ee_rooms"), meanOf("daily_active_rooms"))
	for _, kind := range []string{"native", "guest", "bridged", "other"} {
		if mean := meanOf("daily_user_type_" + kind); len(c.values(mean)) > 0 {
			c.sum("new_users_per_day_"+kind, mean)
		}
	}
	for _, client := range []string{"all", "android", "ios", "electron", "web"} {
		if gauge := gaugeOf("r30v2_users_" + client); len(c.values(gauge)) > 0 {
			c.sum("r30v2_users_"+client, gauge)
		}
	}
	c.ranges("homeservers", "total_users", func(v float64) string {
		if v > 0 {
			return "with users"
		}
		return "without users"
	})
	c.ranges("size", "monthly_active_users", func(v float64) string {
		switch {
		case v < 1:
			return "0"
		case v < 2:
			return "1"
		case v < 6:
			return "2-5"
		case v < 21:
			return "6-20"
		case v < 101:
			return "21-100"
		case v < 1001:
			return "101-1000"
		}
		return ">1000"
	})
	c.texts("server", "version", "database_engine", "database", "python")
}

// coroot counts installations of Coroot.
func (c *count) coroot() {
	for _, name := range []string{"nodes", "cpu_cores", "applications", "instances", "projects"} {
		c.sum(name, gaugeOf(name))
		c.quantiles(name, gaugeOf(name))
	}
	c.sum("gpus", gaugeOf("gpus"))
	c.quantiles("world_load_time_seconds", meanOf("world_load_time_seconds"))
	c.quantiles("audit_time_seconds", meanOf("audit_time_seconds"))
	for _, name := range []string{"deployments", "page_views", "api_calls", "mcp_calls"} {
		c.sum(name, sumOf(name))
	}
	c.sum("sent_notifications", sumOf("slack", "other"))
	c.texts("version", "edition", "installation", "database")
	for _, name := range []string{"prometheus", "node_agent", "kube_state_metrics", "cloud_costs", "clickhouse", "argocd"} {
		c.adoption(name)
	}
	c.sets("clouds", "services", "instrumented_services", "alerting", "kernels", "inspections_overridden")
}

// kubeAtlas counts sessions, of which there are so many on each day.
func (c *count) kubeAtlas(perDay map[int64]int) {
	most, sum := 0, 0
	for _, n := range perDay {
		most, sum = max(most, n), sum+n
	}
	c.show("sessions_per_day_highest", big.NewRat(int64(most), 1))
	if sum > 0 {
		c.show("sessions_per_day_mean", big.NewRat(int64(sum), int64(len(perDay))))
	}
	c.texts("version", "kubernetes", "platform", "tier", "resources")
	c.sets("packs")
	c.ranges("clusters", "clusters", func(v float64) string {
		switch {
		case v > 10:
			return ">10"
		case v > 5:
			return "6-10"
		case v > 2:
			return "3-5"
		}
		return []string{"0", "1", "2"}[int(v)]
	})
}
