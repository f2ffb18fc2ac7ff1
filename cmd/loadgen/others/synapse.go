package others

import (
	"fmt"
	"strings"
	"time"
)

// homeserver is a Synapse or a Dendrite.
type homeserver struct {
	*life
	name             string
	dendrite, shouts bool // a name is the same in capitals
	proxied          bool // its user agent does not come through
	old              bool // from before some fields
	mute             bool // does not know its database's version
	context          string
	engine, database int
	minor, python    int
	users, active    int
	encrypted        float64 // share of its messages
}

// What homeservers run: as it is sent, and as it is shown.
var (
	postgres = []spelling{{"9.6.24", "9.6"}, {"12.19", "12"}, {"15.8 (Debian 15.8-1)", "15"}, {"16.2", "16"}, {"17.0", "17"}}
	sqlites  = []spelling{{"3.34.1", "3"}, {"3.45.1", "3"}}
	pythons  = []string{"3.9.2", "3.10.12", "3.11.2", "3.12.0", "3.13.1"}
)

// spelling is a text and what is shown of it.
type spelling struct{ sent, shown string }

func newSynapse(l *life) {
	h := &homeserver{life: l}
	h.name = fmt.Sprintf("%s-%d.homeserver.example", Canary, l.Int64())
	h.dendrite, h.shouts, h.proxied, h.old = l.chance(0.2), l.chance(0.05), l.chance(0.02), l.chance(0.05)
	h.mute = h.dendrite && l.chance(0.1)
	if l.chance(0.2) {
		h.context = Canary + " of someone's own words"
	}
	h.engine, h.python, h.minor = l.IntN(2), l.IntN(3), 130+l.IntN(20)
	if h.engine == 0 {
		h.database = l.IntN(3)
	}
	if l.chance(0.92) {
		h.users = 1 + int(l.ExpFloat64()*l.ExpFloat64()*300)
		h.active = l.upTo(min(h.users, 1+int(l.ExpFloat64()*40)))
	}
	h.encrypted = l.Float64()
	l.start, l.send = h.begin, h.request
}

// begin is a start, mostly after an update of something.
func (h *homeserver) begin(first bool) {
	if first {
		return
	}
	if h.chance(0.6) {
		h.minor++
	}
	if h.chance(0.1) {
		h.python = min(h.python+1, len(pythons)-1)
	}
	if h.chance(0.1) && h.engine == 0 {
		h.database = min(h.database+1, len(postgres)-1)
	}
	h.old = h.old && h.chance(0.5)
}

// homeserverState is what a report has.
type homeserverState struct {
	name            string
	server, version string // "": not known
	engine          string
	database        string
	python          string
	// numbers are those of the report by the names of the fields: what is missing or null is
	// not there.
	numbers map[string]int
}

func (h *homeserver) request() request {
	h.users += h.upTo(1) * h.upTo(min(h.users, 3))
	s := homeserverState{name: strings.ToLower(h.name), server: "synapse", numbers: h.numbers()}
	r := request{method: "PUT", path: "/report-usage-stats/push", typed: true, body: make(map[string]any)}
	for name, n := range s.numbers {
		r.body[name] = n
	}
	r.body["homeserver"] = h.name
	if h.shouts && h.chance(0.5) {
		r.body["homeserver"] = strings.ToUpper(h.name)
	}
	r.body["server_context"] = nil
	if h.context != "" {
		r.body["server_context"] = h.context
	}
	r.body["timestamp"], r.body["uptime_seconds"] = h.at.Unix(), h.upTo(1e6)
	h.versions(&s, &r)
	h.engines(&s, &r)
	if h.chance(0.02) { // a query failed
		for _, name := range []string{"daily_active_users", "daily_user_type_native", "r30v2_users_all"} {
			delete(s.numbers, name)
			r.body[name] = nil
		}
	}
	r.state = s
	return r
}

