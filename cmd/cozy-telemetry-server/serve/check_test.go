package serve

import "testing"

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		public, admin string
		ok            bool
	}{
		{":8081", "127.0.0.1:8082", true},
		{":8081", "", true},
		{":0", "127.0.0.1:0", true}, // the system takes two
		{"127.0.0.1:8081", "127.0.0.2:8081", true},
		{"[::1]:8081", "127.0.0.1:8081", true},
		{":8081", ":8081", false},
		{":8081", "127.0.0.1:8081", false},
		{":8081", "localhost:8081", false},
		{":8081", ":08081", false},
		{"0.0.0.0:8081", "10.0.0.1:8081", false},
		{"10.0.0.1:8081", "[::]:8081", false},
		{"127.0.0.1:8081", "localhost:8081", false},
		{"127.0.0.1:8081", "[::ffff:127.0.0.1]:8081", false},
		{"localhost:80", "LOCALHOST:http", false},
		{"public.example:8081", "admin.example:8081", false}, // who knows where they lead
		{":65536", "127.0.0.1:8082", false},
		{":8081", ":65536", false},
		{":8081", "127.0.0.1:-1", false},
		{":8081", "127.0.0.1:", false},
		{":8081", "127.0.0.1:no-such-service", false},
		{"8081", "127.0.0.1:8082", false},
	} {
		cfg := Config{listenAddr: c.public, adminAddr: c.admin}
		if err := cfg.checkListeners(); (err == nil) != c.ok {
			t.Errorf("--listen-addr=%s --admin-addr=%s: %v", c.public, c.admin, err)
		}
	}
}
