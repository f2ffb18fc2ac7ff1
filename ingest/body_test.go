package ingest

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// A connection that is reset in the middle of a body is refused without the
// peer's address in the cause, which is logged.
func TestResetConnectionLeavesNoAddress(t *testing.T) {
	results := make(chan Result, 1)
	server := newServer(t, &memory{}, Config{OnResult: func(r Result) { results <- r }})
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nX-Cluster-ID: c1\r\nContent-Length: 1000\r\n\r\ncozy_a 1\n")
	// The rest never comes: a linger of 0 makes the close a reset.
	if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	address := conn.LocalAddr().String()
	conn.Close()
	select {
	case r := <-results:
		if r.Err == nil || strings.Contains(r.Err.Error(), "127.0.0.1") || strings.Contains(r.Err.Error(), address) {
			t.Errorf("the cause is %v", r.Err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the request has no end")
	}
}