// numbers are what a homeserver counts. Of daily ones it counts the day before.
func (h *homeserver) numbers() map[string]int {
	messages := h.around(h.active * 30)
	encrypted := int(float64(messages) * h.encrypted)
	rooms := h.around(h.active * 3)
	n := map[string]int{
		"total_users": h.users, "total_room_count": h.users * 3, "monthly_active_users": h.active,
		"daily_active_users": h.upTo(h.active),
		"daily_messages":     messages - encrypted, "daily_e2ee_messages": encrypted,
		"daily_active_rooms": rooms - rooms/3, "daily_active_e2ee_rooms": rooms / 3,
		"daily_sent_messages": messages / 2, "daily_sent_e2ee_messages": encrypted / 2,
		"memory_rss": 300000 + h.upTo(100000), "cpu_average": h.upTo(50), "event_cache_size": 10240,
	}
	if h.old {
		return n
	}
	n["total_nonbridged_users"] = h.users * 2 / 3
	if h.dendrite {
		n["total_room_count"] = 0
		if h.chance(0.1) { // a query failed
			return n
		}
	}
	n["daily_user_type_native"], n["daily_user_type_guest"], n["daily_user_type_bridged"] = h.upTo(2), 0, h.upTo(h.active/10)
	if h.active > 50 {
		n["daily_user_type_"+Canary] = h.upTo(1)
	}
	for i, client := range []string{"all", "android", "ios", "electron", "web"} {
		n["r30v2_users_"+client] = h.active / (i + 1)
	}
	return n
}

// versions says what the server runs, and by which header.
func (h *homeserver) versions(s *homeserverState, r *request) {
	if h.dendrite {
		s.server, s.version = "dendrite", "0."+fmt.Sprint(h.minor-120)
		full := s.version + ".8-rc1+main.abc123"
		r.method, r.typed, r.agent = "POST", false, "Dendrite/"+full
		r.body["version"], r.body["go_version"], r.body["num_cpu"], r.body["monolith"] = full, "go1.22.1", 8, true
		if h.proxied {
			r.agent = "Proxy/1.0"
		}
		return
	}
	s.version = fmt.Sprintf("1.%d", h.minor)
	r.agent = "Synapse/" + s.version + h.of(".0", ".1", ".1 (b=develop,abc123,dirty)", "rc1")
	if h.proxied {
		s.server, s.version, r.agent = "", "", ""
	}
	s.python = pythons[h.python][:strings.LastIndex(pythons[h.python], ".")]
	r.body["python_version"] = pythons[h.python]
}

// engines says what the server keeps its data in.
func (h *homeserver) engines(s *homeserverState, r *request) {
	s.engine = []string{"postgresql", "sqlite"}[h.engine]
	r.body["database_engine"] = []string{"psycopg2", "sqlite3"}[h.engine]
	r.body["log_level"] = h.of("INFO", "WARNING")
	if h.dendrite {
		r.body["database_engine"] = []string{"Postgres", "SQLite"}[h.engine]
		r.body["log_level"] = h.of("info", "warn")
	}
	version := postgres[h.database]
	if h.engine == 1 {
		version = sqlites[h.database]
	}
	if h.mute {
		version = spelling{"unknown", "unknown"}
	}
	s.database, r.body["database_server_version"] = version.shown, version.sent
}

func (s homeserverState) unit() string { return s.name }

func (s homeserverState) tell(seen *seen, at time.Time) {
	for name, n := range s.numbers {
		if strings.HasPrefix(name, "daily_") {
			if name == "daily_user_type_"+Canary {
				name = "daily_user_type_other"
			}
			seen.day(name, at, float64(n))
			continue
		}
		seen.gauge(name, float64(n))
	}
	if s.server != "" {
		seen.text("server", s.server)
		seen.text("version", s.server+" "+s.version)
	}
	seen.text("database_engine", s.engine)
	seen.text("database", s.engine+" "+s.database)
	if s.python != "" {
		seen.text("python", s.python)
	}
}
